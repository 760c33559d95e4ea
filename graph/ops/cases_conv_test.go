package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

var convCases = []opCase{
	{op: "Conv", consts: []int{1}, attrs: attrs("pads", graph.Ints(1, 1, 1, 1)), in: ts(count(1, 1, 2, 2), f32([]float32{1, 1, 1, 1, 1, 1, 1, 1, 1}, 1, 1, 3, 3), vec(10)), want: ts(f32([]float32{16, 16, 16, 16}, 1, 1, 2, 2))},
	{name: "groups", op: "Conv", consts: []int{1}, attrs: attrs("group", graph.Int(2)), in: ts(count(1, 4, 1, 1), f32([]float32{1, 1, 2, 2}, 2, 2, 1, 1)), want: ts(f32([]float32{1, 10}, 1, 2, 1, 1))},
	{name: "depthwise", op: "Conv", consts: []int{1}, attrs: attrs("group", graph.Int(2), "strides", graph.Ints(2)), in: ts(count(1, 2, 3), f32([]float32{1, 2, 3, 4}, 2, 1, 2), vec(0, 1)), want: ts(f32([]float32{2, 26}, 1, 2, 1))},
	{name: "same", op: "Conv", consts: []int{1}, attrs: attrs("auto_pad", graph.Str("SAME_UPPER")), in: ts(count(1, 1, 3), f32([]float32{1, 1}, 1, 1, 2)), want: ts(f32([]float32{1, 3, 2}, 1, 1, 3))},
	{name: "dynamic weights", op: "Conv", in: ts(count(1, 1, 3), f32([]float32{1, 1}, 1, 1, 2)), want: ts(f32([]float32{1, 3}, 1, 1, 2))},
	{op: "ConvTranspose", consts: []int{1}, attrs: attrs("strides", graph.Ints(2)), in: ts(count(1, 1, 2), f32([]float32{1, 10, 100}, 1, 1, 3), vec(5)), want: ts(f32([]float32{5, 5, 6, 15, 105}, 1, 1, 5))},
	{name: "groups", op: "ConvTranspose", consts: []int{1}, attrs: attrs("group", graph.Int(2)), in: ts(count(1, 4, 1, 1), f32([]float32{1, 1, 2, 2}, 4, 1, 1, 1)), want: ts(f32([]float32{1, 10}, 1, 2, 1, 1))},
	{name: "output_shape", op: "ConvTranspose", consts: []int{1}, attrs: attrs("strides", graph.Ints(2), "output_shape", graph.Ints(4)), in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{1, 10, 100}, 1, 1, 3)), want: ts(f32([]float32{10, 102, 20, 200}, 1, 1, 4))},
	{name: "three axes", op: "ConvTranspose", consts: []int{1}, attrs: attrs("strides", graph.Ints(2, 1, 1), "group", graph.Int(2)), in: ts(count(1, 2, 2, 1, 1), f32([]float32{1, 10, 100, 2, 20, 200}, 2, 1, 3, 1, 1), vec(5, 6)), want: ts(f32([]float32{5, 5, 6, 15, 105, 10, 46, 412, 66, 606}, 1, 2, 5, 1, 1))},
	{name: "float64", op: "ConvTranspose", consts: []int{1}, attrs: attrs("strides", graph.Ints(2), "pads", graph.Ints(1, 0)), in: ts(tensor.Of([]float64{1, 2}, 1, 1, 2), tensor.Of([]float64{1, 10, 100}, 1, 1, 3), list(5.0)), want: ts(tensor.Of([]float64{15, 107, 25, 205}, 1, 1, 4))},
	{name: "float16", op: "ConvTranspose", consts: []int{1}, in: ts(tensor.Of([]tensor.F16{halfOne, halfTwo}, 1, 1, 2), tensor.Of([]tensor.F16{halfOne}, 1, 1, 1)), want: ts(tensor.Of([]tensor.F16{halfOne, halfTwo}, 1, 1, 2))},
	{name: "ON11 channels", op: "ConvTranspose", consts: []int{1}, in: ts(count(1, 2, 2), count(1, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 group 0", op: "ConvTranspose", consts: []int{1}, attrs: attrs("group", graph.Int(0)), in: ts(count(1, 1, 2), count(1, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 pads", op: "ConvTranspose", consts: []int{1}, attrs: attrs("pads", graph.Ints(9, 9)), in: ts(count(1, 1, 2), count(1, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 output_padding", op: "ConvTranspose", consts: []int{1}, attrs: attrs("output_padding", graph.Ints(-1)), in: ts(count(1, 1, 2), count(1, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 group 0", op: "Conv", consts: []int{1}, attrs: attrs("group", graph.Int(0)), in: ts(count(1, 1, 3), f32([]float32{1, 1}, 1, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 stride 0", op: "Conv", consts: []int{1}, attrs: attrs("strides", graph.Ints(0)), in: ts(count(1, 1, 3), f32([]float32{1, 1}, 1, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 dilation", op: "Conv", consts: []int{1}, attrs: attrs("dilations", graph.Ints(1<<62)), in: ts(count(1, 1, 3), f32([]float32{1, 1}, 1, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 pads", op: "Conv", consts: []int{1}, attrs: attrs("pads", graph.Ints(-1, 0)), in: ts(count(1, 1, 3), f32([]float32{1, 1}, 1, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 kernel", op: "Conv", consts: []int{1}, in: ts(count(1, 1, 3), count(1, 1, 4)), wantErr: graph.ErrModel},
	{name: "ON11 kernel_shape", op: "Conv", consts: []int{1}, attrs: attrs("kernel_shape", graph.Ints(3)), in: ts(count(1, 1, 3), count(1, 1, 2)), wantErr: graph.ErrModel},
	{op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2, 2), "pads", graph.Ints(1, 0, 0, 0)), in: ts(f32([]float32{1, 2, nan, 4}, 1, 1, 2, 2)), want: ts(f32([]float32{2, nan}, 1, 1, 2, 1))},
	{name: "ceil", op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2), "strides", graph.Ints(2), "ceil_mode", graph.Int(1)), in: ts(count(1, 1, 3)), want: ts(f32([]float32{1, 2}, 1, 1, 2))},
	{name: "ON11 no kernel", op: "MaxPool", in: ts(count(1, 1, 3)), wantErr: graph.ErrModel},
	{name: "ON11 pads", op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2), "pads", graph.Ints(2, 2)), in: ts(count(1, 1, 3)), wantErr: graph.ErrModel},
	{op: "AveragePool", attrs: attrs("kernel_shape", graph.Ints(2), "pads", graph.Ints(1, 0)), in: ts(count(1, 1, 3)), want: ts(f32([]float32{0, 0.5, 1.5}, 1, 1, 3))},
	{name: "padding counts", op: "AveragePool", attrs: attrs("kernel_shape", graph.Ints(2), "pads", graph.Ints(1, 1), "count_include_pad", graph.Int(1)), in: ts(f32([]float32{2, 4}, 1, 1, 2)), want: ts(f32([]float32{1, 3, 2}, 1, 1, 3))},
}

// volumeCases: three spatial axes, float64, positions of maxima.
var volumeCases = []opCase{
	{name: "three axes", op: "Conv", consts: []int{1}, attrs: attrs("pads", graph.Ints(1, 0, 0, 0, 0, 0)), in: ts(count(1, 1, 2, 1, 2), f32([]float32{1, 10}, 1, 1, 2, 1, 1), vec(100)), want: ts(f32([]float32{100, 110, 120, 131}, 1, 1, 2, 1, 2))},
	{name: "three axes, groups and dilation", op: "Conv", consts: []int{1}, attrs: attrs("group", graph.Int(2), "dilations", graph.Ints(2, 1, 1)), in: ts(count(1, 2, 3, 1, 1), f32([]float32{1, 10, 100, 1000}, 2, 1, 2, 1, 1)), want: ts(f32([]float32{20, 5300}, 1, 2, 1, 1, 1))},
	{name: "float64", op: "Conv", consts: []int{1}, attrs: attrs("pads", graph.Ints(1, 1)), in: ts(tensor.Of([]float64{1, 2}, 1, 1, 2), tensor.Of([]float64{1, 10, 100}, 1, 1, 3), list(0.5)), want: ts(tensor.Of([]float64{210.5, 21.5}, 1, 1, 2))},
	{name: "float16", op: "Conv", consts: []int{1}, in: ts(tensor.Of([]tensor.F16{halfOne, halfTwo}, 1, 1, 2), tensor.Of([]tensor.F16{halfOne}, 1, 1, 1), list[tensor.F16](halfOne)), want: ts(tensor.Of([]tensor.F16{halfTwo, halfThree}, 1, 1, 2))},
	{name: "ON11 dtypes", op: "Conv", in: ts(tensor.Of([]float64{1, 2}, 1, 1, 2), count(1, 1, 1)), wantErr: graph.ErrModel},
	{name: "ON11 four axes", op: "Conv", in: ts(count(1, 1, 1, 1, 1, 1), count(1, 1, 1, 1, 1, 1)), wantErr: graph.ErrUnsupported},
	{name: "three axes", op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2, 1, 2)), in: ts(count(1, 1, 2, 2, 2)), want: ts(f32([]float32{5, 7}, 1, 1, 1, 2, 1))},
	{name: "positions", op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2, 2), "pads", graph.Ints(0, 0, 1, 1)), in: ts(f32([]float32{1, nan, 3, 3, 0, 1, 1, 0}, 1, 2, 2, 2)), want: ts(f32([]float32{nan, nan, 3, 3, 1, 1, 1, 0}, 1, 2, 2, 2), i64([]int64{1, 1, 2, 3, 5, 5, 6, 7}, 1, 2, 2, 2))},
	{name: "positions by columns", op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2, 2), "storage_order", graph.Int(1)), in: ts(s8s([]int8{1, 5, 3, 3, 0, 1, 2, 0}, 1, 2, 2, 2)), want: ts(s8s([]int8{5, 2}, 1, 2, 1, 1), i64([]int64{2, 5}, 1, 2, 1, 1))},
	{name: "float64", op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2)), in: ts(tensor.Of([]float64{1, 2, 0}, 1, 1, 3)), want: ts(tensor.Of([]float64{2, 2}, 1, 1, 2))},
	{name: "three axes", op: "AveragePool", attrs: attrs("kernel_shape", graph.Ints(2, 1, 2), "pads", graph.Ints(1, 0, 0, 0, 0, 0)), in: ts(count(1, 1, 2, 1, 2)), want: ts(f32([]float32{0.5, 1.5}, 1, 1, 2, 1, 1))},
	{name: "three axes, padding counts", op: "AveragePool", attrs: attrs("kernel_shape", graph.Ints(2, 1, 2), "pads", graph.Ints(1, 0, 0, 0, 0, 0), "count_include_pad", graph.Int(1)), in: ts(count(1, 1, 2, 1, 2)), want: ts(f32([]float32{0.25, 1.5}, 1, 1, 2, 1, 1))},
	{name: "float64", op: "AveragePool", attrs: attrs("kernel_shape", graph.Ints(2)), in: ts(tensor.Of([]float64{1, 2, 0}, 1, 1, 3)), want: ts(tensor.Of([]float64{1.5, 1}, 1, 1, 2))},
	{name: "float64", op: "MatMul", consts: []int{1}, in: ts(tensor.Of([]float64{1, 2}, 1, 2), tensor.Of([]float64{1, 2, 3, 4}, 2, 2)), want: ts(tensor.Of([]float64{7, 10}, 1, 2))},
	{name: "integers that broadcast", op: "MatMul", in: ts(tensor.Of([]int64{1, 2}, 2, 1, 1), tensor.Of([]int64{3, 4}, 1, 1, 2)), want: ts(tensor.Of([]int64{3, 4, 6, 8}, 2, 1, 2))},
	{name: "vectors of uint32", op: "MatMul", in: ts(list[uint32](1, 2), list[uint32](3, 4)), want: ts(tensor.Of([]uint32{11}))},
	{name: "float16", op: "MatMul", consts: []int{1}, in: ts(tensor.Of([]tensor.F16{halfOne, halfOne}, 1, 2), tensor.Of([]tensor.F16{halfOne, halfTwo}, 2, 1)), want: ts(tensor.Of([]tensor.F16{halfThree}, 1, 1))},
	{name: "float64", op: "Gemm", attrs: attrs("transA", graph.Int(1), "transB", graph.Int(1), "alpha", graph.Float32(2), "beta", graph.Float32(0.5)),
		in: ts(tensor.Of([]float64{1, 2}, 2, 1), tensor.Of([]float64{1, 2, 3, 4}, 2, 2), list(10.0)), want: ts(tensor.Of([]float64{15, 27}, 1, 2))},
	{name: "int32", op: "Gemm", attrs: attrs("alpha", graph.Float32(0.5)), in: ts(tensor.Of([]int32{1, 2}, 1, 2), tensor.Of([]int32{3, 4}, 2, 1)), want: ts(tensor.Of([]int32{5}, 1, 1))},
	{name: "float64 epilogue", domain: graph.DomainFused, op: "Gemm", attrs: attrs(ops.AttrActivation, graph.Str("Clip"), ops.AttrActivationParams, graph.Floats([]float32{0, 6})), in: ts(tensor.Of([]float64{1, -1}, 2, 1), tensor.Of([]float64{1, 4}, 1, 2), nil, list(1.0, 4)), want: ts(tensor.Of([]float64{2, 6, 0, 0}, 2, 2))},
	{name: "float16 epilogue", domain: graph.DomainFused, op: "MatMul", attrs: attrs(ops.AttrActivation, graph.Str("Relu")), in: ts(tensor.Of([]tensor.F16{halfOne, halfOne}, 1, 2), tensor.Of([]tensor.F16{halfOne, halfTwo}, 2, 1)), want: ts(tensor.Of([]tensor.F16{halfThree}, 1, 1))},
	{name: "ON11 dtypes", op: "MatMul", in: ts(tensor.Of([]int64{1}, 1, 1), tensor.Of([]int32{3}, 1, 1)), wantErr: graph.ErrModel},
}
