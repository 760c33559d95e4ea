package passes

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// BF16 names the fast mode in which weights and activations of matrix products are rounded to bf16; sums stay f32.
const BF16 = "bf16"

// Lower makes the matrix products of a fused model run in the named mode; "" changes nothing. Products it does not know stay as
// they are.
func Lower(m *graph.Model, mode string) error {
	switch mode {
	case "":
		return nil
	case BF16:
	default:
		return fmt.Errorf("precision %q, expected %q: %w", mode, BF16, graph.ErrUnsupported)
	}
	eachBody(&m.Graph, lowerBF16)
	return m.Graph.Sort()
}

func lowerBF16(g *graph.Graph) {
	for _, n := range g.Nodes {
		if n.Domain != graph.DomainONNX && n.Domain != graph.DomainFused || n.Op != "Gemm" && n.Op != "MatMul" {
			continue
		}
		if w := g.Initializers[n.Inputs[1]]; w == nil || w.DType != tensor.Float32 || len(w.Shape) != 2 {
			continue
		}
		if trans, err := n.IntAttr("transA", 0); err != nil || trans != 0 {
			continue
		}
		n.Domain, n.Op = graph.DomainFused, n.Op+"BF16"
	}
}
