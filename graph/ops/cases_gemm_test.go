package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

var (
	two     = f32([]float32{1, 2, 3, 4}, 2, 2)
	tall    = f32([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	eight   = f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)
	swap    = f32([]float32{0, 1, 1, 0}, 2, 2)
	relu    = attrs(ops.AttrActivation, graph.Str("Relu"))
	clipped = attrs(ops.AttrActivation, graph.Str("Clip"), ops.AttrActivationParams, graph.Floats([]float32{-1, 5}))
)

var gemmCases = []opCase{
	{name: "run time", op: "Gemm", in: ts(tall, two, f32([]float32{10, 20}, 2)), want: ts(f32([]float32{17, 30, 25, 42, 33, 54}, 3, 2))},
	{name: "transA", op: "Gemm", attrs: attrs("transA", graph.Int(1)), in: ts(two, two), want: ts(f32([]float32{10, 14, 14, 20}, 2, 2))},
	{name: "transA, constant", op: "Gemm", consts: []int{1}, attrs: attrs("transA", graph.Int(1)), in: ts(two, two), want: ts(f32([]float32{10, 14, 14, 20}, 2, 2))},
	{name: "transB, run time", op: "Gemm", attrs: attrs("transB", graph.Int(1)), in: ts(two, tall), want: ts(f32([]float32{5, 11, 17, 11, 25, 39}, 2, 3))},
	{name: "both transposed", op: "Gemm", attrs: attrs("transA", graph.Int(1), "transB", graph.Int(1)), in: ts(two, tall), want: ts(f32([]float32{7, 15, 23, 10, 22, 34}, 2, 3))},
	{name: "alpha beta, run time", op: "Gemm", attrs: attrs("alpha", graph.Float32(2), "beta", graph.Float32(0.5)), in: ts(two, swap, f32([]float32{10, 20}, 2, 1)), want: ts(f32([]float32{9, 7, 18, 16}, 2, 2))},
	{name: "C whole", op: "Gemm", in: ts(two, swap, two), want: ts(f32([]float32{3, 3, 7, 7}, 2, 2))},
	{name: "C whole, constant", op: "Gemm", consts: []int{1, 2}, in: ts(two, swap, two), want: ts(f32([]float32{3, 3, 7, 7}, 2, 2))},
	{name: "C scalar", op: "Gemm", in: ts(two, swap, f32([]float32{5})), want: ts(f32([]float32{7, 6, 9, 8}, 2, 2))},
	{name: "C scalar, constant", op: "Gemm", consts: []int{1, 2}, in: ts(two, swap, f32([]float32{5})), want: ts(f32([]float32{7, 6, 9, 8}, 2, 2))},
	{name: "C column, constant", op: "Gemm", consts: []int{1, 2}, attrs: attrs("beta", graph.Float32(2)), in: ts(two, swap, f32([]float32{1, 2}, 2, 1)), want: ts(f32([]float32{4, 3, 8, 7}, 2, 2))},
	{name: "C larger than the product", op: "Gemm", in: ts(f32([]float32{1, 2}, 1, 2), swap, two), wantErr: graph.ErrModel},
	{name: "C of rank 3", op: "Gemm", in: ts(two, swap, f32([]float32{1}, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "C and A do not fit", op: "Gemm", in: ts(two, swap, f32([]float32{1, 2, 3}, 3)), wantErr: graph.ErrModel},
	{name: "rows of transA", op: "Gemm", attrs: attrs("transA", graph.Int(1)), in: ts(tall, two), wantErr: graph.ErrModel},
	{name: "fourth input", op: "Gemm", in: ts(two, two, two, two), wantErr: graph.ErrModel},
	{name: "nothing to sum", op: "Gemm", in: ts(f32(nil, 2, 0), f32(nil, 0, 2), f32([]float32{1, 2}, 2)), want: ts(f32([]float32{1, 2, 1, 2}, 2, 2))},
	{name: "no rows", op: "Gemm", in: ts(f32(nil, 0, 2), two), want: ts(f32(nil, 0, 2))},

	{name: "run time", op: "MatMul", in: ts(two, swap), want: ts(f32([]float32{2, 1, 4, 3}, 2, 2))},
	{name: "batch", op: "MatMul", in: ts(eight, eight), want: ts(f32([]float32{7, 10, 15, 22, 67, 78, 91, 106}, 2, 2, 2))},
	{name: "matrix of a batch", op: "MatMul", in: ts(two, eight), want: ts(f32([]float32{7, 10, 15, 22, 19, 22, 43, 50}, 2, 2, 2))},
	{name: "batch by a matrix", op: "MatMul", in: ts(eight, swap), want: ts(f32([]float32{2, 1, 4, 3, 6, 5, 8, 7}, 2, 2, 2))},
	{name: "batch by a constant", op: "MatMul", consts: []int{1}, in: ts(eight, swap), want: ts(f32([]float32{2, 1, 4, 3, 6, 5, 8, 7}, 2, 2, 2))},
	{name: "constant batch", op: "MatMul", consts: []int{1}, in: ts(two, eight), want: ts(f32([]float32{7, 10, 15, 22, 19, 22, 43, 50}, 2, 2, 2))},
	{name: "batches cross", op: "MatMul", in: ts(f32([]float32{1, 2}, 2, 1, 1, 1), f32([]float32{3, 4, 5}, 1, 3, 1, 1)), want: ts(f32([]float32{3, 4, 5, 6, 8, 10}, 2, 3, 1, 1))},
	{name: "dot", op: "MatMul", in: ts(vec(1, 2), vec(3, 4)), want: ts(f32([]float32{11}))},
	{name: "vector by matrix", op: "MatMul", in: ts(vec(1, 2), two), want: ts(vec(7, 10))},
	{name: "matrix by vector", op: "MatMul", in: ts(tall, vec(1, 10)), want: ts(vec(21, 43, 65))},
	{name: "matrix by constant vector", op: "MatMul", consts: []int{1}, in: ts(tall, vec(1, 10)), want: ts(vec(21, 43, 65))},
	{name: "batch by vector", op: "MatMul", in: ts(eight, vec(1, 10)), want: ts(f32([]float32{21, 43, 65, 87}, 2, 2))},
	{name: "vector by batch", op: "MatMul", in: ts(vec(1, 10), eight), want: ts(f32([]float32{31, 42, 75, 86}, 2, 2))},
	{name: "empty batch", op: "MatMul", in: ts(f32(nil, 0, 1, 2), two), want: ts(f32(nil, 0, 1, 2))},
	{name: "nothing to sum", op: "MatMul", in: ts(f32(nil, 2, 0), f32(nil, 0, 1)), want: ts(f32([]float32{0, 0}, 2, 1))},
	{name: "scalar", op: "MatMul", in: ts(f32([]float32{1}), two), wantErr: graph.ErrModel},
	{name: "depth", op: "MatMul", in: ts(tall, tall), wantErr: graph.ErrModel},
	{name: "batches do not fit", op: "MatMul", in: ts(eight, f32([]float32{1, 2, 3, 4, 5, 6}, 3, 2, 1)), wantErr: graph.ErrModel},
	{name: "dtype", op: "MatMul", in: ts(tensor.Of([]int64{1}, 1), vec(1)), wantErr: graph.ErrModel},

	{name: "residual", domain: graph.DomainFused, op: "Gemm", attrs: relu, consts: []int{1, 2}, in: ts(two, swap, vec(1, -9), two), want: ts(f32([]float32{4, 0, 8, 0}, 2, 2))},
	{name: "residual that stretches", domain: graph.DomainFused, op: "Gemm", attrs: clipped, consts: []int{1, 2}, in: ts(f32([]float32{1, 2}, 1, 2), swap, vec(1, -9), two), want: ts(f32([]float32{4, -1, 5, -1}, 2, 2))},
	{name: "C and residual whole", domain: graph.DomainFused, op: "Gemm", attrs: clipped, in: ts(two, swap, two, two), want: ts(f32([]float32{4, 5, 5, 5}, 2, 2))},
	{name: "activation", domain: graph.DomainFused, op: "Gemm", attrs: attrs(ops.AttrActivation, graph.Str("Mish")), in: ts(two, swap), wantErr: graph.ErrModel},
	{name: "bias", domain: graph.DomainFused, op: "MatMul", attrs: relu, consts: []int{1, 2}, in: ts(eight, swap, vec(-3, 0)), want: ts(f32([]float32{0, 1, 1, 3, 3, 5, 5, 7}, 2, 2, 2))},
	{name: "bias and residual", domain: graph.DomainFused, op: "MatMul", attrs: clipped, consts: []int{1, 2}, in: ts(eight, swap, vec(-3, 0), eight), want: ts(f32([]float32{0, 3, 4, 5, 5, 5, 5, 5}, 2, 2, 2))},
	{name: "residual of one matrix", domain: graph.DomainFused, op: "MatMul", attrs: relu, in: ts(eight, eight, two), want: ts(f32([]float32{8, 12, 18, 26, 68, 80, 94, 110}, 2, 2, 2))},
	{name: "residual of another rank", domain: graph.DomainFused, op: "MatMul", attrs: relu, in: ts(two, swap, eight), want: ts(f32([]float32{3, 3, 7, 7, 7, 7, 11, 11}, 2, 2, 2))},
	{name: "residual of a vector", domain: graph.DomainFused, op: "MatMul", attrs: relu, in: ts(two, vec(1, -1), vec(0, 3)), want: ts(vec(0, 2))},
}
