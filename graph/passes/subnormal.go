package passes

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// maxSubnormalScan bounds the weights that are searched, as that takes about a nanosecond for each: 0.3 ms. Units that training has switched
// off, whose weights decay to nothing, are found in small layers.
const maxSubnormalScan = 256 << 10

// liftSubnormals moves the subnormal weights of products and convolutions to the smallest normal number of their sign. A result moves by
// less than 2⁻¹²⁶ times an input; infinities stay what they were. Processors take 150 cycles for a product of a subnormal number: a layer
// of 480 × 120 weights, a quarter of them such, took 220 µs for one pixel.
func liftSubnormals(g *graph.Graph) {
	lifted, taken := map[*tensor.Tensor]*tensor.Tensor{}, namesOf(g)
	for _, n := range g.Nodes {
		if n.Domain != graph.DomainONNX && n.Domain != graph.DomainFused || n.Op != "Conv" && n.Op != "Gemm" && n.Op != "MatMul" || len(n.Inputs) < 2 {
			continue
		}
		w := g.Initializers[n.Inputs[1]]
		if w == nil || w.DType != tensor.Float32 || w.Len() > maxSubnormalScan {
			continue
		}
		if _, seen := lifted[w]; !seen {
			lifted[w] = withoutSubnormals(w)
		}
		if l := lifted[w]; l != w {
			name := unused(taken, n.Inputs[1]+".normal")
			g.Initializers[name] = l
			n.Inputs[1] = name
		}
	}
}

// withoutSubnormals is t, or a copy where it has some.
func withoutSubnormals(t *tensor.Tensor) *tensor.Tensor {
	const exponent, sign, smallest = 0x7f800000, 1 << 31, 1 << 23
	for i, v := range tensor.Data[float32](t) {
		if b := math.Float32bits(v); b&exponent != 0 || b&^sign == 0 {
			continue
		}
		c := t.Clone()
		rest := tensor.Data[float32](c)[i:]
		for j, v := range rest {
			if b := math.Float32bits(v); b&exponent == 0 && b&^sign != 0 {
				rest[j] = math.Float32frombits(b&sign | smallest)
			}
		}
		return c
	}
	return t
}
