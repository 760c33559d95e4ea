package passes

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseOneHot turns the product of one-hot rows, as exporters write them, and constant weights,
//
//	MatMul(Cast(Equal(x, [first, first + 1, …])), w)
//
// into a choice of rows of w. What follows on each element for itself is computed now, for all rows. The bits stay: a chain of products with
// one 1 and 0 for the rest is the row, if all weights are finite; −0 comes out as +0, from which the chain starts.
func fuseOneHot(g *graph.Graph) error {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if !is(n, "MatMul") || len(n.Outputs) != 1 {
			continue
		}
		w := g.Initializers[n.Inputs[1]]
		if w == nil || w.DType != tensor.Float32 || len(w.Shape) != 2 || w.Len() == 0 || !finite(tensor.Data[float32](w)) {
			continue
		}
		x, first, rank, ok := e.oneHot(g, n.Inputs[0], w.Shape[0])
		if !ok || rank < 2 {
			continue
		}
		table := tensor.New(tensor.Float32, w.Shape[0]+1, w.Shape[1])
		for i, v := range tensor.Data[float32](w) {
			tensor.Data[float32](table)[i] = v + 0
		}
		name := e.unused(g, n.Outputs[0]+".rows")
		g.Initializers[name] = table
		*n = graph.Node{Name: n.Name, Domain: graph.DomainFused, Op: "SelectRows", Inputs: []string{x, name}, Outputs: n.Outputs,
			Attrs: map[string]graph.Attr{ops.AttrFirst: graph.Int(first)}}
		for {
			next := e.onlyUser(n.Outputs[0])
			rows, err := e.onRows(g, next, n.Outputs[0], name, rank)
			if err != nil {
				return err
			}
			if rows == nil {
				break
			}
			g.Initializers[name], n.Outputs = rows, next.Outputs
			gone[next] = true
		}
	}
	remove(g, gone)
	return nil
}

func finite(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 })
}

// oneHot returns x and first where value is one-hot in count elements along its last axis, and the least rank that x has for sure.
func (e *edges) oneHot(g *graph.Graph, value string, count int) (x string, first int64, rank int, ok bool) {
	cast := e.producer[value]
	if !is(cast, "Cast") {
		return "", 0, 0, false
	}
	equal := e.producer[cast.Inputs[0]]
	if to, err := cast.IntAttr("to", 0); err != nil || to != castFloat || !is(equal, "Equal") {
		return "", 0, 0, false
	}
	for i, in := range equal.Inputs {
		t := g.Initializers[in]
		if t == nil || t.Len() != count || len(t.Shape) == 0 || t.Shape[len(t.Shape)-1] != count {
			continue
		}
		list, isList := integers(t)
		if !isList || slices.ContainsFunc(list, func(v int64) bool { return v < math.MinInt32 || v > math.MaxInt32 }) {
			continue
		}
		for j, v := range list {
			isList = isList && v == list[0]+int64(j)
		}
		x = equal.Inputs[1-i]
		if rank, size := e.lastAxis(g, x); isList && size == 1 && rank >= len(t.Shape) {
			return x, list[0], rank, true
		}
	}
	return "", 0, 0, false
}

// integers are the elements of an integer constant.
func integers(t *tensor.Tensor) ([]int64, bool) {
	switch {
	case t == nil:
		return nil, false
	case t.DType == tensor.Int64:
		return tensor.Data[int64](t), true
	case t.DType == tensor.Int32:
		var list []int64
		for _, v := range tensor.Data[int32](t) {
			list = append(list, int64(v))
		}
		return list, true
	}
	return nil, false
}

// lastAxis is the size of the last axis of a value and a rank that it has at least; size 0 where that is not known.
func (e *edges) lastAxis(g *graph.Graph, value string) (rank, size int) {
	n := e.producer[value]
	switch {
	case is(n, "Cast"):
		return e.lastAxis(g, n.Inputs[0])
	case is(n, "Reshape"):
		if to, ok := integers(g.Initializers[n.Inputs[1]]); ok && len(to) > 0 && to[len(to)-1] > 0 {
			return len(to), int(min(to[len(to)-1], math.MaxInt32))
		}
	case is(n, "Expand"):
		if last, ok := e.lastElement(g, n.Inputs[1]); ok && last == 1 {
			return e.lastAxis(g, n.Inputs[0])
		}
	case is(n, "Unsqueeze"):
		if axes, ok := constantAxes(g, n); ok && slices.Contains(axes, -1) {
			return 1, 1
		}
	}
	return 0, 0
}

// lastElement is the last element of a list of integers, where it is known.
func (e *edges) lastElement(g *graph.Graph, value string) (int64, bool) {
	if list, ok := integers(g.Initializers[value]); ok {
		return slices.Concat([]int64{0}, list)[len(list)], len(list) > 0
	}
	switch n := e.producer[value]; {
	case is(n, "Cast"):
		return e.lastElement(g, n.Inputs[0])
	case is(n, "Concat"):
		return e.lastElement(g, n.Inputs[len(n.Inputs)-1])
	}
	return 0, false
}

// onRows computes n, which reads value of this rank, for all rows of a table; nil where n mixes elements or other operands change.
func (e *edges) onRows(g *graph.Graph, n *graph.Node, value, table string, rank int) (*tensor.Tensor, error) {
	if n == nil || n.Domain != graph.DomainONNX || len(n.Outputs) != 1 {
		return nil, nil
	}
	row := *n
	switch {
	case slices.Contains(elementwise, n.Op) && len(n.Inputs) == 1:
		row.Inputs = []string{table}
	case len(n.Inputs) == 2 && slices.Contains([]string{"Add", "Sub", "Mul", "Div", "Max", "Min"}, n.Op):
		other := otherOperand(n, value)
		t, cols := g.Initializers[other], g.Initializers[table].Shape[1]
		if t == nil || t.DType != tensor.Float32 || len(t.Shape) > rank || t.Len() != 1 && (t.Len() != cols || t.Shape[len(t.Shape)-1] != cols) {
			return nil, nil
		}
		flat := e.unused(g, other+".row")
		g.Initializers[flat] = &tensor.Tensor{DType: t.DType, Shape: []int{t.Len()}, Bytes: t.Bytes}
		defer delete(g.Initializers, flat)
		row.Inputs = []string{table, flat}
		if n.Inputs[0] != value {
			row.Inputs = []string{flat, table}
		}
	default:
		return nil, nil
	}
	out, err := compute(g, &row)
	if err != nil || out == nil {
		return nil, err
	}
	return out[0], nil
}
