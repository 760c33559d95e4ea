package ops

import "github.com/hotpath/hotpath/graph"

// Types of the products of the fast mode.
const (
	typeGemmBF16   = "GemmBF16"
	typeMatMulBF16 = "MatMulBF16"
)

// Gemm and MatMul with constant weights, which are rounded to bf16 like the activations, made by passes.Lower where the user asked for it.
var (
	opGemmBF16   = &Op{Name: "gemm_bf16", Domain: graph.DomainFused, Type: typeGemmBF16, MinInputs: 2, Infer: inferGemm, Build: buildGemm, Rows: rowsGemm, Packs: packsMatrix, Depth: lastAxis}
	opMatMulBF16 = &Op{Name: "matmul_bf16", Domain: graph.DomainFused, Type: typeMatMulBF16, MinInputs: 2, Infer: inferMatMul, Build: buildMatMul, RowAxes: rowsMatMul, Packs: packsMatrix, Depth: lastAxis}
)

// fastMode reports whether n is one of them.
func fastMode(n *graph.Node) bool {
	return n.Domain == graph.DomainFused && (n.Op == typeGemmBF16 || n.Op == typeMatMulBF16)
}
