package passes

import (
	"maps"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
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

// unused returns a name that no value has, from name on.
func unused(g *graph.Graph, name string) string {
	taken := map[string]bool{}
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
	for taken[name] || g.Initializers[name] != nil {
		name += "'"
	}
	return name
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
