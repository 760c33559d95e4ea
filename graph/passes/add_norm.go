package passes

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseAddNorms takes the Add before a LayerNormalization or RMSNormalization of float32 into it. Where others read the sum, it is an output.
func fuseAddNorms(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if !is(n, "LayerNormalization") && !is(n, "RMSNormalization") || len(n.Outputs) != 1 {
			continue
		}
		add := e.producer[n.Inputs[0]]
		if !is(add, "Add") || gone[add] || len(add.Inputs) != 2 || slices.ContainsFunc(n.Inputs[1:], func(name string) bool {
			t := g.Initializers[name]
			return name != "" && (t == nil || t.DType != tensor.Float32)
		}) {
			continue
		}
		if sum := add.Outputs[0]; e.onlyUser(sum) == nil {
			n.Outputs = append(n.Outputs, sum)
		}
		n.Domain, n.Inputs = graph.DomainFused, append([]string{add.Inputs[0], add.Inputs[1]}, n.Inputs[1:]...)
		gone[add] = true
	}
	remove(g, gone)
}
