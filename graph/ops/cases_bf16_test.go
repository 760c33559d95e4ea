package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
)

// 257 needs nine bits and rounds to 256 in bf16.
var bf16Cases = []opCase{
	{name: "bias and relu", domain: graph.DomainFused, op: "GemmBF16", attrs: attrs(ops.AttrActivation, graph.Str("Relu")), consts: []int{1, 2}, in: ts(f32([]float32{257, 1}, 1, 2), f32([]float32{1, -1, 2, 2}, 2, 2), vec(1, 0)), want: ts(f32([]float32{259, 0}, 1, 2))},
	{name: "transB, alpha and beta", domain: graph.DomainFused, op: "GemmBF16", attrs: with(with(attrs("transB", graph.Int(1)), "alpha", graph.Float32(2)), "beta", graph.Float32(0.5)), consts: []int{1, 2}, in: ts(f32([]float32{1, 2}, 1, 2), f32([]float32{1, 2, 3, 4}, 2, 2), vec(10)), want: ts(f32([]float32{15, 27}, 1, 2))},
	{name: "C as input", domain: graph.DomainFused, op: "GemmBF16", consts: []int{1}, in: ts(f32([]float32{1}, 1, 1), f32([]float32{1}, 1, 1), vec(1)), want: ts(f32([]float32{2}, 1, 1))},
	{name: "rank 3", domain: graph.DomainFused, op: "MatMulBF16", consts: []int{1}, in: ts(f32([]float32{257, 2, 3, 4}, 2, 1, 2), f32([]float32{1, 1}, 2, 1)), want: ts(f32([]float32{258, 7}, 2, 1, 1))},
	{name: "B as input", domain: graph.DomainFused, op: "MatMulBF16", in: ts(f32([]float32{1}, 1, 1), f32([]float32{1}, 1, 1)), wantErr: graph.ErrUnsupported},
}
