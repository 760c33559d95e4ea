package passes

import (
	"maps"

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

// fuseConvolutions moves what follows a packed convolution into its epilogue: the addition of another packed value, then an activation, then an Affine.
func fuseConvolutions(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if n.Domain != graph.DomainFused || n.Op != "Conv" && n.Op != "ConvTranspose" {
			continue
		}
		next := e.onlyUser(n.Outputs[0])
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
			next = e.onlyUser(n.Outputs[0])
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
