package ops_test

import "github.com/hotpath/hotpath/graph"

var normCases = []opCase{
	{name: "first axis", op: "Softmax", attrs: attrs("axis", graph.Int(0)), in: ts(f32([]float32{1, 5, 1, 5}, 2, 2)), want: ts(f32([]float32{0.5, 0.5, 0.5, 0.5}, 2, 2))},
	{name: "masked column", op: "Softmax", attrs: attrs("axis", graph.Int(0)), in: ts(f32([]float32{1, -inf, -inf, -inf}, 2, 2)), want: ts(f32([]float32{1, nan, 0, nan}, 2, 2))},
	{name: "opset 12 flattens", op: "Softmax", opset: 12, in: ts(f32([]float32{1, 1, 1, 1}, 1, 2, 2)), want: ts(f32([]float32{0.25, 0.25, 0.25, 0.25}, 1, 2, 2))},
	{name: "ON11 axis", op: "Softmax", attrs: attrs("axis", graph.Int(2)), in: ts(vec(1)), wantErr: graph.ErrModel},
	{op: "LogSoftmax", in: ts(f32([]float32{1, 1, 0, -inf}, 2, 2)), want: ts(f32([]float32{-ln2, -ln2, 0, -inf}, 2, 2))},
	{name: "first axis", op: "LogSoftmax", attrs: attrs("axis", graph.Int(-2)), in: ts(f32([]float32{1, nan, 1, 0}, 2, 2)), want: ts(f32([]float32{-ln2, nan, -ln2, nan}, 2, 2))},
	{op: "LayerNormalization", attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 3, 6, 2}, 2, 2), vec(2, 10), vec(1, 0)), want: ts(f32([]float32{-1, 10, 3, -10}, 2, 2))},
	{name: "no bias, two axes", op: "LayerNormalization", attrs: attrs("epsilon", graph.Float32(0), "axis", graph.Int(1)), in: ts(f32([]float32{1, 3, 1, 3}, 1, 2, 2), f32([]float32{2, 2, 3, 3}, 2, 2)), want: ts(f32([]float32{-2, 2, -3, 3}, 1, 2, 2))},
	{name: "ON11 scale", op: "LayerNormalization", in: ts(vec(1, 2), vec(1, 2, 3)), wantErr: graph.ErrModel},
	{name: "ON11 scale of all", op: "LayerNormalization", in: ts(vec(1, 2), vec(1)), wantErr: graph.ErrUnsupported},
	{name: "ON11 scale that makes more", op: "RMSNormalization", in: ts(vec(1), vec(1, 2)), wantErr: graph.ErrModel},
	{op: "RMSNormalization", attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{2, -2}, 1, 2), vec(1, 3)), want: ts(f32([]float32{1, -3}, 1, 2))},
	{op: "BatchNormalization", consts: []int{1, 2, 3, 4}, attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 2), vec(1, 2), vec(0, 1), vec(1, 3), vec(1, 4)), want: ts(f32([]float32{0, 1, 1, 2}, 1, 2, 2))},
	{name: "statistics as inputs", op: "BatchNormalization", attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 2}, 1, 2), vec(1, 2), vec(0, 1), vec(1, 3), vec(1, 4)), want: ts(f32([]float32{0, 0}, 1, 2))},
	{name: "ON11 channels", op: "BatchNormalization", in: ts(f32([]float32{1, 2}, 1, 2), vec(1), vec(0, 1), vec(1, 3), vec(1, 4)), wantErr: graph.ErrModel},
	{op: "InstanceNormalization", attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 3, 6, 2}, 1, 2, 2), vec(2, 10), vec(1, 0)), want: ts(f32([]float32{-1, 3, 10, -10}, 1, 2, 2))},
	{op: "GroupNormalization", attrs: attrs("epsilon", graph.Float32(0), "num_groups", graph.Int(1)), in: ts(f32([]float32{1, 3}, 1, 2, 1), vec(2, 10), vec(1, 0)), want: ts(f32([]float32{-1, 10}, 1, 2, 1))},
	{name: "ON11 groups", op: "GroupNormalization", attrs: attrs("num_groups", graph.Int(0)), in: ts(f32([]float32{1, 3}, 1, 2, 1), vec(2, 10), vec(1, 0)), wantErr: graph.ErrModel},
}
