package train

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/table"
)

// preprocess begins a model: inputs for raw columns, and the nodes that turn them into a matrix of width features.
//
// All columns numeric: one input of all columns, Imputer (if values are missing), Scaler. Otherwise one input per
// column: the numbers are concatenated first, every text column goes through a OneHotEncoder.
type preprocess struct {
	*builder
	inputs  []graph.Input // what the signature says of the inputs
	value   string        // the feature matrix [rows, width]
	width   int
	missing bool // some numeric cell of the table is missing
}

func newPreprocess(features []feature, c *config, rows []int) *preprocess {
	var numeric, text []feature
	p := &preprocess{builder: newBuilder()}
	for _, f := range features {
		if !f.Numeric() {
			text = append(text, f)
			continue
		}
		numeric = append(numeric, f)
		for i := range f.Numbers {
			p.missing = p.missing || f.Column.Missing(i)
		}
	}
	var parts []string
	if len(text) == 0 {
		parts = append(parts, p.wholeInput(numeric, rows))
	} else {
		byName := p.columnInputs(features, rows)
		for _, f := range numeric {
			parts = append(parts, byName[f.Name])
		}
		if len(parts) > 1 {
			parts = []string{p.concat("numbers", parts)}
		}
		if len(parts) > 0 {
			parts[0] = p.normalise(parts[0], numeric, c, rows, false)
		}
		for _, f := range text {
			parts = append(parts, p.oneHot(byName[f.Name], f))
			p.width += len(f.categories)
		}
		p.width += len(numeric)
		p.value = parts[0]
		if len(parts) > 1 {
			p.value = p.concat("features", parts)
		}
		return p
	}
	height, width, image := picture(numeric)
	if image {
		p.inputs[0].Image = []int{height, width}
		for _, f := range numeric {
			_, hi := columnRange(f.Numbers, make([]float32, len(numeric)), 0, rows)
			p.inputs[0].Max = max(p.inputs[0].Max, hi)
		}
	}
	p.value, p.width = p.normalise(parts[0], numeric, c, rows, image), len(numeric)
	return p
}

// wholeInput declares one input of all columns.
func (p *preprocess) wholeInput(numeric []feature, rows []int) string {
	in := graph.Input{Name: nameInput, Missing: p.missing, Stats: statistics(numeric, rows)}
	for _, f := range numeric {
		in.Columns = append(in.Columns, f.Name)
	}
	p.inputs = []graph.Input{in}
	return p.input(nameInput, tensor.Float32, len(numeric))
}

// columnInputs declares one input per column, in the order of the table.
func (p *preprocess) columnInputs(features []feature, rows []int) map[string]string {
	stats := statistics(features, rows)
	names := make(map[string]string, len(features))
	for i, f := range features {
		d := tensor.Float32
		missing := p.missing
		if !f.Numeric() {
			d, missing = tensor.String, false
			for _, v := range f.categories {
				missing = missing || v == ""
			}
		}
		name := p.input(f.Name, d, 1)
		names[f.Name] = name
		in := graph.Input{Name: name, Columns: []string{f.Name}, Missing: missing}
		if stats != nil {
			in.Stats = stats[i : i+1]
		}
		p.inputs = append(p.inputs, in)
	}
	return names
}

func (p *preprocess) concat(name string, parts []string) string {
	return p.node(graph.DomainONNX, "Concat", name, map[string]graph.Attr{"axis": graph.Int(1)}, parts...)
}

// normalise fills missing numbers and scales.
func (p *preprocess) normalise(v string, numeric []feature, c *config, rows []int, image bool) string {
	filled := make([]float32, len(numeric))
	if p.missing {
		filled = fillValues(c.Impute, numeric, rows)
		v = p.node(graph.DomainML, "Imputer", "filled", map[string]graph.Attr{
			"imputed_value_floats": graph.Floats(filled),
			"replaced_value_float": graph.Float32(float32(math.NaN())),
		}, v)
	}
	if s := chooseScaling(c.Scale, c.family, numeric, filled, rows, image); s.scale != nil {
		v = p.node(graph.DomainML, "Scaler", "scaled", map[string]graph.Attr{
			"offset": graph.Floats(s.offset), "scale": graph.Floats(s.scale),
		}, v)
	}
	return v
}

// oneHot encodes a text column [rows, 1] as [rows, categories]; an unknown category is all zeros.
func (p *preprocess) oneHot(v string, f feature) string {
	v = p.node(graph.DomainML, "OneHotEncoder", f.Name+".onehot", map[string]graph.Attr{
		"cats_strings": graph.Strs(f.categories), "zeros": graph.Int(1),
	}, v)
	shape := p.constant(f.Name+".shape", tensor.Of([]int64{-1, int64(len(f.categories))}, 2))
	return p.node(graph.DomainONNX, "Reshape", f.Name+".code", nil, v, shape)
}

// chunkRows is how many rows are run through a model at once here.
const chunkRows = 1024

// features runs the preprocessing nodes as the finished model will, and returns the feature matrix of rows.
func (p *preprocess) features(t *table.Table, rows []int, pool *kernels.Pool) ([]float32, error) {
	src, err := newSource(t, p.inputs)
	if err != nil {
		return nil, err
	}
	matrix := make([]float32, 0, len(rows)*p.width)
	if len(p.m.Graph.Nodes) == 0 { // the input is the feature matrix
		in := []*tensor.Tensor{tensor.New(tensor.Float32, 0, p.width)}
		for at := 0; at < len(rows); at += chunkRows {
			src.fill(in, rows[at:min(at+chunkRows, len(rows))])
			matrix = append(matrix, tensor.Data[float32](in[0])...)
		}
		return matrix, nil
	}
	m := p.m.Clone()
	m.Graph.Outputs = []graph.Value{{Name: p.value, DType: tensor.Float32, Shape: []int{-1, p.width}}}
	pl, err := plan.Compile(m, plan.Options{Pool: pool})
	if err != nil {
		return nil, fmt.Errorf("preprocessing: %w", err)
	}
	err = runRows(pl, src, rows, func(out []float32) { matrix = append(matrix, out...) })
	return matrix, err
}

// runRows runs a plan over rows of a table, chunk by chunk, and hands the first output to use.
func runRows(pl *plan.Plan, src *source, rows []int, use func(out []float32)) error {
	in, out := pl.NewInputs(0), pl.NewOutputs()
	for at := 0; at < len(rows); at += chunkRows {
		src.fill(in, rows[at:min(at+chunkRows, len(rows))])
		if err := pl.Run(in, out); err != nil {
			return err
		}
		use(tensor.Data[float32](out[0]))
	}
	return nil
}
