package passes

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseNorms turns normalisation of the last axis as exporters write it,
//
//	(x − mean)/√(mean of (x − mean)² + ε)·scale + bias    x/√(mean of x² + ε)·scale
//
// into LayerNormalization and RMSNormalization. The quotient may be a product with a reciprocal, the bias may be missing; scale and bias are
// constant rows.
func fuseNorms(g *graph.Graph) {
	e := edgesOf(g)
	for _, n := range g.Nodes {
		if !meanOfLast(g, n) {
			continue
		}
		top := e.squareOf(g, n.Inputs[0])
		if top == "" {
			continue
		}
		eps, quotient := e.quotient(g, n, top)
		if quotient == nil {
			continue
		}
		last := e.onlyUser(quotient.Outputs[0])
		if !is(last, "Mul") {
			continue
		}
		scale := otherOperand(last, quotient.Outputs[0])
		if !constantRow(g, scale) {
			continue
		}
		op, inputs := "RMSNormalization", []string{top, scale}
		if x := e.centred(g, top); x != "" {
			op, inputs[0] = "LayerNormalization", x
			if add := e.onlyUser(last.Outputs[0]); is(add, "Add") {
				bias := otherOperand(add, last.Outputs[0])
				if constantRow(g, bias) && g.Initializers[bias].Shape[0] == g.Initializers[scale].Shape[0] {
					inputs, last = append(inputs, bias), add
				}
			}
		}
		*last = graph.Node{Name: last.Name, Op: op, Inputs: inputs, Outputs: last.Outputs,
			Attrs: map[string]graph.Attr{"axis": graph.Int(-1), "epsilon": graph.Float32(eps)}}
	}
}

// meanOfLast reports whether n is the mean over the last axis, which stays with size 1.
func meanOfLast(g *graph.Graph, n *graph.Node) bool {
	if !is(n, "ReduceMean") || len(n.Outputs) != 1 {
		return false
	}
	axes, errA := n.IntsAttr("axes")
	keep, errK := n.IntAttr("keepdims", 1)
	if len(n.Inputs) > 1 && n.Inputs[1] != "" {
		t := g.Initializers[n.Inputs[1]]
		if t == nil || t.DType != tensor.Int64 {
			return false
		}
		axes = tensor.Data[int64](t)
	}
	return errA == nil && errK == nil && keep != 0 && slices.Equal(axes, []int64{-1})
}

// constantRow reports whether a value is a constant [n] of f32 with n > 1: one element could be stretched.
func constantRow(g *graph.Graph, name string) bool {
	t := g.Initializers[name]
	return t != nil && t.DType == tensor.Float32 && len(t.Shape) == 1 && t.Shape[0] > 1
}

// centred returns x where value is x minus its mean.
func (e *edges) centred(g *graph.Graph, value string) string {
	sub := e.producer[value]
	if !is(sub, "Sub") {
		return ""
	}
	if mean := e.producer[sub.Inputs[1]]; meanOfLast(g, mean) && mean.Inputs[0] == sub.Inputs[0] {
		return sub.Inputs[0]
	}
	return ""
}

// quotient follows the mean of squares to the node that divides top by √(mean + ε).
func (e *edges) quotient(g *graph.Graph, mean *graph.Node, top string) (eps float32, n *graph.Node) {
	add := e.onlyUser(mean.Outputs[0])
	if !is(add, "Add") {
		return 0, nil
	}
	eps, ok := scalar(g, otherOperand(add, mean.Outputs[0]))
	root := e.onlyUser(add.Outputs[0])
	if !ok || root == nil {
		return 0, nil
	}
	if is(root, "Pow") {
		if power, ok := scalar(g, root.Inputs[1]); !ok || power != 0.5 {
			return 0, nil
		}
	} else if !is(root, "Sqrt") {
		return 0, nil
	}
	n = e.onlyUser(root.Outputs[0])
	if is(n, "Div") && n.Inputs[1] == root.Outputs[0] && e.same(n.Inputs[0], top) {
		return eps, n
	}
	one := float32(1)
	if is(n, "Div") && n.Inputs[1] == root.Outputs[0] {
		one, ok = scalar(g, n.Inputs[0])
	} else if ok = is(n, "Reciprocal"); !ok {
		return 0, nil
	}
	inverse := n
	if n = e.onlyUser(inverse.Outputs[0]); !ok || one != 1 || !is(n, "Mul") || !e.same(otherOperand(n, inverse.Outputs[0]), top) {
		return 0, nil
	}
	return eps, n
}

// same reports whether two values are one, or differences of the same operands.
func (e *edges) same(a, b string) bool {
	p, q := e.producer[a], e.producer[b]
	return a == b || is(p, "Sub") && is(q, "Sub") && slices.Equal(p.Inputs, q.Inputs)
}
