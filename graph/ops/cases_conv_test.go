package ops_test

import "github.com/hotpath/hotpath/graph"

var convCases = []opCase{
	{op: "Conv", consts: []int{1}, attrs: attrs("pads", graph.Ints(1, 1, 1, 1)), in: ts(count(1, 1, 2, 2), f32([]float32{1, 1, 1, 1, 1, 1, 1, 1, 1}, 1, 1, 3, 3), vec(10)), want: ts(f32([]float32{16, 16, 16, 16}, 1, 1, 2, 2))},
	{name: "groups", op: "Conv", consts: []int{1}, attrs: attrs("group", graph.Int(2)), in: ts(count(1, 4, 1, 1), f32([]float32{1, 1, 2, 2}, 2, 2, 1, 1)), want: ts(f32([]float32{1, 10}, 1, 2, 1, 1))},
	{name: "depthwise", op: "Conv", consts: []int{1}, attrs: attrs("group", graph.Int(2), "strides", graph.Ints(2)), in: ts(count(1, 2, 3), f32([]float32{1, 2, 3, 4}, 2, 1, 2), vec(0, 1)), want: ts(f32([]float32{2, 26}, 1, 2, 1))},
	{name: "same", op: "Conv", consts: []int{1}, attrs: attrs("auto_pad", graph.Str("SAME_UPPER")), in: ts(count(1, 1, 3), f32([]float32{1, 1}, 1, 1, 2)), want: ts(f32([]float32{1, 3, 2}, 1, 1, 3))},
	{name: "dynamic weights", op: "Conv", in: ts(count(1, 1, 3), f32([]float32{1, 1}, 1, 1, 2)), want: ts(f32([]float32{1, 3}, 1, 1, 2))},
	{op: "ConvTranspose", consts: []int{1}, attrs: attrs("strides", graph.Ints(2)), in: ts(count(1, 1, 2), f32([]float32{1, 10, 100}, 1, 1, 3), vec(5)), want: ts(f32([]float32{5, 5, 6, 15, 105}, 1, 1, 5))},
	{name: "groups", op: "ConvTranspose", consts: []int{1}, attrs: attrs("group", graph.Int(2)), in: ts(count(1, 4, 1, 1), f32([]float32{1, 1, 2, 2}, 4, 1, 1, 1)), want: ts(f32([]float32{1, 10}, 1, 2, 1, 1))},
	{name: "output_shape", op: "ConvTranspose", consts: []int{1}, attrs: attrs("strides", graph.Ints(2), "output_shape", graph.Ints(4)), in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{1, 10, 100}, 1, 1, 3)), want: ts(f32([]float32{10, 102, 20, 200}, 1, 1, 4))},
	{name: "ON11 dynamic weights", op: "ConvTranspose", in: ts(count(1, 1, 2), count(1, 1, 2)), wantErr: graph.ErrUnsupported},
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
