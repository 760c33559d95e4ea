package plan

import (
	"errors"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Control flow in the proof of rows: every way through the branches of a graph is proven by itself, as if they were inlined.

// otherSizes stand for unknown dimensions beyond that of the rows, the last one of each input and those before, one pair after the other
// until a model takes both: sentences, pictures, lines of text of 48 rows, and sound of 36 ms at 16 kHz and 8 kHz, with a little more.
var otherSizes = [][2]sizes{{{5, 5}, {7, 7}}, {{64, 64}, {96, 96}}, {{64, 48}, {96, 48}}, {{576, 576}, {600, 600}}, {{288, 288}, {300, 300}}}

type sizes struct{ last, before int }

// maxChoices is how many conditions on a way may be those of a run.
const maxChoices = 4

var (
	errChoice = errors.New("a condition that only a run knows")
	errNoPath = errors.New("what no way through branches is made of")
)

// provePaths gives the axis of rows of each output on every way that begins with these branches of the conditions that only a run knows.
// A way is proven by the first sizes of other unknown dimensions that it takes.
func (p *Plan) provePaths(g *graph.Graph, axes []int, choices []bool) []int {
	for _, pair := range p.sizePairs(axes) {
		outputs, err := p.keepsRows(g, axes, choices, pair[0])
		if errors.Is(err, errChoice) && len(choices) < maxChoices {
			one, other := append(slices.Clone(choices), true), append(slices.Clone(choices), false)
			if outputs = p.provePaths(g, axes, one); outputs != nil && slices.Equal(outputs, p.provePaths(g, axes, other)) {
				return outputs
			}
			return nil
		}
		if errors.Is(err, errNoPath) {
			return nil
		}
		if err != nil || outputs == nil {
			continue
		}
		if pair[0] == pair[1] {
			return outputs
		}
		if again, err := p.keepsRows(g, axes, choices, pair[1]); err == nil && slices.Equal(outputs, again) {
			return outputs
		}
	}
	return nil
}

// sizePairs is otherSizes; a single one where no other dimension is unknown.
func (p *Plan) sizePairs(axes []int) [][2]sizes {
	for i, in := range p.signature.Inputs {
		for axis, d := range in.Shape {
			if d < 0 && axis != axes[i] {
				return otherSizes
			}
		}
	}
	return make([][2]sizes, 1)
}

// keepsRows gives the axis of rows of each output on one way, where unknown dimensions beyond that of the rows have this size; nil where
// rows do not stay apart. An error means that there is no such way.
func (p *Plan) keepsRows(g *graph.Graph, axes []int, choices []bool, other sizes) ([]int, error) {
	var w path
	for k := range w.rows { // two and three rows
		b := newBuilder(&p.machine)
		for i, in := range p.signature.Inputs {
			b.input(in.Name, graph.Arg{DType: in.DType, Shape: withSizes(in.Shape, axes[i], 2+k, other)})
		}
		w.rows[k] = b
	}
	w.choices = choices
	if err := w.walk(g); err != nil {
		return nil, err
	}
	r := w.rows[0].r
	for _, v := range g.Outputs {
		s, err := w.slot(g, v.Name)
		if err != nil {
			return nil, err
		}
		r.outputs = append(r.outputs, s)
	}
	return r.keepsRows(axes, [2][]graph.Arg{w.rows[0].args, w.rows[1].args}, w.same), nil
}

// path is the steps on one way through a graph, with their shapes for two numbers of rows.
type path struct {
	rows    [2]*builder
	choices []bool // left
	same    []int  // slots of the conditions
}

// walk adds the nodes of a graph.
func (w *path) walk(g *graph.Graph) error {
	for _, n := range g.Nodes {
		op, err := ops.Find(n)
		if err != nil {
			return err
		}
		for _, name := range n.Inputs {
			if _, err := w.slot(g, name); err != nil {
				return err
			}
		}
		for _, name := range n.Outputs {
			if _, taken := w.rows[0].byName[name]; taken && name != "" {
				return errNoPath // the name of a value of a graph around
			}
		}
		switch {
		case op == ops.If:
			err = w.branch(n)
		case op.Flow != nil:
			err = errNoPath
		default:
			err = w.step(op, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// slot is that of a value of g or of a graph around it; noSlot for an omitted one.
func (w *path) slot(g *graph.Graph, name string) (int, error) {
	if name == "" {
		return noSlot, nil
	}
	if _, ok := w.rows[0].byName[name]; !ok {
		t := g.Initializers[name]
		if t == nil {
			return 0, errNoPath
		}
		for _, b := range w.rows {
			b.constant(name, t)
		}
	}
	return w.rows[0].byName[name], nil
}

func (w *path) step(op *ops.Op, n *graph.Node) error {
	for _, b := range w.rows {
		in := make([]graph.Arg, len(n.Inputs))
		for i, name := range n.Inputs {
			if name != "" {
				in[i] = b.args[b.byName[name]]
			}
			if in[i].DType.Composite() {
				return errNoPath
			}
		}
		out, err := op.Infer(n, in)
		if err != nil {
			return err
		}
		if err := b.add(op, n, out); err != nil {
			return err
		}
	}
	return nil
}

// branch goes on in the branch of an If: the one that the shapes decide on, or that was chosen.
func (w *path) branch(n *graph.Node) error {
	cond := w.rows[0].byName[n.Inputs[0]]
	w.same = append(w.same, cond)
	known, other := w.rows[0].args[cond].Const, w.rows[1].args[cond].Const
	var taken bool
	switch {
	case known != nil && other != nil:
		if known.DType != tensor.Bool || known.Len() != 1 || known.Bytes[0] != other.Bytes[0] {
			return errNoPath
		}
		taken = tensor.Data[bool](known)[0]
	case len(w.choices) == 0:
		return errChoice
	default:
		taken, w.choices = w.choices[0], w.choices[1:]
	}
	body := n.Attrs["else_branch"].Graph
	if taken {
		body = n.Attrs["then_branch"].Graph
	}
	if err := w.walk(body); err != nil {
		return err
	}
	if len(n.Outputs) > len(body.Outputs) {
		return errNoPath
	}
	for i, name := range n.Outputs {
		s, err := w.slot(body, body.Outputs[i].Name)
		if err != nil {
			return err
		}
		for _, b := range w.rows {
			b.byName[name] = s
		}
	}
	return nil
}
