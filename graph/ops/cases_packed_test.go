package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// lanes is a packed tensor of one channel block per row: v[i] in lane i%channels of pixel i/channels, zeros in the other lanes.
func lanes(channels int, v []float32, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, append(shape, 16)...)
	for i, x := range v {
		tensor.Data[float32](t)[i/channels*16+i%channels] = x
	}
	return t
}

func filled(v float32, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = v
	}
	return t
}

const fused = graph.DomainFused

var packedCases = []opCase{
	{domain: fused, op: "PackChannels", attrs: attrs(ops.AttrChannels, graph.Int(2)), in: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 1, 2)), want: ts(lanes(2, []float32{1, 3, 2, 4}, 1, 1, 1, 2))},
	{name: "1-d", domain: fused, op: "PackChannels", attrs: attrs(ops.AttrChannels, graph.Int(2)), in: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 2)), want: ts(lanes(2, []float32{1, 3, 2, 4}, 1, 1, 1, 2))},
	{name: "channels", domain: fused, op: "PackChannels", attrs: attrs(ops.AttrChannels, graph.Int(3)), in: ts(count(1, 2, 1, 1)), wantErr: graph.ErrModel},
	{name: "axes", domain: fused, op: "PackChannels", attrs: attrs(ops.AttrChannels, graph.Int(2)), in: ts(count(1, 2)), wantErr: graph.ErrModel},
	{domain: fused, op: "UnpackChannels", attrs: attrs(ops.AttrChannels, graph.Int(2)), in: ts(lanes(2, []float32{1, 3, 2, 4}, 1, 1, 1, 2)), want: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 1, 2))},
	{name: "1-d", domain: fused, op: "UnpackChannels", attrs: attrs(ops.AttrChannels, graph.Int(2), ops.AttrAxes, graph.Int(1)), in: ts(lanes(2, []float32{1, 3, 2, 4}, 1, 1, 1, 2)), want: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 2))},
	{name: "channels", domain: fused, op: "UnpackChannels", attrs: attrs(ops.AttrChannels, graph.Int(17)), in: ts(lanes(1, nil, 1, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "plain", domain: fused, op: "UnpackChannels", attrs: attrs(ops.AttrChannels, graph.Int(1)), in: ts(count(1, 1, 1, 1)), wantErr: graph.ErrModel},
	{domain: fused, op: "Conv", consts: []int{1}, attrs: attrs("pads", graph.Ints(1, 1, 1, 1)), in: ts(lanes(1, []float32{0, 1, 2, 3}, 1, 1, 2, 2), filled(1, 1, 1, 3, 3), vec(10)), want: ts(lanes(1, []float32{16, 16, 16, 16}, 1, 1, 2, 2))},
	{name: "plain input, residual, Clip", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs(ops.AttrActivation, graph.Str("Clip"), ops.AttrActivationParams, graph.Floats([]float32{0, 6})),
		in: ts(f32([]float32{1, 2}, 1, 1, 1, 2), filled(1, 1, 1, 1, 1), vec(1), lanes(1, []float32{-4, 9}, 1, 1, 1, 2)), want: ts(lanes(1, []float32{0, 6}, 1, 1, 1, 2))},
	{name: "stretched residual", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs(ops.AttrActivation, graph.Str("Relu")),
		in: ts(f32([]float32{1, -8}, 1, 1, 1, 2), filled(1, 1, 1, 1, 1), vec(1), lanes(1, []float32{5}, 1, 1, 1, 1)), want: ts(lanes(1, []float32{7, 0}, 1, 1, 1, 2))},
	{name: "1-d depthwise", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs("group", graph.Int(2)), in: ts(lanes(2, []float32{1, 2, 3, 4}, 1, 1, 1, 2), f32([]float32{1, 2, 3, 4}, 2, 1, 2)), want: ts(lanes(2, []float32{7, 22}, 1, 1, 1, 1))},
	{name: "activation", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs(ops.AttrActivation, graph.Str("Frob")), in: ts(lanes(1, nil, 1, 1, 1, 1), filled(1, 1, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "channels", domain: fused, op: "Conv", consts: []int{1}, in: ts(lanes(1, nil, 1, 1, 1, 1), filled(1, 1, 17, 1, 1)), wantErr: graph.ErrModel},
	{name: "groups", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs("group", graph.Int(0)), in: ts(lanes(1, nil, 1, 1, 1, 1), filled(1, 1, 1, 1, 1)), wantErr: graph.ErrModel},
	{domain: fused, op: ops.TypeConvPair, consts: []int{1, 3}, attrs: attrs("first."+ops.AttrActivation, graph.Str("Relu"), "pads", graph.Ints(1, 1, 1, 1)),
		in: ts(lanes(1, []float32{0, 1, 2, -3}, 1, 1, 2, 2), filled(2, 1, 1, 1, 1), vec(1), filled(1, 1, 1, 3, 3), vec(10)), want: ts(lanes(1, []float32{19, 19, 19, 19}, 1, 1, 2, 2))},
	{name: "not pointwise", domain: fused, op: ops.TypeConvPair, consts: []int{1, 3}, in: ts(lanes(1, nil, 1, 1, 2, 2), filled(2, 1, 1, 2, 2), vec(1), filled(1, 1, 1, 1, 1), vec(10)), wantErr: graph.ErrModel},
	{name: "strides", domain: fused, op: ops.TypeConvPair, consts: []int{1, 3}, attrs: attrs("first.strides", graph.Ints(2, 2)), in: ts(lanes(1, nil, 1, 1, 2, 2), filled(2, 1, 1, 1, 1), vec(1), filled(1, 1, 1, 1, 1), vec(10)), wantErr: graph.ErrModel},
	{name: "not depthwise", domain: fused, op: ops.TypeConvPair, consts: []int{1, 3}, in: ts(lanes(2, nil, 1, 1, 2, 2), filled(2, 2, 2, 1, 1), vec(1, 1), filled(1, 2, 2, 1, 1), vec(1, 1)), wantErr: graph.ErrModel},
	{domain: fused, op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2, 2)), in: ts(lanes(1, []float32{1, 2, 3, 4}, 1, 1, 2, 2)), want: ts(lanes(1, []float32{4}, 1, 1, 1, 1))},
	{name: "2-d of 1-d", domain: fused, op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2)), in: ts(lanes(1, nil, 1, 1, 2, 2)), wantErr: graph.ErrModel},
	{domain: fused, op: "AveragePool", attrs: attrs("kernel_shape", graph.Ints(2), "pads", graph.Ints(1, 0)), in: ts(lanes(1, []float32{0, 1, 2}, 1, 1, 1, 3)), want: ts(lanes(1, []float32{0, 0.5, 1.5}, 1, 1, 1, 3))},
	{domain: fused, op: "GlobalAveragePool", in: ts(lanes(1, []float32{1, 2, 3, 4}, 1, 1, 2, 2)), want: ts(lanes(1, []float32{2.5}, 1, 1, 1, 1))},
	{domain: fused, op: "GlobalMaxPool", in: ts(filled(2, 1, 1, 2, 2, 16)), want: ts(filled(2, 1, 1, 1, 1, 16))},
	{name: "plain", domain: fused, op: "GlobalMaxPool", in: ts(count(1, 1, 2, 2)), wantErr: graph.ErrModel},
	{domain: fused, op: "BatchNormalization", consts: []int{1, 2, 3, 4}, attrs: attrs("epsilon", graph.Float32(0)), in: ts(lanes(2, []float32{1, 2}, 1, 1, 1, 1), vec(2, 3), vec(1, 0), vec(0, 0), vec(1, 1)), want: ts(lanes(2, []float32{3, 6}, 1, 1, 1, 1))},
	{name: "channels", domain: fused, op: "BatchNormalization", consts: []int{1, 2, 3, 4}, in: ts(lanes(2, nil, 1, 2, 1, 1), vec(1), vec(1), vec(1), vec(1)), wantErr: graph.ErrModel},
}
