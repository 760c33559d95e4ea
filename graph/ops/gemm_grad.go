package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// gemmGradient is Y = X·W + b with weights that change between calls: W is packed again by every pass. X is [M,K],
// W [K,N] or, with transB, [N,K], b [N]. The gradients are dX = dY·Wᵀ, dW = Xᵀ·dY (transB: dYᵀ·X), db = Σ rows of dY,
// each with the order of additions of GemmF32.
type gemmGradient struct {
	pool   *kernels.Pool
	transB bool
	b      kernels.PackedF32 // the right-hand side of the product in hand
	at     []float32         // the transposed left-hand side of dW
}

func gemmGrad(n *graph.Node, pool *kernels.Pool) (Gradient, error) {
	g, err := readGemmAttrs(n)
	if err != nil {
		return nil, err
	}
	if g.transA || g.alpha != 1 || g.beta != 1 {
		return nil, unsupported(n, "training through transA, alpha or beta other than the defaults")
	}
	return &gemmGradient{pool: pool, transB: g.transB}, nil
}

func (g *gemmGradient) Forward(in []*tensor.Tensor, out *tensor.Tensor) {
	x, w, y := in[0], in[1], out
	m, k, n := x.Shape[0], x.Shape[1], y.Shape[1]
	if g.transB {
		g.b.Pack(k, n, tensor.Data[float32](w), 1, k)
	} else {
		g.b.Pack(k, n, tensor.Data[float32](w), n, 1)
	}
	var bias []float32
	if len(in) > 2 && in[2] != nil {
		bias = tensor.Data[float32](in[2])
	}
	kernels.GemmF32(g.pool, m, tensor.Data[float32](x), k, &g.b, tensor.Data[float32](y), n, bias, nil)
}

func (g *gemmGradient) Backward(in []*tensor.Tensor, _, dOut *tensor.Tensor, dIn []*tensor.Tensor) {
	x, w, dy := tensor.Data[float32](in[0]), tensor.Data[float32](in[1]), tensor.Data[float32](dOut)
	m, k, n := in[0].Shape[0], in[0].Shape[1], dOut.Shape[1]
	if dx := dIn[0]; dx != nil {
		if g.transB {
			g.b.Pack(n, k, w, k, 1)
		} else {
			g.b.Pack(n, k, w, 1, n)
		}
		kernels.GemmF32(g.pool, m, dy, n, &g.b, tensor.Data[float32](dx), k, nil, nil)
	}
	if dw := dIn[1]; dw != nil {
		if g.transB {
			g.b.Pack(m, k, x, k, 1)
			g.at = transpose(g.at, dy, m, n)
			kernels.GemmF32(g.pool, n, g.at, m, &g.b, tensor.Data[float32](dw), k, nil, nil)
		} else {
			g.b.Pack(m, n, dy, n, 1)
			g.at = transpose(g.at, x, m, k)
			kernels.GemmF32(g.pool, k, g.at, m, &g.b, tensor.Data[float32](dw), n, nil, nil)
		}
	}
	if len(dIn) > 2 && dIn[2] != nil {
		sumRows(tensor.Data[float32](dIn[2]), dy)
	}
}

// transpose writes the transpose of a [rows, cols] matrix into dst, which grows where it is too small.
func transpose(dst, a []float32, rows, cols int) []float32 {
	if cap(dst) < len(a) {
		dst = make([]float32, len(a))
	}
	dst = dst[:len(a)]
	const block = 16 // both sides of a block stay in cache lines that are already loaded
	for i0 := 0; i0 < rows; i0 += block {
		i1 := min(i0+block, rows)
		for j := range cols {
			for i := i0; i < i1; i++ {
				dst[j*rows+i] = a[i*cols+j]
			}
		}
	}
	return dst
}

// sumRows adds the rows of a [M, len(dst)] matrix in ascending order.
func sumRows(dst, a []float32) {
	clear(dst)
	for i := 0; i < len(a); i += len(dst) {
		for j, v := range a[i : i+len(dst)] {
			dst[j] += v
		}
	}
}
