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

// chained are the attributes of a chain of steps without parameters.
func chained(steps []string, operands ...int64) map[string]graph.Attr {
	return attrs(ops.AttrSteps, graph.Strs(steps), ops.AttrOperands, graph.Ints(operands...), ops.AttrStepParams, graph.Floats(make([]float32, len(operands))))
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
	{name: "cropped", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs(ops.AttrCrop, graph.Int(1), "pads", graph.Ints(1, 1), "strides", graph.Ints(2)), in: ts(lanes(1, []float32{1, 2, 3, 4, 5}, 1, 1, 1, 5), f32([]float32{1, 10, 100}, 1, 1, 3)), want: ts(lanes(1, []float32{432, 54}, 1, 1, 1, 2))},
	{name: "cropped to nothing", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs(ops.AttrCrop, graph.Int(7)), in: ts(f32([]float32{1, 2}, 1, 1, 2), filled(1, 1, 1, 1)), want: ts(lanes(1, nil, 1, 1, 1, 0))},
	{name: "cropped image", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs(ops.AttrCrop, graph.Int(1)), in: ts(f32([]float32{1, 2}, 1, 1, 1, 2), filled(1, 1, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "affine", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs(ops.AttrActivation, graph.Str("Relu"), ops.AttrAffine, graph.Floats([]float32{2, 0})),
		in: ts(f32([]float32{1, -8}, 1, 1, 1, 2), filled(1, 1, 1, 1, 1), vec(1), lanes(1, []float32{5}, 1, 1, 1, 1)), want: ts(lanes(1, []float32{14, 0}, 1, 1, 1, 2))},
	{name: "affine", domain: fused, op: "Conv", consts: []int{1}, attrs: attrs(ops.AttrAffine, graph.Floats([]float32{2})), in: ts(lanes(1, nil, 1, 1, 1, 1), filled(1, 1, 1, 1, 1)), wantErr: graph.ErrModel},
	{domain: fused, op: "Affine", attrs: attrs(ops.AttrAffine, graph.Floats([]float32{2, -1})), in: ts(vec(1, -2)), want: ts(vec(1, -5))},
	{name: "no numbers", domain: fused, op: "Affine", in: ts(vec(1, -2)), wantErr: graph.ErrModel},
	{name: "dtype", domain: fused, op: "Affine", attrs: attrs(ops.AttrAffine, graph.Floats([]float32{2, -1})), in: ts(list(1.0)), wantErr: graph.ErrUnsupported},
	{domain: fused, op: "ConvTranspose", consts: []int{1, 2}, attrs: attrs(ops.AttrPlanes, graph.Int(1), ops.AttrActivation, graph.Str("Relu")),
		in: ts(lanes(1, []float32{1, 2}, 1, 1, 1, 2), f32([]float32{1, 2, 3, -4}, 1, 1, 2, 2), vec(1)), want: ts(f32([]float32{2, 3, 3, 5, 4, 0, 7, 0}, 1, 1, 2, 4))},
	{name: "packed", domain: fused, op: "ConvTranspose", consts: []int{1}, in: ts(lanes(1, []float32{1, 2}, 1, 1, 2, 1), f32([]float32{1, 2, 3, 4}, 1, 2, 1, 2)), want: ts(lanes(2, []float32{1, 3, 2, 4, 2, 6, 4, 8}, 1, 1, 2, 2))},
	{name: "weights", domain: fused, op: "ConvTranspose", consts: []int{1}, in: ts(lanes(1, []float32{1, 2}, 1, 1, 2, 1), filled(1, 17, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "bias", domain: fused, op: "ConvTranspose", consts: []int{1}, in: ts(lanes(1, nil, 1, 1, 1, 1), filled(1, 1, 1, 1, 1), vec(1, 2)), wantErr: graph.ErrModel},
	{name: "at run time", domain: fused, op: "ConvTranspose", in: ts(lanes(1, nil, 1, 1, 1, 1), filled(1, 1, 1, 1, 1)), wantErr: graph.ErrUnsupported},
	{domain: fused, op: "Resize", consts: []int{2}, attrs: attrs("coordinate_transformation_mode", graph.Str("asymmetric"), "nearest_mode", graph.Str("floor")), in: ts(lanes(2, []float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 1, 2, 1), &tensor.Tensor{}, vec(1, 1, 1.5, 2)),
		want: ts(lanes(2, []float32{1, 2, 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 5, 6, 5, 6, 7, 8, 7, 8}, 2, 1, 3, 2))},
	{name: "channels", domain: fused, op: "Resize", consts: []int{2}, in: ts(lanes(1, nil, 1, 1, 1, 1), &tensor.Tensor{}, vec(1, 2, 2, 2)), wantErr: graph.ErrModel},
	{name: "linear", domain: fused, op: "Resize", consts: []int{2}, attrs: attrs("mode", graph.Str("linear")), in: ts(lanes(1, nil, 1, 1, 1, 1), &tensor.Tensor{}, vec(1, 1, 2, 2)), wantErr: graph.ErrModel},
	{domain: fused, op: "Concat", attrs: attrs(ops.AttrChannels, graph.Ints(8, 3, 16)), in: ts(lanes(8, []float32{0, 1, 2, 3, 4, 5, 6, 7}, 1, 1, 1, 1), lanes(3, []float32{8, 9, 10}, 1, 1, 1, 1), lanes(16, []float32{11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26}, 1, 1, 1, 1)),
		want: ts(lanes(16, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26}, 1, 2, 1, 1))},
	{name: "images", domain: fused, op: "Concat", attrs: attrs(ops.AttrChannels, graph.Ints(1, 1)), in: ts(lanes(1, []float32{1, 2, 3, 4}, 2, 1, 1, 2), lanes(1, []float32{5, 6, 7, 8}, 2, 1, 1, 2)), want: ts(lanes(2, []float32{1, 5, 2, 6, 3, 7, 4, 8}, 2, 1, 1, 2))},
	{name: "channels", domain: fused, op: "Concat", attrs: attrs(ops.AttrChannels, graph.Ints(8)), in: ts(lanes(1, nil, 1, 1, 1, 1), lanes(1, nil, 1, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "sizes", domain: fused, op: "Concat", attrs: attrs(ops.AttrChannels, graph.Ints(1, 1)), in: ts(lanes(1, nil, 1, 1, 1, 1), lanes(1, nil, 1, 1, 1, 2)), wantErr: graph.ErrModel},
	{domain: fused, op: "Chain", attrs: chained([]string{"Mul", "Add", "Relu", "Sub"}, 0, 1, 0, -1, -1, -1, -1, 2), in: ts(filled(2, 2, 2, 2, 2, 16), filled(3, 1, 2, 1, 1, 16), vec(5)), want: ts(filled(3, 2, 2, 2, 2, 16))},
	{name: "lanes and rows", domain: fused, op: "Chain", attrs: chained([]string{"Mul", "Add"}, 0, 1, -1, 2), in: ts(filled(2, 1, 1, 2, 2, 16), lanes(2, []float32{3, 4}, 1, 1, 1, 1), lanes(2, []float32{1, 2, 3, 4}, 1, 1, 1, 2)), want: ts(lanes(2, []float32{7, 10, 9, 12, 7, 10, 9, 12}, 1, 1, 2, 2))},
	{name: "more than a block", domain: fused, op: "Chain", attrs: chained([]string{"Mul", "Sub"}, 0, 1, -1, 0), in: ts(filled(2, 1, 1, 20, 20, 16), filled(3, 1, 1, 1, 1, 16)), want: ts(filled(4, 1, 1, 20, 20, 16))},
	{name: "no result yet", domain: fused, op: "Chain", attrs: chained([]string{"Mul"}, 0, -1), in: ts(filled(2, 1, 1, 1, 1, 16)), wantErr: graph.ErrModel},
	{name: "operand", domain: fused, op: "Chain", attrs: chained([]string{"Mul"}, 0, 1), in: ts(filled(2, 1, 1, 1, 1, 16)), wantErr: graph.ErrModel},
	{name: "step", domain: fused, op: "Chain", attrs: chained([]string{"Mul", "Frob"}, 0, 0, -1, -1), in: ts(filled(2, 1, 1, 1, 1, 16)), wantErr: graph.ErrModel},
	{name: "shapes", domain: fused, op: "Chain", attrs: chained([]string{"Mul", "Relu"}, 0, 0, -1, -1), in: ts(vec(1)), wantErr: graph.ErrModel},
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
