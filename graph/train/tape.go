package train

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// tape runs a graph of differentiable operators forward and backward. Its memory is kept between runs: with the same
// number of rows nothing is allocated.
type tape struct {
	values []*tensor.Tensor
	grads  []*tensor.Tensor // nil where no gradient is wanted
	params []param
	steps  []tapeStep
	input  int
	output int
	rows   int // that the shapes are for
}

type tapeStep struct {
	node *graph.Node
	op   *ops.Op
	grad ops.Gradient
	ins  []int // indices of values; -1 for an omitted input
	out  int
	in   []*tensor.Tensor
	dIn  []*tensor.Tensor
	add  []addition // gradients of values with several users, added after the step
}

// addition is grads[to] += from.
type addition struct {
	to   int
	from *tensor.Tensor
}

// newTape prepares the nodes between the value input, a matrix of rows, and the value output. Initializers of dtype
// float32 are trained; those of rank 2 and more take part in the L2 penalty.
func newTape(g *graph.Graph, input, output string, pool *kernels.Pool) (*tape, error) {
	t := &tape{rows: -1}
	index := map[string]int{}
	wanted := []bool{}
	add := func(name string, v *tensor.Tensor, want bool) int {
		index[name] = len(t.values)
		t.values, wanted = append(t.values, v), append(wanted, want)
		return len(t.values) - 1
	}
	t.input = add(input, tensor.New(tensor.Float32, 0, 0), false)
	for _, n := range g.Nodes {
		if !reaches(n, index) {
			continue // preprocessing
		}
		st := tapeStep{node: n}
		var err error
		if st.op, err = ops.Find(n); err != nil {
			return nil, err
		}
		if st.op.Grad == nil {
			return nil, fmt.Errorf("%s cannot be trained through: %w", n, graph.ErrUnsupported)
		}
		if st.grad, err = st.op.Grad(n, pool); err != nil {
			return nil, err
		}
		want := false
		for _, name := range n.Inputs {
			i, ok := index[name]
			if !ok {
				w, isConst := g.Initializers[name]
				if !isConst {
					return nil, fmt.Errorf("%s: input %q does not come from %q: %w", n, name, input, graph.ErrModel)
				}
				i = add(name, w, w.DType == tensor.Float32)
			}
			st.ins = append(st.ins, i)
			want = want || wanted[i]
		}
		st.out = add(n.Outputs[0], tensor.New(tensor.Float32, 0), want)
		t.steps = append(t.steps, st)
	}
	out, ok := index[output]
	if !ok || len(t.steps) == 0 {
		return nil, fmt.Errorf("value %q does not depend on %q: %w", output, input, graph.ErrModel)
	}
	t.output = out
	t.wireGradients(g, index, wanted)
	return t, nil
}

// reaches reports whether a node reads a value on the tape.
func reaches(n *graph.Node, index map[string]int) bool {
	for _, name := range n.Inputs {
		if _, ok := index[name]; ok {
			return true
		}
	}
	return false
}

// wireGradients makes the gradient tensors. The first user of a value, from the end, writes its gradient; every other one
// writes beside it and is added, always in the same order.
func (t *tape) wireGradients(g *graph.Graph, index map[string]int, wanted []bool) {
	t.grads = make([]*tensor.Tensor, len(t.values))
	for i, v := range t.values {
		if wanted[i] {
			t.grads[i] = tensor.New(tensor.Float32, v.Shape...)
		}
	}
	written := make([]bool, len(t.values))
	for k := len(t.steps) - 1; k >= 0; k-- {
		st := &t.steps[k]
		for _, i := range st.ins {
			st.in = append(st.in, t.values[i])
			switch {
			case !wanted[i]:
				st.dIn = append(st.dIn, nil)
			case written[i]:
				beside := tensor.New(tensor.Float32, t.values[i].Shape...)
				st.dIn = append(st.dIn, beside)
				st.add = append(st.add, addition{i, beside})
			default:
				written[i] = true
				st.dIn = append(st.dIn, t.grads[i])
			}
		}
	}
	for _, st := range t.steps {
		for _, name := range st.node.Inputs {
			i := index[name]
			if w, isConst := g.Initializers[name]; isConst && wanted[i] {
				t.params = append(t.params, param{name, tensor.Data[float32](w), tensor.Data[float32](t.grads[i]), len(w.Shape) > 1})
				wanted[i] = false // once, also where several nodes share it
			}
		}
	}
}

// resize gives all values the shapes that follow from a number of rows and features.
func (t *tape) resize(rows, features int) error {
	if rows == t.rows {
		return nil
	}
	t.rows = rows
	t.values[t.input].Resize(rows, features)
	for _, st := range t.steps {
		args := make([]graph.Arg, len(st.in))
		for i, v := range st.in {
			args[i] = graph.Arg{DType: v.DType, Shape: v.Shape}
		}
		out, err := st.op.Infer(st.node, args)
		if err != nil {
			return err
		}
		t.values[st.out].Resize(out[0].Shape...)
		if t.grads[st.out] != nil {
			t.grads[st.out].Resize(out[0].Shape...)
		}
	}
	for _, st := range t.steps {
		for _, a := range st.add {
			a.from.Resize(t.values[a.to].Shape...)
		}
	}
	return nil
}

// forward computes the output [rows, cols] from the input matrix, which the caller has filled after resize.
func (t *tape) forward() []float32 {
	for i := range t.steps {
		st := &t.steps[i]
		st.grad.Forward(st.in, t.values[st.out])
	}
	return tensor.Data[float32](t.values[t.output])
}

// backward computes the gradients of all parameters from that of the output, which the caller has written to dOut.
func (t *tape) backward() {
	for i := len(t.steps) - 1; i >= 0; i-- {
		st := &t.steps[i]
		if t.grads[st.out] == nil {
			continue
		}
		st.grad.Backward(st.in, t.values[st.out], t.grads[st.out], st.dIn)
		for _, a := range st.add {
			to := tensor.Data[float32](t.grads[a.to])
			for k, v := range tensor.Data[float32](a.from) {
				to[k] += v
			}
		}
	}
}

// x is the input matrix, dOut the gradient of the output.
func (t *tape) x() []float32    { return tensor.Data[float32](t.values[t.input]) }
func (t *tape) dOut() []float32 { return tensor.Data[float32](t.grads[t.output]) }
