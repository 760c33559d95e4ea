package train

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/onnx"
	"github.com/hotpath/hotpath/loader/table"
)

const (
	digitsCSV = "../../cmd/hotpath/digits/digits.csv"
	cancerCSV = "testdata/breast_cancer.csv"
)

func open(t *testing.T, path string) *table.Table {
	t.Helper()
	tab, err := table.Open(path, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func read(t *testing.T, text string) *table.Table {
	t.Helper()
	tab, err := table.Read("test.csv", []byte(text), table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func fit(t *testing.T, tab *table.Table, s Spec, o Options) *Result {
	t.Helper()
	r, err := Fit(tab, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func file(t *testing.T, m *graph.Model) []byte {
	t.Helper()
	data, err := onnx.Write(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAccuracy fits every family and every optimizer on real data and demands the accuracy that scikit-learn's models
// have there (see bench/peers/sklearn_compare.py), less a margin for the split.
func TestAccuracy(t *testing.T) {
	digits, cancer := open(t, digitsCSV), open(t, cancerCSV)
	pool := kernels.NewPool(2)
	defer pool.Close()
	check := func(s Spec, onDigits, onCancer float64) {
		for _, c := range []struct {
			tab    *table.Table
			target string
			floor  float64
		}{{digits, "label", onDigits}, {cancer, "diagnosis", onCancer}} {
			s.Target = c.target
			s.Seed = 3
			r := fit(t, c.tab, s, Options{Pool: pool})
			if r.Holdout.Accuracy < c.floor {
				t.Errorf("%s %s on %s: accuracy %.4f, expected at least %.3f", s.Model, s.Optimizer, c.tab.File, r.Holdout.Accuracy, c.floor)
			}
		}
	}
	check(Spec{Model: "mlp:128,64"}, 0.97, 0.96)
	check(Spec{Model: "linear"}, 0.96, 0.96)
	check(Spec{Model: "svm"}, 0.95, 0.95)
	check(Spec{Model: "svm", Loss: "hinge"}, 0.95, 0.95)
	check(Spec{Model: "tree"}, 0.83, 0.90)
	for _, o := range optimizerTable {
		check(Spec{Model: "mlp:32", Optimizer: o.name}, 0.94, 0.95)
		check(Spec{Model: "linear", Optimizer: o.name}, 0.95, 0.95)
		check(Spec{Model: "svm", Optimizer: o.name}, 0.95, 0.95)
	}
}

// TestSameBits: one seed gives one file on 1 and 2 threads and on every tier of this machine, and another seed another file.
func TestSameBits(t *testing.T) {
	cancer := open(t, cancerCSV)
	for _, s := range []Spec{
		{Model: "mlp:40,24", Epochs: 3}, {Model: "mlp:300", Epochs: 2, Optimizer: "rmsprop", Batch: 200},
		{Model: "linear"}, {Model: "linear", Optimizer: "gd", Epochs: 20}, {Model: "svm"}, {Model: "svm", Loss: "hinge", Epochs: 5}, {Model: "tree"},
		{Model: "linear", Target: "mean area"}, {Model: "tree", Target: "mean area"},
	} {
		t.Run(fmt.Sprint(s.Model, s.Optimizer, s.Loss, s.Target), func(t *testing.T) {
			if s.Target == "" {
				s.Target = "diagnosis"
			}
			want := file(t, fit(t, cancer, s, Options{}).Model)
			for _, tier := range cpu.Tiers() {
				if tier > cpu.Detected() {
					continue
				}
				for threads := 1; threads <= 2; threads++ {
					pool, previous := kernels.NewPool(threads), kernels.SetTier(tier)
					got := file(t, fit(t, cancer, s, Options{Pool: pool}).Model)
					kernels.SetTier(previous)
					pool.Close()
					if !bytes.Equal(got, want) {
						t.Errorf("%v on %d threads: another file", tier, threads)
					}
				}
			}
			s.Seed = 1
			if bytes.Equal(file(t, fit(t, cancer, s, Options{}).Model), want) {
				t.Error("seed 1 gives the file of seed 0")
			}
		})
	}
}

// messy is a table with a byte-order mark, CRLF, quotes, missing numbers and text, a constant, and identifiers.
func messy() string {
	r := rand.New(rand.NewPCG(9, 9))
	var b strings.Builder
	b.WriteString("\xef\xbb\xbfid,colour,\"size, cm\",weight,output,constant,code,bought\r\n")
	for i := range 300 {
		colour := []string{"red", "green", `"blue, dark"`, `"say ""hi"""`, ""}[r.IntN(5)]
		size := r.IntN(100)
		weight := []string{"?", "NA", fmt.Sprint(r.IntN(40))}[r.IntN(3)]
		bought := "no"
		if (size > 50) != (colour == "red") {
			bought = "yes"
		}
		fmt.Fprintf(&b, "%d,%s,%d,%s,%s,same,code%d,%s\r\n", i+1, colour, size, weight, []string{"S", "M"}[r.IntN(2)], i, bought)
	}
	return b.String()
}

func TestMessyTable(t *testing.T) {
	tab := read(t, messy())
	for _, model := range []string{"mlp:16", "linear", "svm", "tree"} {
		t.Run(model, func(t *testing.T) {
			r := fit(t, tab, Spec{Model: model, Target: "bought"}, Options{})
			if model == "tree" && r.Holdout.Accuracy < 0.95 {
				t.Errorf("accuracy %v of a rule that a tree can express", r.Holdout.Accuracy)
			}
			if len(r.Notes) != 3 { // id, constant, code
				t.Errorf("notes %q, expected three columns left out", r.Notes)
			}
			m, err := onnx.Read(file(t, r.Model))
			if err != nil {
				t.Fatal(err)
			}
			again, err := Evaluate(m, tab, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if again.Rows != 300 || again.Accuracy < r.Holdout.Accuracy-0.15 {
				t.Errorf("evaluated %d rows, accuracy %v", again.Rows, again.Accuracy)
			}
			p, err := plan.Compile(m, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			s := p.Signature()
			if !s.RowIndependent || s.Task != graph.Classification || !slices.Equal(s.Outputs[0].Labels, []string{"no", "yes"}) {
				t.Errorf("signature %+v", s)
			}
			var names []string
			for _, in := range s.Inputs {
				names = append(names, in.Name)
			}
			if want := []string{"colour", "size, cm", "weight", "output_1"}; !slices.Equal(names, want) {
				t.Errorf("inputs %q, expected %q", names, want)
			}
			if !s.Inputs[0].Missing || !s.Inputs[2].Missing || s.Inputs[3].Missing {
				t.Errorf("which inputs may be missing: %+v", s.Inputs)
			}
			// An unknown category, missing values and an infinity-free answer.
			in, out := p.NewInputs(1), p.NewOutputs()
			in[0].Strings[0], in[3].Strings[0] = "never seen", ""
			tensor.Data[float32](in[1])[0] = 60
			tensor.Data[float32](in[2])[0] = nanF
			if err := p.Run(in, out); err != nil {
				t.Fatal(err)
			}
			if v := tensor.Data[float32](out[0])[0]; !(v >= 0 && v <= 1) {
				t.Errorf("score %v", v)
			}
		})
	}
}

var nanF = float32(math.NaN())

func TestReferenceNetwork(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "f%d,", i)
	}
	b.WriteString("y\n")
	for range 400 {
		sum := 0.0
		for i := range 100 {
			v := r.NormFloat64()
			if i < 5 {
				sum += v
			}
			fmt.Fprintf(&b, "%.4f,", v)
		}
		fmt.Fprintf(&b, "%d\n", map[bool]int{true: 1}[sum > 0])
	}
	epochs := 0
	res := fit(t, read(t, b.String()), Spec{Model: "mlp:128,64", Optimizer: "adam", Epochs: 10, Batch: 32, Target: "y"},
		Options{Progress: func(done, total int, note string) {
			epochs++
			if total != 10 || done != epochs || !strings.Contains(note, "loss") || !strings.Contains(note, "accuracy") {
				t.Errorf("progress %d/%d %q", done, total, note)
			}
		}})
	if epochs != 10 {
		t.Errorf("%d epochs reported", epochs)
	}
	var ops []string
	var shapes [][]int
	for _, n := range res.Model.Graph.Nodes {
		ops = append(ops, n.Op)
		if n.Op == "Gemm" {
			shapes = append(shapes, res.Model.Graph.Initializers[n.Inputs[1]].Shape)
		}
	}
	if want := []string{"Scaler", "Gemm", "Relu", "Gemm", "Relu", "Gemm", "Sigmoid"}; !slices.Equal(ops, want) {
		t.Errorf("nodes %v, expected %v", ops, want)
	}
	if fmt.Sprint(shapes) != "[[100 128] [128 64] [64 1]]" {
		t.Errorf("weights %v", shapes)
	}
	in, out := res.Model.Graph.Inputs[0], res.Model.Graph.Outputs[0]
	if in.Name != "input" || out.Name != "output" || fmt.Sprint(in.Shape, out.Shape) != "[-1 100] [-1 1]" {
		t.Errorf("input %+v, output %+v", in, out)
	}
	if res.Holdout.Accuracy < 0.75 {
		t.Errorf("accuracy %v", res.Holdout.Accuracy)
	}
}

func TestRegression(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var b strings.Builder
	b.WriteString("a;b;price\n")
	for range 500 {
		x, y := r.Float64()*10, r.Float64()
		fmt.Fprintf(&b, "%.3f;%.4f;%.2f\n", x, y, 200_000+5000*x-90_000*y)
	}
	tab := read(t, b.String())
	for model, floor := range map[string]float64{"linear": 0.9999, "mlp:32": 0.95, "tree": 0.97} {
		m := fit(t, tab, Spec{Model: model, Target: "-1"}, Options{}).Holdout
		if m.RegressionMetrics == nil || m.R2 < floor {
			t.Errorf("%s: %+v, expected r2 of at least %v", model, m.RegressionMetrics, floor)
		}
	}
	if _, err := Fit(tab, Spec{Model: "svm", Target: "price"}, Options{}); !errors.Is(err, ErrSpec) {
		t.Errorf("svm on a regression target: %v", err)
	}
}

func TestDigitsSignature(t *testing.T) {
	m := fit(t, open(t, digitsCSV), Spec{Model: "linear", Target: "label", Epochs: 5}, Options{}).Model
	s, err := m.Signature()
	if err != nil {
		t.Fatal(err)
	}
	in := s.Inputs[0]
	if !slices.Equal(in.Image, []int{8, 8}) || in.Max != 16 || len(in.Columns) != 64 || in.Columns[9] != "pixel_1_1" || in.Missing {
		t.Errorf("input %+v", in)
	}
	if want := strings.Split("0123456789", ""); !slices.Equal(s.Outputs[0].Labels, want) {
		t.Errorf("labels %q", s.Outputs[0].Labels)
	}
	for _, key := range []string{MetaSpec, MetaDataSHA256, MetaTarget, MetaTargetIndex, MetaSeed, MetaTrainRows, MetaHoldout} {
		if m.Metadata[key] == "" {
			t.Errorf("metadata %q is missing", key)
		}
	}
}

// TestUnusedFields: a tree takes the flags of a network, says so, and is the same file.
func TestUnusedFields(t *testing.T) {
	tab := open(t, cancerCSV)
	plain := fit(t, tab, Spec{Model: "tree", Target: "-1"}, Options{})
	more := fit(t, tab, Spec{Model: "tree", Target: "-1", Epochs: 3, Optimizer: "adam"}, Options{})
	if len(more.Notes) != 1 || !strings.Contains(more.Notes[0], "optimizer, epochs") {
		t.Errorf("notes %q", more.Notes)
	}
	if !bytes.Equal(file(t, plain.Model), file(t, more.Model)) {
		t.Error("fields that are not used change the file")
	}
}

func TestFitErrors(t *testing.T) {
	tab := read(t, "a,b,y\n1,2,x\n2,3,y\n3,4,x\n4,5,y\n")
	big := 2.0
	for _, c := range []struct {
		name string
		spec Spec
		is   error
		says string
	}{
		{"no target", Spec{}, ErrSpec, "target"},
		{"unknown target", Spec{Target: "z"}, table.ErrColumn, `"z"`},
		{"model", Spec{Target: "y", Model: "forest"}, ErrSpec, "mlp"},
		{"sizes", Spec{Target: "y", Model: "mlp:0"}, ErrSpec, "layer sizes"},
		{"optimizer", Spec{Target: "y", Optimizer: "sdg"}, ErrSpec, "adam"},
		{"loss", Spec{Target: "y", Loss: "mse"}, ErrSpec, "binary_cross_entropy"},
		{"schedule", Spec{Target: "y", Schedule: "cosine"}, ErrSpec, "linear"},
		{"holdout", Spec{Target: "y", Holdout: &big}, ErrSpec, "holdout"},
		{"text as regression", Spec{Target: "y", Task: graph.Regression}, ErrData, "regression"},
		{"dropped all", Spec{Target: "y", Drop: []string{"a", "b"}}, ErrData, "no column"},
		{"diverges", Spec{Target: "y", Optimizer: "sgd", LR: 1e6, Epochs: 50, Scale: "none"}, ErrDiverged, "epoch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Fit(tab, c.spec, Options{})
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, expected one that wraps %q and says %q", err, c.is, c.says)
			}
		})
	}
	if _, err := Fit(read(t, "a,y\n1,x\n2,x\n"), Spec{Target: "y"}, Options{}); !errors.Is(err, ErrData) {
		t.Errorf("one class: %v", err)
	}
}

func TestReadSpec(t *testing.T) {
	s, err := ReadSpec("s.yaml", []byte("model: mlp:8\ntarget: y\nl2: 0\nholdout: 0.5\nlr: 0.01\ndrop: [a]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Model != "mlp:8" || s.L2 == nil || *s.L2 != 0 || *s.Holdout != 0.5 || s.LR != 0.01 || s.Drop[0] != "a" {
		t.Errorf("%+v", s)
	}
	if _, err := ReadSpec("s.yaml", []byte("modle: svm\n")); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), "modle") {
		t.Errorf("unknown field: %v", err)
	}
}
