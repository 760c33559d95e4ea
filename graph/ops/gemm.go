package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opGemm is Y = A·B + C with A [M,K] and constant B, which is packed once. alpha and beta other than 1 are folded into
// the constants; opFusedGemm adds the activation.
var (
	opGemm      = &Op{Name: "gemm", Type: "Gemm", Since: 7, MinInputs: 2, Infer: inferGemm, Build: buildGemm, Rows: rowsFirst, Grad: gemmGrad}
	opFusedGemm = &Op{Name: "gemm", Domain: graph.DomainFused, Type: "Gemm", MinInputs: 2, Infer: inferGemm, Build: buildGemm, Rows: rowsFirst}
	opMatMul    = &Op{Name: "matmul", Type: "MatMul", Since: 1, MinInputs: 2, Infer: inferMatMul, Build: buildMatMul, Rows: rowsFirst}
)

type gemmAttrs struct {
	transA, transB bool
	alpha, beta    float32
	act            kernels.Activation
}

func readGemmAttrs(n *graph.Node) (g gemmAttrs, err error) {
	var ta, tb int64
	if ta, err = n.IntAttr("transA", 0); err != nil {
		return g, err
	}
	if tb, err = n.IntAttr("transB", 0); err != nil {
		return g, err
	}
	if g.alpha, err = n.FloatAttr("alpha", 1); err != nil {
		return g, err
	}
	if g.beta, err = n.FloatAttr("beta", 1); err != nil {
		return g, err
	}
	act, err := n.StringAttr(AttrActivation, "")
	if err != nil {
		return g, err
	}
	if act == "Relu" {
		g.act = kernels.ActRelu
	}
	g.transA, g.transB = ta != 0, tb != 0
	return g, nil
}

func inferGemm(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 0, tensor.Float32); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 1, tensor.Float32); err != nil {
		return nil, err
	}
	g, err := readGemmAttrs(n)
	if err != nil {
		return nil, err
	}
	if len(in[0].Shape) != 2 || len(in[1].Shape) != 2 {
		return nil, modelErr(n, "shapes %v and %v, expected two matrices", in[0].Shape, in[1].Shape)
	}
	if g.transA {
		return nil, unsupported(n, "transA=1")
	}
	k, cols := in[1].Shape[0], in[1].Shape[1]
	if g.transB {
		k, cols = cols, k
	}
	if in[0].Shape[1] != k {
		return nil, modelErr(n, "A is %v, expected %d columns", in[0].Shape, k)
	}
	if present(in, 2) {
		if err := wantDType(n, in, 2, tensor.Float32); err != nil {
			return nil, err
		}
		if !isRowVector(in[2].Shape, cols) {
			return nil, unsupported(n, "C has shape %v, expected [%d]", in[2].Shape, cols)
		}
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: []int{in[0].Shape[0], cols}}}, nil
}

// isRowVector reports whether shape broadcasts along rows: a scalar, [1], [n] or [1,n].
func isRowVector(shape []int, n int) bool {
	switch len(shape) {
	case 0:
		return true
	case 1:
		return shape[0] == n || shape[0] == 1
	case 2:
		return shape[0] == 1 && (shape[1] == n || shape[1] == 1)
	}
	return false
}

// gemmKernel holds the packed weights.
type gemmKernel struct {
	pool *kernels.Pool
	b    *kernels.PackedF32
	bias []float32
	act  kernels.Activation
}

func buildGemm(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	g, err := readGemmAttrs(n)
	if err != nil {
		return nil, err
	}
	if !hasConst(in, 1) || present(in, 2) && !hasConst(in, 2) {
		return nil, unsupported(n, "B and C that are not constants")
	}
	rows, cols := in[1].Shape[0], in[1].Shape[1]
	b := tensor.Data[float32](in[1].Const)
	if g.alpha != 1 {
		b = scaled(b, g.alpha)
	}
	kern := &gemmKernel{pool: pool, act: g.act}
	if g.transB {
		kern.b = kernels.PackF32(cols, rows, b, 1, cols)
	} else {
		kern.b = kernels.PackF32(rows, cols, b, cols, 1)
	}
	if present(in, 2) {
		kern.bias = scaled(rowVector(tensor.Data[float32](in[2].Const), kern.b.N), g.beta)
	}
	return kern, nil
}

// rowVector stretches a bias of one element to n.
func rowVector(v []float32, n int) []float32 {
	if len(v) == n {
		return v
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = v[0]
	}
	return out
}

func scaled(v []float32, by float32) []float32 {
	if by == 1 {
		return v
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = x * by
	}
	return out
}

func (g *gemmKernel) Run(in, out []*tensor.Tensor, _ []byte) error {
	k, cols := g.b.K, g.b.N
	m := 1 // every axis but the last counts as rows
	for _, d := range in[0].Shape[:len(in[0].Shape)-1] {
		m *= d
	}
	kernels.GemmF32(g.pool, m, tensor.Data[float32](in[0]), k, g.b, tensor.Data[float32](out[0]), cols, g.bias, g.act)
	return nil
}

func inferMatMul(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 2, 2); err != nil {
		return nil, err
	}
	for i := range in {
		if err := wantDType(n, in, i, tensor.Float32); err != nil {
			return nil, err
		}
	}
	a, b := in[0].Shape, in[1].Shape
	if len(a) < 2 || len(b) != 2 {
		return nil, unsupported(n, "shapes %v and %v, expected a matrix on the right and rank 2 or more on the left", a, b)
	}
	if a[len(a)-1] != b[0] {
		return nil, modelErr(n, "shapes %v and %v do not multiply", a, b)
	}
	shape := append(append([]int(nil), a[:len(a)-1]...), b[1])
	return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
}

func buildMatMul(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	if !hasConst(in, 1) {
		return nil, unsupported(n, "B that is not a constant")
	}
	k, cols := in[1].Shape[0], in[1].Shape[1]
	return &gemmKernel{pool: pool, b: kernels.PackF32(k, cols, tensor.Data[float32](in[1].Const), cols, 1)}, nil
}
