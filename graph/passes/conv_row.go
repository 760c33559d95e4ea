package passes

import (
	"maps"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// rowConvolutions makes convolutions along one axis of those that TensorFlow wraps in images of one column or one row:
//
//	Squeeze(Conv(Transpose(Unsqueeze(x))))
//
// with or without the Transpose, and with slices between that take everything. The answers keep their bits.
func rowConvolutions(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	var nodes []*graph.Node
	for _, n := range g.Nodes {
		for axis := 2; axis <= 3; axis++ {
			if len(n.Outputs) != 1 || convRank(g, n) != 4 || g.Initializers[n.Inputs[1]].Shape[axis] != 1 {
				continue
			}
			x, perm, ok := e.withoutAxis(g, n.Inputs[0], axis)
			squeeze := e.squeezed(g, n.Outputs[0], axis)
			attrs, along := alongRow(n, axis)
			if !ok || squeeze == nil || !along {
				continue
			}
			w := g.Initializers[n.Inputs[1]]
			if perm != nil {
				turned := e.unused(g, n.Outputs[0]+".row")
				nodes = append(nodes, &graph.Node{Op: "Transpose", Inputs: []string{x}, Outputs: []string{turned}, Attrs: map[string]graph.Attr{"perm": graph.Ints(perm...)}})
				x = turned
			}
			weights := e.unused(g, n.Outputs[0]+".weights")
			g.Initializers[weights] = &tensor.Tensor{DType: w.DType, Shape: slices.Delete(slices.Clone(w.Shape), axis, axis+1), Bytes: w.Bytes}
			inputs := append([]string{x, weights}, n.Inputs[2:]...)
			*n = graph.Node{Name: n.Name, Op: "Conv", Opset: n.Opset, Inputs: inputs, Outputs: squeeze.Outputs, Attrs: attrs}
			gone[squeeze] = true
			break
		}
		nodes = append(nodes, n)
	}
	g.Nodes = nodes
	remove(g, gone)
}

// withoutAxis follows a value of four axes, axis of which has size 1, to the value of three that it is made of by Unsqueeze. perm is what
// a Transpose between them does to the three; nil for nothing.
func (e *edges) withoutAxis(g *graph.Graph, value string, axis int) (x string, perm []int64, ok bool) {
	for {
		n := e.producer[value]
		if n == nil || len(n.Outputs) != 1 {
			return "", nil, false
		}
		switch {
		case takesAll(g, n, axis):
		case is(n, "Transpose") && perm == nil:
			order, err := n.IntsAttr("perm")
			if err != nil || len(order) != 4 || !permutes(order) {
				return "", nil, false
			}
			from := int(order[axis])
			perm = slices.Delete(slices.Clone(order), axis, axis+1)
			for i, p := range perm {
				if p > int64(from) {
					perm[i]--
				}
			}
			axis = from
		case is(n, "Unsqueeze"):
			axes, ok := constantAxes(g, n)
			return n.Inputs[0], perm, ok && len(axes) == 1 && (axes[0] == int64(axis) || axes[0] == int64(axis-4))
		default:
			return "", nil, false
		}
		value = n.Inputs[0]
	}
}

// permutes reports whether order is a permutation of its positions.
func permutes(order []int64) bool {
	sorted := slices.Sorted(slices.Values(order))
	for i, p := range sorted {
		if p != int64(i) {
			return false
		}
	}
	return true
}

// squeezed follows the only use of a value of four axes, axis of which has size 1, to the Squeeze of that axis; nil where there is none.
func (e *edges) squeezed(g *graph.Graph, value string, axis int) *graph.Node {
	for {
		n := e.onlyUser(value)
		if n == nil || len(n.Outputs) != 1 || n.Inputs[0] != value {
			return nil
		}
		if is(n, "Squeeze") {
			if axes, ok := constantAxes(g, n); ok && len(axes) == 1 && (axes[0] == int64(axis) || axes[0] == int64(axis-4)) {
				return n
			}
			return nil
		}
		if !takesAll(g, n, axis) {
			return nil
		}
		value = n.Outputs[0]
	}
}

// takesAll reports whether n is a slice of all of a value of four axes, axis of which has size 1.
func takesAll(g *graph.Graph, n *graph.Node, axis int) bool {
	cuts, ok := cutsOf(g, n, 4)
	for _, c := range cuts {
		if !c.Whole() && (c.Axis != axis || c.Start != 0 || c.Step != 1 || c.End < 1) {
			return false
		}
	}
	return ok
}

// constantAxes are those of a Squeeze or Unsqueeze, from its attribute or, since opset 13, a constant.
func constantAxes(g *graph.Graph, n *graph.Node) ([]int64, bool) {
	if len(n.Inputs) < 2 {
		axes, err := n.IntsAttr("axes")
		return axes, err == nil && axes != nil
	}
	t := g.Initializers[n.Inputs[1]]
	if t == nil || t.DType != tensor.Int64 {
		return nil, false
	}
	return tensor.Data[int64](t), true
}

// alongRow returns the attributes of n without what they say of axis, where n moves nothing along it.
func alongRow(n *graph.Node, axis int) (map[string]graph.Attr, bool) {
	attrs := maps.Clone(n.Attrs)
	i := axis - 2
	for _, list := range []struct {
		name   string
		length int
		keeps  int64 // what leaves the axis alone
	}{{"kernel_shape", 2, 1}, {"strides", 2, 1}, {"dilations", 2, 1}, {"pads", 4, 0}} {
		values, err := n.IntsAttr(list.name)
		if values == nil && err == nil {
			continue
		}
		if err != nil || len(values) != list.length || list.name != "dilations" && values[i] != list.keeps || list.length == 4 && values[i+2] != 0 {
			return nil, false
		}
		values = slices.Delete(slices.Clone(values), i, i+1)
		if list.length == 4 {
			values = slices.Delete(values, i+1, i+2)
		}
		attrs[list.name] = graph.Ints(values...)
	}
	return attrs, true
}

// fuseConvBias makes a bias of a constant for each channel that is added to a convolution without one. The sum is the same.
func fuseConvBias(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		rank := convRank(g, n)
		if rank < 3 || len(n.Inputs) != 2 || len(n.Outputs) != 1 || g.Initializers[n.Inputs[1]].DType != tensor.Float32 {
			continue
		}
		add, filters := e.onlyUser(n.Outputs[0]), g.Initializers[n.Inputs[1]].Shape[0]
		if !is(add, "Add") || len(add.Outputs) != 1 {
			continue
		}
		t := g.Initializers[otherOperand(add, n.Outputs[0])]
		if t == nil || t.DType != tensor.Float32 || t.Len() != filters || len(t.Shape) > rank || len(t.Shape) < rank-1 || t.Shape[len(t.Shape)+1-rank] != filters {
			continue
		}
		bias := e.unused(g, n.Outputs[0]+".bias")
		g.Initializers[bias] = &tensor.Tensor{DType: t.DType, Shape: []int{filters}, Bytes: t.Bytes}
		n.Inputs, n.Outputs = append(n.Inputs, bias), add.Outputs
		gone[add] = true
	}
	remove(g, gone)
}
