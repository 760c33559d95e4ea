package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Gemm and MatMul with weights and activations rounded to bf16, made by passes.Lower where the user asked for it.
var (
	opGemmBF16   = &Op{Name: "gemm_bf16", Domain: graph.DomainFused, Type: "GemmBF16", MinInputs: 2, Infer: inferGemm, Build: buildGemmBF16, Rows: rowsFirst}
	opMatMulBF16 = &Op{Name: "matmul_bf16", Domain: graph.DomainFused, Type: "MatMulBF16", MinInputs: 2, Infer: inferMatMul, Build: buildMatMulBF16, Rows: rowsFirst}
)

type gemmBF16Kernel struct {
	pool *kernels.Pool
	b    *kernels.PackedBF16
	bias []float32
	act  kernels.Activation
}

func buildGemmBF16(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	g, err := readGemmAttrs(n)
	if err != nil {
		return nil, err
	}
	if !hasConst(in, 1) || present(in, 2) && !hasConst(in, 2) {
		return nil, unsupported(n, "B and C that are not constants")
	}
	rows, cols := in[1].Shape[0], in[1].Shape[1]
	b := scaled(tensor.Data[float32](in[1].Const), g.alpha)
	kern := &gemmBF16Kernel{pool: pool, act: g.act}
	if g.transB {
		kern.b = kernels.PackBF16(cols, rows, b, 1, cols)
	} else {
		kern.b = kernels.PackBF16(rows, cols, b, cols, 1)
	}
	if present(in, 2) {
		kern.bias = scaled(rowVector(tensor.Data[float32](in[2].Const), kern.b.N), g.beta)
	}
	return kern, nil
}

func buildMatMulBF16(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	if !hasConst(in, 1) {
		return nil, unsupported(n, "B that is not a constant")
	}
	k, cols := in[1].Shape[0], in[1].Shape[1]
	return &gemmBF16Kernel{pool: pool, b: kernels.PackBF16(k, cols, tensor.Data[float32](in[1].Const), cols, 1)}, nil
}

// Run implements graph.Kernel.
func (g *gemmBF16Kernel) Run(in, out []*tensor.Tensor, _ []byte) error {
	k, cols := g.b.K, g.b.N
	m := 1 // every axis but the last counts as rows
	for _, d := range in[0].Shape[:len(in[0].Shape)-1] {
		m *= d
	}
	kernels.GemmBF16(g.pool, m, tensor.Data[float32](in[0]), k, g.b, tensor.Data[float32](out[0]), cols, g.bias, g.act)
	return nil
}
