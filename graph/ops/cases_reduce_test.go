package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
)

var ln2 = float32(math.Ln2)

var reduceCases = []opCase{
	{op: "ReduceSum", attrs: attrs("axes", graph.Ints(1)), in: ts(f32([]float32{1, 2, 3, 4}, 2, 2)), want: ts(f32([]float32{3, 7}, 2, 1))},
	{name: "first axis", op: "ReduceSum", consts: []int{1}, attrs: attrs("keepdims", graph.Int(0)), in: ts(f32([]float32{1, 2, 3, 4}, 2, 2), i64([]int64{-2}, 1)), want: ts(vec(4, 6))},
	{name: "two groups", op: "ReduceSum", consts: []int{1}, attrs: attrs("keepdims", graph.Int(0)), in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2), i64([]int64{0, 2}, 2)), want: ts(vec(14, 22))},
	{name: "all", op: "ReduceSum", attrs: attrs("keepdims", graph.Int(0)), in: ts(f32([]float32{1, 2, 3, 4}, 2, 2)), want: ts(f32([]float32{10}))},
	{name: "nothing", op: "ReduceSum", attrs: attrs("noop_with_empty_axes", graph.Int(1)), in: ts(vec(1, 2)), want: ts(vec(1, 2))},
	{name: "empty axis", op: "ReduceSum", attrs: attrs("axes", graph.Ints(1)), in: ts(f32(nil, 2, 0)), want: ts(f32([]float32{0, 0}, 2, 1))},
	{name: "ON11 axis", op: "ReduceSum", attrs: attrs("axes", graph.Ints(2)), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 twice", op: "ReduceSum", attrs: attrs("axes", graph.Ints(0, -1)), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "dynamic axes", op: "ReduceSum", in: ts(vec(1), i64([]int64{0}, 1)), wantErr: graph.ErrUnsupported},
	{op: "ReduceMean", attrs: attrs("axes", graph.Ints(0, 1)), in: ts(f32([]float32{1, 2, 3, 6}, 2, 2)), want: ts(f32([]float32{3}, 1, 1))},
	{name: "nan", op: "ReduceMax", attrs: attrs("axes", graph.Ints(1)), in: ts(f32([]float32{1, 2, nan, 4}, 2, 2)), want: ts(f32([]float32{2, nan}, 2, 1))},
	{op: "ReduceMin", attrs: attrs("axes", graph.Ints(0)), in: ts(f32([]float32{1, 2, nan, -inf}, 2, 2)), want: ts(f32([]float32{nan, -inf}, 1, 2))},
	{op: "ReduceProd", attrs: attrs("axes", graph.Ints(1)), in: ts(f32([]float32{2, 3, -1, 4}, 2, 2)), want: ts(f32([]float32{6, -4}, 2, 1))},
	{op: "ReduceL1", attrs: attrs("axes", graph.Ints(0, 2)), in: ts(f32([]float32{1, -2, 3, -4}, 2, 1, 2)), want: ts(f32([]float32{10}, 1, 1, 1))},
	{op: "ReduceL2", attrs: attrs("axes", graph.Ints(1)), in: ts(f32([]float32{3, -4}, 1, 2)), want: ts(f32([]float32{5}, 1, 1))},
	{op: "ReduceSumSquare", attrs: attrs("axes", graph.Ints(0)), in: ts(f32([]float32{3, 4, 1, 2}, 2, 2)), want: ts(f32([]float32{10, 20}, 1, 2))},
	{op: "ReduceLogSum", in: ts(vec(0.25, 0.75)), want: ts(vec(0))},
	{op: "ReduceLogSumExp", attrs: attrs("axes", graph.Ints(1)), in: ts(f32([]float32{1000, 1000, -inf, -inf, inf, 1}, 3, 2)), want: ts(f32([]float32{1000 + ln2, -inf, inf}, 3, 1))},
	{op: "GlobalAveragePool", in: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 1, 2)), want: ts(f32([]float32{1.5, 3.5}, 1, 2, 1, 1))},
	{name: "ON11 rank", op: "GlobalAveragePool", in: ts(vec(1)), wantErr: graph.ErrModel},
	{op: "GlobalMaxPool", in: ts(f32([]float32{1, 2, 3, nan}, 1, 2, 2)), want: ts(f32([]float32{2, nan}, 1, 2, 1))},
	{name: "first axis", op: "ArgMax", attrs: attrs("keepdims", graph.Int(0)), in: ts(f32([]float32{1, 4, 3, 4}, 2, 2)), want: ts(i64([]int64{1, 0}, 2))},
	{name: "last of equals", op: "ArgMax", attrs: attrs("select_last_index", graph.Int(1)), in: ts(vec(4, 1, 4, 0)), want: ts(i64([]int64{2}, 1))},
	{name: "ON11 no elements", op: "ArgMax", in: ts(f32(nil, 0, 2)), wantErr: graph.ErrModel},
	{op: "ArgMin", attrs: attrs("axis", graph.Int(1)), in: ts(f32([]float32{1, 4, 3, 2}, 2, 2)), want: ts(i64([]int64{0, 1}, 2, 1))},
}
