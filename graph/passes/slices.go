package passes

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseSlices drops slices that take all of a convolution's output, and turns a convolution of which slices along the channels take parts that
// do not overlap, as spectra are cut into real and imaginary parts, into one convolution for each.
func fuseSlices(g *graph.Graph) {
	e := edgesOf(g)
	gone, renamed := map[*graph.Node]bool{}, map[string]string{}
	for _, n := range g.Nodes {
		n.Rename(renamed)
		if e.output[n.Outputs[0]] || !is(n, "Slice") {
			continue
		}
		cuts, ok := cutsOf(g, n, convRank(g, e.producer[n.Inputs[0]]))
		if ok && !slices.ContainsFunc(cuts, func(c ops.Cut) bool { return !c.Whole() }) {
			renamed[n.Outputs[0]] = n.Inputs[0]
			gone[n] = true
		}
	}
	remove(g, gone)
	e = edgesOf(g)
	clear(gone)
	var nodes []*graph.Node
	for _, n := range g.Nodes {
		parts := e.channelParts(g, n)
		if parts == nil {
			nodes = append(nodes, n)
			continue
		}
		for _, user := range e.users[n.Outputs[0]] {
			gone[user] = true
		}
		nodes = append(nodes, parts...)
	}
	g.Nodes = nodes
	remove(g, gone)
}

// convRank is the rank of what n makes, a convolution with constant weights; 0 where it is none.
func convRank(g *graph.Graph, n *graph.Node) int {
	if is(n, "Conv") && g.Initializers[n.Inputs[1]] != nil {
		return len(g.Initializers[n.Inputs[1]].Shape)
	}
	return 0
}

// cutsOf returns what n takes of a value of this rank, if it is a Slice by constants.
func cutsOf(g *graph.Graph, n *graph.Node, rank int) ([]ops.Cut, bool) {
	if !is(n, "Slice") || len(n.Outputs) != 1 {
		return nil, false
	}
	return ops.ConstantCuts(n, rank, func(name string) *tensor.Tensor { return g.Initializers[name] })
}

// channelParts returns the convolutions that stand for n and the slices of its output; nil where there are none.
func (e *edges) channelParts(g *graph.Graph, n *graph.Node) []*graph.Node {
	if !is(n, "Conv") || len(n.Outputs) != 1 || e.output[n.Outputs[0]] {
		return nil
	}
	w := g.Initializers[n.Inputs[1]]
	groups, err := n.IntAttr("group", 1)
	if err != nil || groups != 1 || w == nil || w.DType != tensor.Float32 || len(w.Shape) < 3 || w.Len() == 0 {
		return nil
	}
	filters, taken := w.Shape[0], 0
	var bias *tensor.Tensor
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		if bias = g.Initializers[n.Inputs[2]]; bias == nil || bias.DType != tensor.Float32 || len(bias.Shape) != 1 || bias.Len() != filters {
			return nil
		}
	}
	var parts []*graph.Node
	users := e.users[n.Outputs[0]]
	spans := make([][2]int, len(users))
	for i, user := range users {
		cuts, ok := cutsOf(g, user, len(w.Shape))
		if !ok || len(cuts) != 1 || cuts[0].Axis != 1 || cuts[0].Step != 1 || user.Inputs[0] != n.Outputs[0] {
			return nil
		}
		first, count := cuts[0].Span(filters)
		spans[i] = [2]int{first, first + count}
		if taken += count; count == 0 || taken > filters {
			return nil
		}
	}
	for i, user := range users {
		from, to := spans[i][0], spans[i][1]
		part := *n
		part.Name, part.Inputs, part.Outputs = user.Name, slices.Clone(n.Inputs), user.Outputs
		part.Inputs[1] = e.firstAxis(g, n.Inputs[1], user.Outputs[0]+".weights", from, to)
		if bias != nil {
			part.Inputs[2] = e.firstAxis(g, n.Inputs[2], user.Outputs[0]+".bias", from, to)
		}
		parts = append(parts, &part)
	}
	return parts
}

// firstAxis adds elements from…to−1 of the first axis of a constant, which share its memory, under a name like that given.
func (e *edges) firstAxis(g *graph.Graph, constant, name string, from, to int) string {
	t := g.Initializers[constant]
	each := len(t.Bytes) / t.Shape[0]
	name = e.unused(g, name)
	g.Initializers[name] = &tensor.Tensor{DType: t.DType, Shape: append([]int{to - from}, t.Shape[1:]...), Bytes: t.Bytes[from*each : to*each]}
	return name
}
