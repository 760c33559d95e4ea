package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// signalCases have lengths of 1, 2 and 4, whose roots of unity are exact.
var signalCases = []opCase{
	{op: "DFT", opset: 17, in: ts(f32([]float32{1, 2, 3, 4}, 1, 4, 1)), want: ts(f32([]float32{10, 0, -2, 2, -2, 0, -2, -2}, 1, 4, 2))},
	{name: "one-sided", op: "DFT", attrs: attrs("onesided", graph.Int(1)), in: ts(f32([]float32{1, 2, 3, 4}, 1, 4, 1)), want: ts(f32([]float32{10, 0, -2, 2, -2, 0}, 1, 3, 2))},
	{name: "inverse", op: "DFT", opset: 17, attrs: attrs("inverse", graph.Int(1)), in: ts(f32([]float32{10, 0, -2, 2, -2, 0, -2, -2}, 1, 4, 2)), want: ts(f32([]float32{1, 0, 2, 0, 3, 0, 4, 0}, 1, 4, 2))},
	{name: "one-sided inverse", op: "DFT", attrs: attrs("inverse", graph.Int(1), "onesided", graph.Int(1)), in: ts(f32([]float32{10, 7, -2, 2, -2, 7}, 1, 3, 2)), want: ts(f32([]float32{1, 2, 3, 4}, 1, 4, 1))},
	{name: "axis", op: "DFT", consts: []int{2}, in: ts(f32([]float32{1, 2, 3, 4}, 2, 2, 1), nil, i64([]int64{0})), want: ts(f32([]float32{4, 0, 6, 0, -2, 0, -2, 0}, 2, 2, 2))},
	{name: "longer", op: "DFT", consts: []int{1}, in: ts(f32([]float32{1, 2}, 1, 2, 1), tensor.Of([]int32{4})), want: ts(f32([]float32{3, 0, 1, -2, -1, 0, 1, 2}, 1, 4, 2))},
	{name: "shorter", op: "DFT", consts: []int{1}, in: ts(f32([]float32{1, 2, 9, 9}, 1, 4, 1), i64([]int64{2})), want: ts(f32([]float32{3, 0, -1, 0}, 1, 2, 2))},
	{name: "float64", op: "DFT", in: ts(tensor.Of([]float64{1, 2}, 1, 2, 1)), want: ts(tensor.Of([]float64{3, 0, -1, 0}, 1, 2, 2))},
	{name: "float16", op: "DFT", in: ts(tensor.Of([]tensor.F16{halfOne, halfTwo}, 1, 2, 1)), want: ts(tensor.Of([]tensor.F16{halfThree, 0, 0xbc00, 0}, 1, 2, 2))},
	{name: "constant of 37", op: "DFT", attrs: attrs("onesided", graph.Int(1)), consts: []int{1}, in: ts(f32([]float32{1}, 1, 1, 1), i64([]int64{3})), want: ts(f32([]float32{1, 0, 1, 0}, 1, 2, 2))},
	{name: "ON11 length", op: "DFT", consts: []int{1}, in: ts(f32([]float32{1, 2}, 1, 2, 1), i64([]int64{0})), wantErr: graph.ErrModel},
	{name: "ON11 parts", op: "DFT", in: ts(f32([]float32{1, 2, 3}, 1, 1, 3)), wantErr: graph.ErrModel},
	{name: "ON11 axis", op: "DFT", opset: 17, attrs: attrs("axis", graph.Int(2)), in: ts(f32([]float32{1, 2}, 1, 2, 1)), wantErr: graph.ErrModel},
	{name: "not known", op: "DFT", in: ts(f32([]float32{1, 2}, 1, 2, 1), i64([]int64{2})), wantErr: graph.ErrNeedsValue},

	{op: "STFT", consts: []int{1}, in: ts(f32([]float32{1, 2, 3, 4, 5}, 1, 5, 1), i64([]int64{2}), vec(1, 1)), want: ts(f32([]float32{3, 0, -1, 0, 7, 0, -1, 0}, 1, 2, 2, 2))},
	{name: "frames", op: "STFT", attrs: attrs("onesided", graph.Int(0)), consts: []int{1, 3}, in: ts(f32([]float32{1, 2, 3, 4, 5, 6}, 1, 3, 2), i64([]int64{1}), nil, i64([]int64{2})), want: ts(f32([]float32{4, 6, -2, -2, 8, 10, -2, -2}, 1, 2, 2, 2))},
	{name: "window", op: "STFT", consts: []int{1}, in: ts(f32([]float32{1, 2}, 1, 2, 1), i64([]int64{1}), vec(2, 0.5)), want: ts(f32([]float32{3, 0, 1, 0}, 1, 1, 2, 2))},
	{name: "ON11 step", op: "STFT", consts: []int{1}, in: ts(f32([]float32{1, 2}, 1, 2, 1), i64([]int64{0}), vec(1, 1)), wantErr: graph.ErrModel},
	{name: "ON11 frame", op: "STFT", consts: []int{1, 3}, in: ts(f32([]float32{1, 2}, 1, 2, 1), i64([]int64{1}), nil, i64([]int64{3})), wantErr: graph.ErrModel},

	{op: "HannWindow", consts: []int{0}, in: ts(i64([]int64{4})), want: ts(vec(0, 0.5, 1, 0.5))},
	{name: "symmetric", op: "HannWindow", attrs: attrs("periodic", graph.Int(0), "output_datatype", graph.Int(int64(tensor.Float64.ONNX()))), consts: []int{0}, in: ts(tensor.Of([]int32{3})), want: ts(list(0, 1, 0.0))},
	{name: "one", op: "HannWindow", attrs: attrs("periodic", graph.Int(0)), consts: []int{0}, in: ts(i64([]int64{1})), want: ts(vec(0))},
	{name: "ON11 size", op: "HannWindow", consts: []int{0}, in: ts(i64([]int64{-1})), wantErr: graph.ErrModel},
	{name: "ON11 type", op: "HannWindow", attrs: attrs("output_datatype", graph.Int(8)), consts: []int{0}, in: ts(i64([]int64{1})), wantErr: graph.ErrModel},
	{op: "HammingWindow", consts: []int{0}, in: ts(i64([]int64{2})), want: ts(vec(4./46, 1))},
	{name: "integers", op: "HammingWindow", attrs: attrs("output_datatype", graph.Int(int64(tensor.Int32.ONNX()))), consts: []int{0}, in: ts(i64([]int64{2})), want: ts(list[int32](0, 1))},
	{op: "BlackmanWindow", attrs: attrs("output_datatype", graph.Int(int64(tensor.Float16.ONNX()))), consts: []int{0}, in: ts(i64([]int64{2})), want: ts(list[tensor.F16](0x8000, halfOne))},

	{op: "MelWeightMatrix", consts: []int{0, 1}, in: ts(i64([]int64{1}), i64([]int64{4}), i64([]int64{4}), f32([]float32{0}), f32([]float32{2})), want: ts(f32([]float32{1, 0, 0}, 3, 1))},
	{name: "ON13 band", op: "MelWeightMatrix", consts: []int{0, 1}, in: ts(i64([]int64{1}), i64([]int64{4}), i64([]int64{4}), f32([]float32{0}), f32([]float32{200})), wantErr: graph.ErrInput},
	{name: "ON13 rate", op: "MelWeightMatrix", consts: []int{0, 1}, in: ts(i64([]int64{1}), i64([]int64{4}), i64([]int64{0}), f32([]float32{0}), f32([]float32{2})), wantErr: graph.ErrInput},
	{name: "ON11 bins", op: "MelWeightMatrix", consts: []int{0, 1}, in: ts(i64([]int64{0}), i64([]int64{4}), i64([]int64{4}), f32([]float32{0}), f32([]float32{2})), wantErr: graph.ErrModel},
}
