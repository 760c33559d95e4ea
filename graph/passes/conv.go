package passes

import (
	"maps"
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// constantStatistics reports whether n is a BatchNormalization over channels whose parameters are known.
func constantStatistics(g *graph.Graph, n *graph.Node, channels int) bool {
	if len(n.Inputs) != 5 {
		return false
	}
	for _, name := range n.Inputs[1:] {
		if t := g.Initializers[name]; t == nil || t.DType != tensor.Float32 || len(t.Shape) != 1 || t.Shape[0] != channels {
			return false
		}
	}
	training, err := ops.TrainsBatchNorm(n)
	return err == nil && !training
}

// namesOf is the names that values of g have, and those that it reads from outside.
func namesOf(g *graph.Graph) map[string]bool {
	taken := map[string]bool{"": true}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			taken[out] = true
		}
		for _, in := range n.Reads() {
			taken[in] = true
		}
	}
	for _, v := range g.Inputs {
		taken[v.Name] = true
	}
	for name := range g.Initializers {
		taken[name] = true
	}
	return taken
}

// unused returns a name that is not taken, from name on, and takes it.
func unused(taken map[string]bool, name string) string {
	for taken[name] {
		name += "'"
	}
	taken[name] = true
	return name
}

// unused is unused for the graph that e is of; its names are gathered once.
func (e *edges) unused(g *graph.Graph, name string) string {
	if e.taken == nil {
		e.taken = namesOf(g)
	}
	return unused(e.taken, name)
}

// fuseConvolutions moves what follows a packed convolution into its epilogue: the addition of another packed value, then an activation, then an
// Affine; and it leaves out what a slice drops at the start of a row, as spectrograms drop their first frame.
func fuseConvolutions(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if n.Domain != graph.DomainFused || n.Op != "Conv" && n.Op != "ConvTranspose" {
			continue
		}
		next := cropRow(g, e, n, e.onlyUser(n.Outputs[0]), gone)
		if is(next, "Add") && !gone[next] && n.Op == "Conv" {
			other := next.Inputs[0]
			if other == n.Outputs[0] {
				other = next.Inputs[1]
			}
			if other != n.Outputs[0] && g.Initializers[other] == nil {
				for len(n.Inputs) < 3 {
					n.Inputs = append(n.Inputs, "")
				}
				n.Inputs, n.Outputs = append(n.Inputs, other), next.Outputs
				gone[next] = true
				next = e.onlyUser(n.Outputs[0])
			}
		}
		if gone[next] {
			continue
		}
		if attrs, ok := ops.FusedActivation(next, func(name string) *tensor.Tensor { return g.Initializers[name] }); ok {
			maps.Copy(attrs, n.Attrs)
			n.Attrs, n.Outputs = attrs, next.Outputs
			gone[next] = true
			next = cropRow(g, e, n, e.onlyUser(n.Outputs[0]), gone)
		}
		if next != nil && !gone[next] && next.Domain == graph.DomainFused && next.Op == "Affine" && n.Op == "Conv" {
			attrs := maps.Clone(next.Attrs)
			maps.Copy(attrs, n.Attrs)
			n.Attrs, n.Outputs = attrs, next.Outputs
			gone[next] = true
		}
	}
	remove(g, gone)
}

// cropRow makes convolution n along one axis compute only what next, the only user of its output, takes of it. It returns the user that
// there is then.
func cropRow(g *graph.Graph, e *edges, n, next *graph.Node, gone map[*graph.Node]bool) *graph.Node {
	if n.Op != "Conv" || !is(next, "Slice") || len(n.Inputs) > 3 || len(g.Initializers[n.Inputs[1]].Shape) != 3 {
		return next
	}
	cuts, ok := cutsOf(g, next, packedRank)
	if !ok || len(cuts) != 1 || cuts[0].Axis != packedRow || !cuts[0].FromStart() || cuts[0].Start > math.MaxInt32 {
		return next
	}
	if _, already := n.Attrs[ops.AttrCrop]; already {
		return next
	}
	n.Attrs, n.Outputs = maps.Clone(n.Attrs), next.Outputs
	if n.Attrs == nil {
		n.Attrs = map[string]graph.Attr{}
	}
	n.Attrs[ops.AttrCrop] = graph.Int(cuts[0].Start)
	gone[next] = true
	return e.onlyUser(n.Outputs[0])
}

// Packed values have five axes, the row of pixels before the last.
const packedRank, packedRow = 5, 3

// fusePairs makes one node of a pointwise packed convolution and the depthwise one that alone uses it: what lies between them, the largest
// values of networks for small devices, stays in the cache.
func fusePairs(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if !packedPair(g, n, false) {
			continue
		}
		next := e.onlyUser(n.Outputs[0])
		if !packedPair(g, next, true) || next.Inputs[0] != n.Outputs[0] {
			continue
		}
		next.Attrs = maps.Clone(next.Attrs)
		for name, a := range n.Attrs {
			next.Attrs[ops.AttrFormer+name] = a
		}
		next.Op, next.Inputs = ops.TypeConvPair, append(slices.Clone(n.Inputs), next.Inputs[1:]...)
		gone[n] = true
	}
	remove(g, gone)
}

// packedPair reports whether n can be the first or the depthwise second convolution of a pair.
func packedPair(g *graph.Graph, n *graph.Node, depthwise bool) bool {
	if n == nil || n.Domain != graph.DomainFused || n.Op != "Conv" || len(n.Inputs) != 3 || n.Inputs[2] == "" {
		return false
	}
	w := g.Initializers[n.Inputs[1]]
	groups, err := n.IntAttr("group", 1)
	if err != nil || w == nil || len(w.Shape) != 4 {
		return false
	}
	if depthwise {
		return w.Shape[1] == 1 && groups == int64(w.Shape[0])
	}
	if n.Attrs["pads"].Ints != nil && slices.Max(n.Attrs["pads"].Ints) > 0 || n.Attrs["strides"].Ints != nil && slices.Max(n.Attrs["strides"].Ints) > 1 {
		return false
	}
	return groups == 1 && w.Shape[1] >= kernels.ConvLanes && w.Shape[2] == 1 && w.Shape[3] == 1
}
