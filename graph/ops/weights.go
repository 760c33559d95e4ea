package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Products of f32 activations with constant weights of another type, which stay as small in memory as in the file.
var (
	// opMatMulNBits is com.microsoft MatMulNBits: A [..., K] times weights of 4 or 8 bits in blocks along K, with an optional bias [N].
	// accuracy_level 4 asks for activations quantised to 8 bits by row and block (kernels.GemmS8NBits); below that they stay f32.
	opMatMulNBits = &Op{Name: "matmul_nbits", Domain: graph.DomainMicrosoft, Type: "MatMulNBits", Since: 1, MinInputs: 3, Infer: inferNBits, Build: buildNBits, Rows: rowsFirst, Packs: packsAll, Depth: lastAxis}
	// opFusedNBits adds the activation.
	opFusedNBits = &Op{Name: "matmul_nbits", Domain: graph.DomainFused, Type: "MatMulNBits", MinInputs: 3, Infer: inferNBits, Build: buildNBits, Rows: rowsFirst, Packs: packsAll, Depth: lastAxis}
	// opHalfGemm is MatMul or Gemm with weights of Float16 or BFloat16 [K,N] ([N,K] with transB) that a Cast would widen: A [..., K],
	// weights, optional bias [N]. Attributes transB, activation, and matrix, 1 where A must have rank 2.
	opHalfGemm = &Op{Name: "half_gemm", Domain: graph.DomainFused, Type: "HalfGemm", MinInputs: 2, Infer: inferHalfGemm, Build: buildHalfGemm, Rows: rowsFirst, Packs: packsAll, Depth: lastAxis}
)

// AttrMatrix is the attribute of HalfGemm that says whether A must have rank 2, as in Gemm.
const AttrMatrix = "matrix"

// inferProduct checks A [..., k] and an optional bias [n] at index bias, and returns [..., n].
func inferProduct(n *graph.Node, in []graph.Arg, k, cols, bias int) ([]graph.Arg, error) {
	if err := wantDType(n, in, 0, tensor.Float32); err != nil {
		return nil, err
	}
	a := in[0].Shape
	if len(a) == 0 || a[len(a)-1] != k {
		return nil, modelErr(n, "A is %v, expected %d columns", a, k)
	}
	if present(in, bias) {
		if err := wantDType(n, in, bias, tensor.Float32); err != nil {
			return nil, err
		}
		if len(in[bias].Shape) != 1 || in[bias].Shape[0] != cols {
			return nil, modelErr(n, "the bias has shape %v, expected [%d]", in[bias].Shape, cols)
		}
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: append(append([]int(nil), a[:len(a)-1]...), cols)}}, nil
}

// weightGemm is what the kernels of both operators share.
type weightGemm struct {
	pool *kernels.Pool
	bias []float32
	act  kernels.Activation
	k, n int
}

// newWeightGemm reads bias and activation.
func newWeightGemm(n *graph.Node, in []graph.Arg, k, cols, bias int, pool *kernels.Pool) (weightGemm, error) {
	g := weightGemm{pool: pool, k: k, n: cols}
	if present(in, bias) {
		if !hasConst(in, bias) {
			return g, unsupported(n, "a bias that is not a constant")
		}
		g.bias = tensor.Data[float32](in[bias].Const)
	}
	act, err := n.StringAttr(AttrActivation, "")
	if act == "Relu" {
		g.act = kernels.ActRelu
	}
	return g, err
}

// rows counts every axis but the last.
func (g *weightGemm) rows(in []*tensor.Tensor) int {
	m := 1
	for _, d := range in[0].Shape[:len(in[0].Shape)-1] {
		m *= d
	}
	return m
}

func inferHalfGemm(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 1, tensor.Float16, tensor.BFloat16); err != nil {
		return nil, err
	}
	transB, err := n.IntAttr("transB", 0)
	if err != nil {
		return nil, err
	}
	matrix, err := n.IntAttr(AttrMatrix, 0)
	if err != nil {
		return nil, err
	}
	if len(in[1].Shape) != 2 || len(in[0].Shape) < 2 || matrix != 0 && len(in[0].Shape) != 2 {
		return nil, modelErr(n, "shapes %v and %v do not multiply", in[0].Shape, in[1].Shape)
	}
	k, cols := in[1].Shape[0], in[1].Shape[1]
	if transB != 0 {
		k, cols = cols, k
	}
	return inferProduct(n, in, k, cols, 2)
}

type halfGemm struct {
	weightGemm
	b *kernels.PackedHalf
}

func buildHalfGemm(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	if !hasConst(in, 1) {
		return nil, unsupported(n, "weights that are not constants")
	}
	transB, err := n.IntAttr("transB", 0)
	if err != nil {
		return nil, err
	}
	k, cols, rowStride, colStride := in[1].Shape[0], in[1].Shape[1], in[1].Shape[1], 1
	if transB != 0 {
		k, cols, rowStride, colStride = cols, k, 1, cols
	}
	g, err := newWeightGemm(n, in, k, cols, 2, pool)
	if err != nil {
		return nil, err
	}
	w := in[1].Const
	if w.DType == tensor.BFloat16 {
		return &halfGemm{g, kernels.PackHalfAt(in[1].Place, k, cols, tensor.Data[tensor.BF16](w), rowStride, colStride, true)}, nil
	}
	return &halfGemm{g, kernels.PackHalfAt(in[1].Place, k, cols, tensor.Data[tensor.F16](w), rowStride, colStride, false)}, nil
}

func (g *halfGemm) Run(in, out []*tensor.Tensor, _ []byte) error {
	kernels.GemmF32Half(g.pool, g.rows(in), tensor.Data[float32](in[0]), g.k, g.b, tensor.Data[float32](out[0]), g.n, g.bias, g.act)
	return nil
}
