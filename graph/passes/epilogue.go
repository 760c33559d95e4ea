package passes

import (
	"maps"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseEpilogues moves what follows a Gemm, or a MatMul by a constant matrix, into its epilogue: at most two Adds, of a bias and a residual,
// then an activation. Each value in between must have no other user. Products of two run-time values are left to the passes that know
// attention.
func fuseEpilogues(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if gone[n] || len(n.Outputs) != 1 || !is(n, "Gemm") && !(is(n, "MatMul") && constantMatrix(g, n.Inputs[1])) {
			continue
		}
		for {
			next := e.onlyUser(n.Outputs[0])
			if next == nil || gone[next] {
				break
			}
			attrs, isActivation := ops.FusedActivation(next, func(name string) *tensor.Tensor { return g.Initializers[name] })
			if !isActivation && !absorbAdd(g, n, next) {
				break
			}
			if n.Attrs == nil {
				n.Attrs = map[string]graph.Attr{}
			}
			maps.Copy(n.Attrs, attrs)
			n.Domain, n.Outputs = graph.DomainFused, next.Outputs
			gone[next] = true
			if isActivation {
				break
			}
		}
	}
	remove(g, gone)
}

func constantMatrix(g *graph.Graph, name string) bool {
	t := g.Initializers[name]
	return t != nil && len(t.Shape) == 2
}

// absorbAdd gives product n the other operand of add as an input: 2, the bias, for a MatMul and a constant row, else 3, the residual. C of a
// Gemm is scaled by beta and must not stretch the product, so it stays as it is.
func absorbAdd(g *graph.Graph, n, add *graph.Node) bool {
	if !is(add, "Add") || len(add.Inputs) != 2 || len(add.Outputs) != 1 || len(n.Inputs) > 3 {
		return false
	}
	other := add.Inputs[1-slices.Index(add.Inputs, n.Outputs[0])]
	if t := g.Initializers[other]; n.Op == "MatMul" && len(n.Inputs) == 2 && t != nil && len(t.Shape) <= 1 {
		n.Inputs = append(n.Inputs, other)
		return true
	}
	for len(n.Inputs) < 3 {
		n.Inputs = append(n.Inputs, "")
	}
	n.Inputs = append(n.Inputs, other)
	return true
}
