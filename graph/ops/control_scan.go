package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// opScan runs a body for every position along an axis of its scan inputs; state goes from one position to the next, what the body gives
// beyond the state is stacked along an axis. In opset 8 axis 0 is a batch, each row of which is scanned by itself along axis 1, as far as
// the first input says.
var opScan = &Op{
	Name: "scan", Type: "Scan", Since: 8, Bodies: []string{"body"},
	Flow: func(n *graph.Node, in, out []*tensor.Tensor, f Flow) error {
		if n.Opset == 8 {
			return scanBatch(n, in, out, f)
		}
		s, err := scanOf(n, in, len(out), f)
		if err != nil {
			return err
		}
		for i, t := range s.scans {
			if s.axes[i], err = axisOf(n, int64(s.axes[i]), len(t.Shape)); err != nil {
				return err
			}
			if d := t.Shape[s.axes[i]]; i > 0 && d != s.length {
				return inputErr(n.String(), "scan inputs of %d and %d elements", s.length, d)
			}
			s.length = t.Shape[s.axes[i]]
		}
		return s.run(f, out, s.length)
	},
}

// scan is a Scan node with its inputs.
type scan struct {
	n              *graph.Node
	states, scans  []*tensor.Tensor
	axes           []int // of scan inputs
	backward       []int64
	outAxes        []int64
	prepend        []int64
	length, stacks int
}

func scanOf(n *graph.Node, in []*tensor.Tensor, outs int, f Flow) (*scan, error) {
	m, err := n.IntAttr("num_scan_inputs", 0)
	if err != nil {
		return nil, err
	}
	inputs, outputs := f.Signature(0)
	if m < 1 || m > int64(len(in)) || inputs != len(in) || slices.Contains(in, nil) {
		return nil, modelErr(n, "%d scan inputs of %d, a body with %d inputs", m, len(in), inputs)
	}
	states := len(in) - int(m)
	if outputs < states || outs > outputs {
		return nil, modelErr(n, "%d outputs, the body has %d, %d of them states", outs, outputs, states)
	}
	s := &scan{n: n, states: in[:states], scans: in[states:], axes: make([]int, m), stacks: outputs - states}
	list := func(name string, want int) []int64 {
		v, e := n.IntsAttr(name)
		if e == nil && v != nil && len(v) != want {
			e = modelErr(n, "attribute %q has %d entries, expected %d", name, len(v), want)
		}
		if e != nil {
			err = e
		}
		if v == nil {
			v = make([]int64, want)
		}
		return v
	}
	for i, a := range list("scan_input_axes", int(m)) {
		s.axes[i] = int(a)
	}
	directions := "scan_input_directions"
	if n.Opset == 8 {
		directions = "directions"
	}
	s.backward = list(directions, int(m))
	s.outAxes, s.prepend = list("scan_output_axes", s.stacks), list("scan_output_directions", s.stacks)
	return s, err
}

