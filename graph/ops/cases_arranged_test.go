package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

var square = f32([]float32{1, 2, 3, 4}, 2, 2)

// arrangedCases: operators that gather, scatter, reorder or make elements, and normalisations of images.
var arrangedCases = []opCase{
	{op: "GatherElements", attrs: attrs("axis", graph.Int(1)), in: ts(square, i64([]int64{0, 0, -1, 0}, 2, 2)), want: ts(f32([]float32{1, 1, 4, 3}, 2, 2))},
	{name: "first axis", op: "GatherElements", in: ts(square, i64([]int64{1, 0}, 1, 2)), want: ts(f32([]float32{3, 2}, 1, 2))},
	{name: "IN index", op: "GatherElements", in: ts(square, i64([]int64{2, 0}, 1, 2)), wantErr: graph.ErrInput},
	{name: "IN lowest index", op: "GatherElements", in: ts(square, i64([]int64{math.MinInt64, 0}, 1, 2)), wantErr: graph.ErrInput},
	{name: "ON11 shape", op: "GatherElements", in: ts(square, i64([]int64{0, 0, 0}, 1, 3)), wantErr: graph.ErrModel},
	{op: "ScatterElements", attrs: attrs("axis", graph.Int(1)), in: ts(square, i64([]int64{1, 0}, 2, 1), f32([]float32{8, 9}, 2, 1)), want: ts(f32([]float32{1, 8, 9, 4}, 2, 2))},
	{name: "last wins", op: "ScatterElements", in: ts(vec(1, 2), list[int32](0, 0), vec(8, 9)), want: ts(vec(9, 2))},
	{name: "add", op: "ScatterElements", attrs: attrs("reduction", graph.Str("add")), in: ts(vec(1, 2), i64([]int64{0, 0}, 2), vec(8, 9)), want: ts(vec(18, 2))},
	{name: "max", op: "ScatterElements", attrs: attrs("reduction", graph.Str("max")), in: ts(list[uint8](1, 20), i64([]int64{0, 1}, 2), list[uint8](8, 9)), want: ts(list[uint8](8, 20))},
	{name: "ON11 reduction", op: "ScatterElements", attrs: attrs("reduction", graph.Str("sum")), in: ts(vec(1), i64([]int64{0}, 1), vec(8)), wantErr: graph.ErrModel},
	{name: "IN index", op: "ScatterElements", in: ts(vec(1), i64([]int64{-2}, 1), vec(8)), wantErr: graph.ErrInput},
	{op: "Scatter", in: ts(vec(1, 2), i64([]int64{1}, 1), vec(8)), want: ts(vec(1, 8))},
	{op: "GatherND", in: ts(square, i64([]int64{1, 0, 0, 1}, 2, 2)), want: ts(vec(3, 2))},
	{name: "rows", op: "GatherND", in: ts(square, i64([]int64{-1, 0}, 2, 1)), want: ts(f32([]float32{3, 4, 1, 2}, 2, 2))},
	{name: "batch", op: "GatherND", attrs: attrs("batch_dims", graph.Int(1)), in: ts(square, i64([]int64{1, 0}, 2, 1)), want: ts(vec(2, 3))},
	{name: "ON11 batch", op: "GatherND", attrs: attrs("batch_dims", graph.Int(2)), in: ts(square, i64([]int64{1, 0}, 2, 1)), wantErr: graph.ErrModel},
	{name: "IN index", op: "GatherND", in: ts(square, i64([]int64{2}, 1, 1)), wantErr: graph.ErrInput},
	{op: "ScatterND", in: ts(square, i64([]int64{1, 0}, 1, 2), vec(9)), want: ts(f32([]float32{1, 2, 9, 4}, 2, 2))},
	{name: "add", op: "ScatterND", attrs: attrs("reduction", graph.Str("add")), in: ts(square, i64([]int64{1, 1}, 2, 1), f32([]float32{10, 20, 30, 40}, 2, 2)), want: ts(f32([]float32{1, 2, 43, 64}, 2, 2))},
	{name: "ON11 updates", op: "ScatterND", in: ts(square, i64([]int64{1, 0}, 1, 2), vec(9, 9)), wantErr: graph.ErrModel},
	{op: "OneHot", consts: []int{1}, in: ts(i64([]int64{0, -1, 7}, 3), list[int64](3), vec(5, 6)), want: ts(f32([]float32{6, 5, 5, 5, 5, 6, 5, 5, 5}, 3, 3))},
	{name: "ON11 depth", op: "OneHot", consts: []int{1}, in: ts(i64([]int64{0}, 1), list[int64](-1), vec(5, 6)), wantErr: graph.ErrModel},
	{name: "ON11 huge", op: "OneHot", consts: []int{1}, in: ts(i64([]int64{0}, 1), vec(nan), vec(5, 6)), wantErr: graph.ErrModel},
	{op: "DepthToSpace", attrs: attrs("blocksize", graph.Int(2)), in: ts(f32([]float32{1, 2, 3, 4}, 1, 4, 1, 1)), want: ts(f32([]float32{1, 2, 3, 4}, 1, 1, 2, 2))},
	{name: "ON11 block", op: "DepthToSpace", attrs: attrs("blocksize", graph.Int(1<<40)), in: ts(f32([]float32{1, 2, 3, 4}, 1, 4, 1, 1)), wantErr: graph.ErrModel},
	{op: "SpaceToDepth", attrs: attrs("blocksize", graph.Int(2)), in: ts(f32([]float32{1, 2, 3, 4}, 1, 1, 2, 2)), want: ts(f32([]float32{1, 2, 3, 4}, 1, 4, 1, 1))},
	{op: "CumSum", consts: []int{1}, in: ts(square, list[int64](1)), want: ts(f32([]float32{1, 3, 3, 7}, 2, 2))},
	{name: "exclusive and reverse", op: "CumSum", attrs: attrs("exclusive", graph.Int(1), "reverse", graph.Int(1)), in: ts(square, list[int32](0)), want: ts(f32([]float32{3, 4, 0, 0}, 2, 2))},
	{name: "IN axis", op: "CumSum", in: ts(square, list[int64](2)), wantErr: graph.ErrInput},
	{op: "ReverseSequence", attrs: attrs("batch_axis", graph.Int(0), "time_axis", graph.Int(1)), in: ts(square, list[int64](2, 1)), want: ts(f32([]float32{2, 1, 3, 4}, 2, 2))},
	{name: "IN length", op: "ReverseSequence", in: ts(square, list[int64](3, 1)), wantErr: graph.ErrInput},
	{op: "Trilu", in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)), want: ts(f32([]float32{1, 2, 0, 4, 5, 6, 0, 8}, 2, 2, 2))},
	{name: "lower", op: "Trilu", attrs: attrs("upper", graph.Int(0)), in: ts(list2x2(), i64([]int64{-1})), want: ts(tensor.Of([]int16{0, 0, 3, 0}, 2, 2))},
	{name: "far", op: "Trilu", in: ts(square, i64([]int64{math.MinInt64})), want: ts(square)},
	{op: "Hardmax", in: ts(f32([]float32{1, 3, 3, 2, 1, 0}, 2, 3)), want: ts(f32([]float32{0, 1, 0, 1, 0, 0}, 2, 3))},
	{op: "EyeLike", attrs: attrs("k", graph.Int(1), "dtype", graph.Int(int64(tensor.Float16.ONNX()))), in: ts(square), want: ts(tensor.Of([]tensor.F16{0, halfOne, 0, 0}, 2, 2))},
	{op: "Range", consts: []int{0, 1, 2}, in: ts(i64([]int64{5}), i64([]int64{0}), i64([]int64{-2})), want: ts(i64([]int64{5, 3, 1}, 3))},
	{name: "ON11 step", op: "Range", consts: []int{0, 1, 2}, in: ts(i64([]int64{0}), i64([]int64{5}), i64([]int64{0})), wantErr: graph.ErrModel},
	{name: "bfloat16", op: "Range", consts: []int{0, 1, 2}, in: ts(tensor.Of([]tensor.BF16{0x3f80}), tensor.Of([]tensor.BF16{0x4080}), tensor.Of([]tensor.BF16{0x4000})), want: ts(list[tensor.BF16](0x3f80, 0x4040))},
	{name: "all types", op: "OneHot", consts: []int{1}, in: ts(list[uint16](1), list[tensor.F16](halfTwo), list[int8](5, 6)), want: ts(tensor.Of([]int8{5, 6}, 1, 2))},
	{domain: graph.DomainFused, op: "Align", attrs: attrs("axis", graph.Int(1)), in: ts(vec(1, 2), f32(nil, 0, 2, 1, 1)), want: ts(f32([]float32{1, 2}, 2, 1, 1))},
	{name: "columns first", op: "SpaceToDepth", attrs: attrs("blocksize", graph.Int(2), "mode", graph.Str("CRD")), in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 2, 2, 2)), want: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 8, 1, 1))},
	{name: "axes of an old opset", op: "Squeeze", opset: 6, attrs: attrs("axes", graph.Ints(0)), in: ts(f32([]float32{1}, 1, 1)), want: ts(vec(1))},
	{name: "axes of an old opset", op: "Unsqueeze", opset: 6, attrs: attrs("axes", graph.Ints(1)), in: ts(vec(1)), want: ts(f32([]float32{1}, 1, 1))},
	{name: "ON11 no axes", op: "Unsqueeze", in: ts(vec(1)), wantErr: graph.ErrModel},
	{op: "ConstantOfShape", consts: []int{0}, attrs: attrs("value", graph.Attr{Kind: graph.AttrTensor, Tensor: list[int16](7)}), in: ts(i64([]int64{2, 1}, 2)), want: ts(tensor.Of([]int16{7, 7}, 2, 1))},
	{name: "ON11 huge", op: "ConstantOfShape", consts: []int{0}, in: ts(i64([]int64{1 << 62, 1 << 62}, 2)), wantErr: graph.ErrModel},
	{op: "Shape", attrs: attrs("start", graph.Int(-1)), in: ts(f32(nil, 4, 0, 3)), want: ts(i64([]int64{3}, 1))},
	{op: "Size", in: ts(square), want: ts(i64([]int64{4}))},
	{op: "LpNormalization", in: ts(f32([]float32{3, 4, 0, 0}, 2, 2)), want: ts(f32([]float32{0.6, 0.8, 0, 0}, 2, 2))},
	{name: "float64", op: "LpNormalization", in: ts(f64([]float64{3, 4, 0, 0}, 2, 2)), want: ts(f64([]float64{0.6, 0.8, 0, 0}, 2, 2))},
	{name: "float64 first axis", op: "LpNormalization", attrs: attrs("axis", graph.Int(0), "p", graph.Int(1)), in: ts(f64([]float64{1, 2, 3, -6}, 2, 2)), want: ts(f64([]float64{0.25, 0.25, 0.75, -0.75}, 2, 2))},
	{name: "first axis", op: "LpNormalization", attrs: attrs("axis", graph.Int(0), "p", graph.Int(1)), in: ts(f32([]float32{1, 2, 3, 6}, 2, 2)), want: ts(f32([]float32{0.25, 0.25, 0.75, 0.75}, 2, 2))},
	{op: "LRN", attrs: attrs("size", graph.Int(1), "alpha", graph.Float32(1), "beta", graph.Float32(1)), in: ts(f32([]float32{1, 3}, 1, 2)), want: ts(f32([]float32{0.5, 0.3}, 1, 2))},
	{op: "MeanVarianceNormalization", in: ts(f32([]float32{1, 3, 5, 9}, 1, 2, 1, 2)), want: ts(f32([]float32{-1, 1, -1, 1}, 1, 2, 1, 2))},
}

func list2x2() *tensor.Tensor { return tensor.Of([]int16{1, 2, 3, 4}, 2, 2) }
