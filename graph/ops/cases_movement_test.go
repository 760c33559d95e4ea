package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

func count(shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i)
	}
	return x
}

var movementCases = []opCase{
	{op: "Transpose", in: ts(count(2, 3)), want: ts(f32([]float32{0, 3, 1, 4, 2, 5}, 3, 2))},
	{name: "perm", op: "Transpose", attrs: attrs("perm", graph.Ints(0, 2, 1)), in: ts(count(2, 2, 2)), want: ts(f32([]float32{0, 2, 1, 3, 4, 6, 5, 7}, 2, 2, 2))},
	{name: "bytes", op: "Transpose", in: ts(tensor.Of([]uint8{1, 2, 3, 4}, 2, 2)), want: ts(tensor.Of([]uint8{1, 3, 2, 4}, 2, 2))},
	{name: "ON11 duplicates", op: "Transpose", attrs: attrs("perm", graph.Ints(0, 0)), in: ts(count(2, 3)), wantErr: graph.ErrModel},
	{name: "ON11 length", op: "Transpose", attrs: attrs("perm", graph.Ints(0)), in: ts(count(2, 3)), wantErr: graph.ErrModel},
	{op: "Expand", consts: []int{1}, in: ts(f32([]float32{1, 2}, 2, 1), i64([]int64{1, 1, 3}, 3)), want: ts(f32([]float32{1, 1, 1, 2, 2, 2}, 1, 2, 3))},
	{name: "ON11 bomb", op: "Expand", consts: []int{1}, in: ts(f32([]float32{1}), i64([]int64{1 << 40, 1 << 40}, 2)), wantErr: graph.ErrModel},
	{name: "ON11 negative", op: "Expand", consts: []int{1}, in: ts(f32([]float32{1}), i64([]int64{-1}, 1)), wantErr: graph.ErrModel},
	{op: "Tile", consts: []int{1}, in: ts(count(1, 2), i64([]int64{2, 2}, 2)), want: ts(f32([]float32{0, 1, 0, 1, 0, 1, 0, 1}, 2, 4))},
	{name: "ON11 repeats", op: "Tile", consts: []int{1}, in: ts(count(4), i64([]int64{1e18 * 9}, 1)), wantErr: graph.ErrModel},
	{op: "Slice", consts: []int{1, 2, 3, 4}, in: ts(count(2, 4), i64([]int64{1, -1}, 2), i64([]int64{2, -100}, 2), i64([]int64{0, 1}, 2), i64([]int64{1, -2}, 2)), want: ts(f32([]float32{7, 5}, 1, 2))},
	{name: "attributes", op: "Slice", attrs: attrs("starts", graph.Ints(1), "ends", graph.Ints(math.MaxInt64)), in: ts(count(3)), want: ts(vec(1, 2))},
	{name: "empty", op: "Slice", attrs: attrs("starts", graph.Ints(2), "ends", graph.Ints(1)), in: ts(count(3)), want: ts(f32(nil, 0))},
	{name: "ON11 step 0", op: "Slice", consts: []int{1, 2, 3, 4}, in: ts(count(3), i64([]int64{math.MinInt64}, 1), i64([]int64{1}, 1), i64([]int64{0}, 1), i64([]int64{0}, 1)), wantErr: graph.ErrModel},
	{name: "ON11 extremes", op: "Slice", consts: []int{1, 2, 3, 4}, in: ts(count(3), i64([]int64{math.MaxInt64}, 1), i64([]int64{math.MinInt64}, 1), i64([]int64{0}, 1), i64([]int64{math.MinInt64}, 1)), want: ts(vec(2))},
	{name: "first axis", op: "Slice", attrs: attrs("starts", graph.Ints(1), "ends", graph.Ints(2)), in: ts(count(2, 2)), want: ts(f32([]float32{2, 3}, 1, 2))},
	{name: "first axis", op: "Concat", attrs: attrs("axis", graph.Int(0)), in: ts(count(2, 2), count(1, 2)), want: ts(f32([]float32{0, 1, 2, 3, 0, 1}, 3, 2))},
	{name: "in front", op: "Unsqueeze", attrs: attrs("axes", graph.Ints(0)), in: ts(count(3)), want: ts(count(1, 3))},
	{name: "matrix", op: "Cast", attrs: castTo(tensor.Int32), in: ts(count(2, 3)), want: ts(tensor.Of([]int32{0, 1, 2, 3, 4, 5}, 2, 3))},
	{name: "first axis", op: "Split", in: ts(count(2, 2)), want: ts(count(1, 2), f32([]float32{2, 3}, 1, 2))},
	{domain: fused, op: "SelectRows", consts: []int{1}, attrs: attrs(ops.AttrFirst, graph.Int(5)), in: ts(tensor.Of([]int32{6, 4, 7, 5}, 4, 1), count(3, 2)), want: ts(f32([]float32{2, 3, 4, 5, 4, 5, 0, 1}, 4, 2))},
	{name: "extremes", domain: fused, op: "SelectRows", consts: []int{1}, attrs: attrs(ops.AttrFirst, graph.Int(-1)), in: ts(i64([]int64{-1, math.MaxInt64, math.MinInt64}, 3, 1), count(2, 1)), want: ts(f32([]float32{0, 1, 1}, 3, 1))},
	{name: "last axis", domain: fused, op: "SelectRows", consts: []int{1}, in: ts(i64([]int64{0, 1}, 2), count(2, 1)), wantErr: graph.ErrModel},
	{op: "Split", attrs: attrs("axis", graph.Int(1)), in: ts(count(2, 3)), want: ts(f32([]float32{0, 1, 3, 4}, 2, 2), f32([]float32{2, 5}, 2, 1))},
	{name: "sizes", op: "Split", consts: []int{1}, in: ts(count(3), i64([]int64{1, 2}, 2)), want: ts(vec(0), vec(1, 2))},
	{name: "ON11 sum", op: "Split", consts: []int{1}, in: ts(count(3), i64([]int64{2}, 1)), wantErr: graph.ErrModel},
	{op: "Gather", in: ts(count(3, 2), i64([]int64{2, -3}, 2)), want: ts(f32([]float32{4, 5, 0, 1}, 2, 2))},
	{name: "axis 1, scalar", op: "Gather", attrs: attrs("axis", graph.Int(1)), in: ts(count(3, 2), i64([]int64{1})), want: ts(vec(1, 3, 5))},
	{name: "ON11 index", op: "Gather", in: ts(count(3), i64([]int64{3}, 1)), wantErr: graph.ErrInput},
	{name: "ON11 negative index", op: "Gather", in: ts(count(3), i64([]int64{math.MinInt64}, 1)), wantErr: graph.ErrInput},
	{op: "Pad", consts: []int{1, 2}, in: ts(count(1, 2), i64([]int64{1, 0, 0, 1}, 4), f32([]float32{9})), want: ts(f32([]float32{9, 9, 9, 0, 1, 9}, 2, 3))},
	{name: "reflect", op: "Pad", attrs: attrs("mode", graph.Str("reflect"), "pads", graph.Ints(2, 2)), in: ts(count(3)), want: ts(vec(2, 1, 0, 1, 2, 1, 0))},
	{name: "edge, cropped", op: "Pad", attrs: attrs("mode", graph.Str("edge"), "pads", graph.Ints(-1, 2)), in: ts(count(3)), want: ts(vec(1, 2, 2, 2))},
	{name: "wrap", op: "Pad", attrs: attrs("mode", graph.Str("wrap"), "pads", graph.Ints(1, 2)), in: ts(count(3)), want: ts(vec(2, 0, 1, 2, 0, 1))},
	{name: "ON11 reflect", op: "Pad", attrs: attrs("mode", graph.Str("reflect"), "pads", graph.Ints(3, 0)), in: ts(count(3)), wantErr: graph.ErrModel},
	{name: "ON11 negative", op: "Pad", attrs: attrs("pads", graph.Ints(-4, 0)), in: ts(count(3)), wantErr: graph.ErrModel},
	{name: "ON11 huge", op: "Pad", attrs: attrs("pads", graph.Ints(1<<62, 1<<62)), in: ts(count(3)), wantErr: graph.ErrModel},
	{op: "Where", in: ts(tensor.Of([]bool{true, false}, 2, 1), count(2), f32([]float32{7})), want: ts(f32([]float32{0, 1, 7, 7}, 2, 2))},
	{name: "all whole", op: "Where", in: ts(bools(true, false), vec(1, 2), vec(3, 4)), want: ts(vec(1, 4))},
	{op: "TopK", consts: []int{1}, in: ts(vec(1, 3, nan, 3), i64([]int64{3}, 1)), want: ts(vec(nan, 3, 3), i64([]int64{2, 1, 3}, 3))},
	{name: "smallest of columns", op: "TopK", consts: []int{1}, attrs: attrs("axis", graph.Int(0), "largest", graph.Int(0)), in: ts(f32([]float32{4, 1, 2, 3}, 2, 2), i64([]int64{1}, 1)), want: ts(f32([]float32{2, 1}, 1, 2), i64([]int64{1, 0}, 1, 2))},
	{name: "ON11 k", op: "TopK", consts: []int{1}, in: ts(vec(1), i64([]int64{2}, 1)), want: ts(nil, nil), wantErr: graph.ErrModel},
}