// run scans steps positions.
func (s *scan) run(f Flow, out []*tensor.Tensor, steps int) error {
	l := newCarrying(s.states, s.stacks, out)
	elements := newTensors(len(s.scans))
	for t := range steps {
		if err := f.Step(); err != nil {
			return err
		}
		for i, x := range s.scans {
			at := t
			if s.backward[i] != 0 {
				at = steps - 1 - t
			}
			takeElement(elements[i], x, s.axes[i], at)
		}
		if err := l.step(f, nil, nil, elements...); err != nil {
			return err
		}
		for k, stack := range l.stacked {
			at := t
			if s.prepend[k] != 0 {
				at = steps - 1 - t
			}
			if err := s.putElement(f, stack, l.elements[k], k, at, t == 0); err != nil {
				return err
			}
		}
		if err := f.Hold(0, l.held()); err != nil {
			return err
		}
	}
	l.last(out)
	for k := range out[min(len(out), len(s.states)):] {
		if body := s.n.Attrs["body"].Graph; steps == 0 {
			i := len(s.states) + k
			axis, err := axisOf(s.n, s.outAxes[k], len(body.Outputs[i].Shape)+1)
			if err == nil {
				err = noElements(s.n, out[i], body, i, axis)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// takeElement makes dst position at along an axis of x.
func takeElement(dst, x *tensor.Tensor, axis, at int) {
	if dst.DType != x.DType {
		*dst = tensor.Tensor{DType: x.DType}
	}
	outer, n, inner := around(x.Shape, axis)
	dst.Resize(append(append(make([]int, 0, 8), x.Shape[:axis]...), x.Shape[axis+1:]...)...)
	for o := range outer {
		copyRun(dst, o*inner, x, (o*n+at)*inner, inner)
	}
}

// putElement writes x to position at of stack k.
func (s *scan) putElement(f Flow, stack, x *tensor.Tensor, k, at int, first bool) error {
	axis, err := axisOf(s.n, s.outAxes[k], len(x.Shape)+1)
	if err != nil {
		return err
	}
	if x.DType.Composite() {
		return modelErr(s.n, "output %d of the body is %s, which cannot be stacked", len(s.states)+k, x.DType)
	}
	shape := slices.Insert(append(make([]int, 0, 8), x.Shape...), axis, s.length)
	if first {
		n, ok := tensor.Elements(shape)
		if !ok || n > math.MaxInt/16 {
			return inputErr(s.n.String(), "a stack of shape %v", shape)
		}
		if err := f.Hold(n*max(x.DType.Size(), 16), nil); err != nil {
			return err
		}
		if stack.DType != x.DType {
			*stack = tensor.Tensor{DType: x.DType}
		}
		stack.Resize(shape...)
	} else if stack.DType != x.DType || !slices.Equal(stack.Shape, shape) {
		return inputErr(s.n.String(), "position %d gives %s to stack to %v", at, describe(x), stack.Shape)
	}
	outer, n, inner := around(stack.Shape, axis)
	for o := range outer {
		copyRun(stack, (o*n+at)*inner, x, o*inner, inner)
	}
	return nil
}

// scanBatch is Scan of opset 8.
func scanBatch(n *graph.Node, in, out []*tensor.Tensor, f Flow) error {
	lengths := in[0]
	s, err := scanOf(n, in[1:], len(out), f)
	if err != nil {
		return err
	}
	for i, t := range in[1:] {
		if len(t.Shape) < 1 || t.Shape[0] != in[1].Shape[0] || i >= len(s.states) && len(t.Shape) < 2 {
			return inputErr(n.String(), "input %d is %s", i+1, describe(t))
		}
	}
	batch, longest := in[1].Shape[0], s.scans[0].Shape[1]
	if lengths != nil && (lengths.DType != tensor.Int64 || len(lengths.Shape) != 1 || lengths.Shape[0] != batch) {
		return inputErr(n.String(), "the lengths are %s, expected one int64 for each of %d rows", describe(lengths), batch)
	}
	if batch == 0 {
		return inputErr(n.String(), "a batch of no rows")
	}
	s.length = longest
	row := *s
	row.states, row.scans = newTensors(len(s.states)), newTensors(len(s.scans))
	results := newTensors(len(out))
	for b := range batch {
		for i, t := range s.states {
			takeElement(row.states[i], t, 0, b)
		}
		for i, t := range s.scans {
			takeElement(row.scans[i], t, 0, b)
			if t.Shape[1] != longest {
				return inputErr(n.String(), "scan inputs of %d and %d elements", longest, t.Shape[1])
			}
		}
		steps := longest
		if lengths != nil {
			l := tensor.Data[int64](lengths)[b]
			if l < 1 || l > int64(longest) {
				return inputErr(n.String(), "row %d has %d elements, expected 1 to %d", b, l, longest)
			}
			steps = int(l)
		}
		for _, t := range results {
			clear(t.Bytes) // what a row before this one left behind its end
			clear(t.Strings)
		}
		if err := row.run(f, results, steps); err != nil {
			return err
		}
		whole := scan{n: n, length: batch, outAxes: make([]int64, len(out))}
		for k, t := range results {
			if err := whole.putElement(f, out[k], t, k, b, b == 0); err != nil {
				return err
			}
		}
	}
	return nil
}
