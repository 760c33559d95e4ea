package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

func u8s(v []uint8, shape ...int) *tensor.Tensor { return tensor.Of(v, shape...) }
func s8s(v []int8, shape ...int) *tensor.Tensor  { return tensor.Of(v, shape...) }
func one(v float32) *tensor.Tensor               { return f32([]float32{v}) }
func z8(v uint8) *tensor.Tensor                  { return u8s([]uint8{v}) }
func zs(v int8) *tensor.Tensor                   { return s8s([]int8{v}) }

// reversed maps v to 255 − v.
func reversed() *tensor.Tensor {
	t := make([]uint8, 256)
	for i := range t {
		t[i] = uint8(255 - i)
	}
	return u8s(t, 256)
}

// The constants of convolutions with a bias, without one, and without a scale of the result.
var withBias, withoutBias, f32Result = []int{1, 2, 3, 4, 5, 6, 7, 8}, []int{1, 2, 3, 4, 5, 6, 7}, []int{1, 2, 3, 4, 5}

var quantizedCases = []opCase{
	// x − 10 is 1, 2, 3; times 2 and 1, then 0.5.
	{op: "QLinearConv", consts: withBias, in: ts(u8s([]uint8{11, 12, 13}, 1, 1, 3), one(1), z8(10), s8s([]int8{2, 1}, 1, 1, 2), one(1), zs(0), one(2), z8(5), tensor.Of([]int32{1}, 1)), want: ts(u8s([]uint8{7, 9}, 1, 1, 2))},
	{name: "s8", op: "QLinearConv", consts: withoutBias, in: ts(s8s([]int8{-128, 127}, 1, 1, 2), one(1), zs(0), s8s([]int8{127}, 1, 1, 1), one(1), zs(0), one(128), zs(-1)), want: ts(s8s([]int8{-128, 125}, 1, 1, 2))},
	// Weights 255, less 0, times 255: 65,025 and padding that contributes nothing.
	{name: "u8 weights", op: "QLinearConv", consts: withoutBias, attrs: attrs("pads", graph.Ints(1, 0)), in: ts(u8s([]uint8{255}, 1, 1, 1), one(1), z8(0), u8s([]uint8{1, 255}, 1, 1, 2), one(1), z8(0), one(1000), z8(0)), want: ts(u8s([]uint8{65}, 1, 1, 1))},
	{name: "zero points of weights", op: "QLinearConv", consts: withoutBias, attrs: attrs("pads", graph.Ints(1, 1)), in: ts(u8s([]uint8{3}, 1, 1, 1), one(1), z8(1), u8s([]uint8{5, 6, 7, 5, 6, 7}, 2, 1, 3), f32([]float32{1, 2}, 2), u8s([]uint8{6, 4}, 2), one(1), z8(10)), want: ts(u8s([]uint8{10, 18}, 1, 2, 1))},
	{name: "depthwise", op: "QLinearConv", consts: withoutBias, attrs: attrs("group", graph.Int(2), "pads", graph.Ints(0, 0, 1, 1)), in: ts(u8s([]uint8{1, 2, 3, 4, 5, 6, 7, 8}, 1, 2, 2, 2), one(1), z8(0), s8s([]int8{1, 2, 3, 4, -1, 0, 0, 0}, 2, 1, 2, 2), one(1), zs(0), one(1), z8(100)), want: ts(u8s([]uint8{130, 114, 111, 104, 95, 94, 93, 92}, 1, 2, 2, 2))},
	{name: "three axes", op: "QLinearConv", consts: withoutBias, in: ts(u8s([]uint8{11, 12, 13}, 1, 1, 3, 1, 1), one(1), z8(10), s8s([]int8{2, 1}, 1, 1, 2, 1, 1), one(1), zs(0), one(2), z8(5)), want: ts(u8s([]uint8{7, 9}, 1, 1, 2, 1, 1))},
	{name: "zero point as input", op: "ConvInteger", consts: []int{1}, in: ts(s8s([]int8{1, 2, 3, -4}, 1, 1, 4), s8s([]int8{2, 3}, 1, 1, 2), zs(-3)), want: ts(tensor.Of([]int32{23, 28, 9}, 1, 1, 3))},
	{name: "ON12 zero point", op: "ConvInteger", consts: []int{1}, in: ts(s8s([]int8{1, 2, 3, -4}, 1, 1, 4), s8s([]int8{2, 3}, 1, 1, 2), z8(3)), wantErr: graph.ErrModel},
	{name: "ON12 scales as input", op: "QLinearConv", in: ts(u8s([]uint8{1}, 1, 1, 1), one(1), z8(0), s8s([]int8{1}, 1, 1, 1), vec(1, 2), zs(0), one(1), z8(0)), wantErr: graph.ErrModel},
	{name: "scale", op: "QLinearConv", consts: withoutBias, in: ts(u8s([]uint8{1}, 1, 1, 1), one(1), z8(0), s8s([]int8{1}, 1, 1, 1), one(0), zs(0), one(1), z8(0)), wantErr: graph.ErrModel},
	{name: "groups", op: "QLinearConv", consts: withoutBias, attrs: attrs("group", graph.Int(3)), in: ts(u8s([]uint8{1}, 1, 1, 1), one(1), z8(0), s8s([]int8{1}, 1, 1, 1), one(1), zs(0), one(1), z8(0)), wantErr: graph.ErrModel},
	{name: "bias overflows", op: "QLinearConv", consts: withBias, in: ts(u8s([]uint8{1}, 1, 1, 1), one(1), z8(0), s8s([]int8{1}, 1, 1, 1), one(1), zs(0), one(1), z8(0), tensor.Of([]int32{math.MaxInt32}, 1)), wantErr: graph.ErrUnsupported},
	{op: "ConvInteger", consts: []int{1, 2, 3}, attrs: attrs("pads", graph.Ints(1, 0)), in: ts(u8s([]uint8{11, 12, 13}, 1, 1, 3), u8s([]uint8{2, 255}, 1, 1, 2), z8(10), z8(0)), want: ts(tensor.Of([]int32{255, 512, 769}, 1, 1, 3))},
	{name: "depthwise", op: "ConvInteger", consts: []int{1}, attrs: attrs("group", graph.Int(2)), in: ts(s8s([]int8{1, 2, 3, -4}, 1, 2, 2), s8s([]int8{2, 3}, 2, 1, 1)), want: ts(tensor.Of([]int32{2, 4, 9, -12}, 1, 2, 2))},
	{domain: graph.DomainFused, op: "QConv", consts: withoutBias, attrs: attrs(ops.AttrLo, graph.Int(5)), in: ts(u8s([]uint8{1, 2, 3, 4}, 1, 2, 2), one(1), z8(0), s8s([]int8{1, -1}, 1, 2, 1), one(1), zs(0), one(1), z8(5)), want: ts(u8s([]uint8{5, 5}, 1, 2, 1))},
	{name: "f32", domain: graph.DomainFused, op: "QConv", consts: f32Result, in: ts(u8s([]uint8{1, 2, 3, 4}, 1, 2, 2), one(1), z8(0), s8s([]int8{1, -1}, 1, 2, 1), one(0.5), zs(0)), want: ts(f32([]float32{-0.5, -0.5}, 1, 2, 1))},
	{name: "relu", domain: graph.DomainFused, op: "QConv", consts: f32Result, attrs: attrs(ops.AttrActivation, graph.Str("Relu")), in: ts(u8s([]uint8{1, 2, 4, 3}, 1, 2, 2), one(1), z8(0), s8s([]int8{1, -1}, 1, 2, 1), one(0.5), zs(0)), want: ts(f32([]float32{0, 0.5}, 1, 2, 1))},

	{domain: graph.DomainMicrosoft, op: "QLinearAdd", consts: []int{1, 2, 4, 5, 6, 7}, in: ts(u8s([]uint8{10, 20, 255}, 3), one(1), z8(10), u8s([]uint8{1, 2, 255}, 3), one(2), z8(0), one(2), z8(3)), want: ts(u8s([]uint8{4, 10, 255}, 3))},
	{name: "s8 and one", domain: graph.DomainMicrosoft, op: "QLinearAdd", consts: []int{1, 2, 4, 5, 6, 7}, in: ts(s8s([]int8{-128, 0, 127}, 3), one(1), zs(0), s8s([]int8{-5}, 1), one(1), zs(0), one(1), zs(1)), want: ts(s8s([]int8{-128, -4, 123}, 3))},
	{name: "dtypes", domain: graph.DomainMicrosoft, op: "QLinearAdd", consts: []int{1, 2, 4, 5, 6, 7}, in: ts(s8s([]int8{-128}, 1), one(1), zs(0), u8s([]uint8{5}, 1), one(1), z8(0), one(1), zs(1)), wantErr: graph.ErrModel},
	{domain: graph.DomainMicrosoft, op: "QLinearMul", consts: []int{1, 2, 4, 5, 6, 7}, in: ts(u8s([]uint8{0, 255, 8}, 3), one(1), z8(10), u8s([]uint8{0, 255, 11}, 3), one(2), z8(10), one(4), z8(3)), want: ts(u8s([]uint8{53, 255, 2}, 3))},
	{name: "s8", domain: graph.DomainMicrosoft, op: "QLinearMul", consts: []int{1, 2, 4, 5, 6, 7}, in: ts(s8s([]int8{-8, 8}, 2), one(1), zs(0), s8s([]int8{3, 3}, 2), one(1), zs(0), one(1), zs(0)), want: ts(s8s([]int8{-24, 24}, 2))},
	{domain: graph.DomainFused, op: "QAdd", attrs: attrs(ops.AttrLo, graph.Int(128), ops.AttrHi, graph.Int(130)), consts: []int{1, 2, 4, 5, 6, 7}, in: ts(u8s([]uint8{0, 4, 200}, 3), one(1), z8(3), u8s([]uint8{0, 0, 0}, 3), one(1), z8(0), one(1), z8(128)), want: ts(u8s([]uint8{128, 129, 130}, 3))},
	{domain: graph.DomainFused, op: "QMul", attrs: attrs(ops.AttrLo, graph.Int(200), ops.AttrHi, graph.Int(100)), consts: []int{1, 2, 4, 5, 6, 7}, in: ts(u8s([]uint8{0}, 1), one(1), z8(3), u8s([]uint8{0}, 1), one(1), z8(0), one(1), z8(128)), wantErr: graph.ErrModel},
	{domain: graph.DomainFused, op: "QMul", consts: []int{1, 2, 4, 5, 6, 7}, in: ts(u8s([]uint8{5}, 1), one(1), z8(3), u8s([]uint8{7}, 1), one(1), z8(0), one(1), z8(128)), want: ts(u8s([]uint8{142}, 1))},
	{domain: graph.DomainMicrosoft, op: "QLinearSigmoid", consts: []int{1, 2, 3, 4}, in: ts(u8s([]uint8{0, 128, 255}, 3), one(1), z8(128), one(1.0/256), z8(0)), want: ts(u8s([]uint8{0, 128, 255}, 3))},
	{domain: graph.DomainMicrosoft, op: "QLinearLeakyRelu", attrs: attrs("alpha", graph.Float32(0.5)), consts: []int{1, 2, 3, 4}, in: ts(s8s([]int8{-128, -3, 5}, 3), one(1), zs(0), one(1), zs(1)), want: ts(s8s([]int8{-63, -1, 6}, 3))},
	{domain: graph.DomainMicrosoft, op: "QLinearConcat", attrs: attrs("axis", graph.Int(1)), consts: []int{0, 1, 3, 4, 6, 7}, in: ts(one(2), z8(1), u8s([]uint8{0, 5}, 2, 1), one(2), z8(1), u8s([]uint8{1, 2, 3, 255}, 2, 2), one(4), z8(1)), want: ts(u8s([]uint8{0, 1, 3, 5, 5, 255}, 2, 3))},
	{name: "arity", domain: graph.DomainMicrosoft, op: "QLinearConcat", attrs: attrs("axis", graph.Int(1)), consts: []int{0, 1, 3, 4}, in: ts(one(2), z8(1), u8s([]uint8{0, 5}, 2, 1), one(2), z8(1), u8s([]uint8{1, 2}, 2, 1)), wantErr: graph.ErrModel},
	{domain: graph.DomainFused, op: "QTable", consts: []int{1}, in: ts(u8s([]uint8{0, 1, 255}, 3), reversed()), want: ts(u8s([]uint8{255, 254, 0}, 3))},
	{domain: graph.DomainMicrosoft, op: "QLinearAveragePool", attrs: attrs("kernel_shape", graph.Ints(2), "pads", graph.Ints(1, 0)), consts: []int{1, 2, 3, 4}, in: ts(u8s([]uint8{12, 14, 255}, 1, 1, 3), one(1), z8(10), one(1), z8(0)), want: ts(u8s([]uint8{2, 3, 124}, 1, 1, 3))},
	{name: "channels last", domain: graph.DomainMicrosoft, op: "QLinearAveragePool", attrs: attrs("kernel_shape", graph.Ints(2), "pads", graph.Ints(1, 0), "count_include_pad", graph.Int(1), "channels_last", graph.Int(1)), consts: []int{1, 2, 3, 4}, in: ts(s8s([]int8{12, 14, 100}, 1, 3, 1), one(1), zs(10), one(1), zs(-3)), want: ts(s8s([]int8{-2, 0, 44}, 1, 3, 1))},
	{name: "kernel", domain: graph.DomainMicrosoft, op: "QLinearAveragePool", consts: []int{1, 2, 3, 4}, in: ts(u8s([]uint8{12, 14, 255}, 1, 1, 3), one(1), z8(10), one(1), z8(0)), wantErr: graph.ErrModel},
	{domain: graph.DomainMicrosoft, op: "QLinearGlobalAveragePool", consts: []int{1, 2, 3, 4}, in: ts(u8s([]uint8{1, 2, 3, 4, 255, 255, 255, 255}, 1, 2, 2, 2), one(1), z8(0), one(0.5), z8(0)), want: ts(u8s([]uint8{5, 255}, 1, 2, 1, 1))},
	{name: "channels last", domain: graph.DomainMicrosoft, op: "QLinearGlobalAveragePool", attrs: attrs("channels_last", graph.Int(1)), consts: []int{1, 2, 3, 4}, in: ts(u8s([]uint8{1, 255, 2, 255, 3, 255, 4, 255}, 1, 2, 2, 2), one(1), z8(0), one(0.5), z8(0)), want: ts(u8s([]uint8{5, 255}, 1, 1, 1, 2))},
	{domain: graph.DomainFused, op: "QMaxPool", attrs: attrs("kernel_shape", graph.Ints(2)), in: ts(u8s([]uint8{1, 9, 3, 8, 2, 7}, 1, 3, 2)), want: ts(u8s([]uint8{3, 9, 3, 8}, 1, 2, 2))},
	{name: "u8", op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2)), in: ts(u8s([]uint8{1, 200, 3}, 1, 1, 3)), want: ts(u8s([]uint8{200, 200}, 1, 1, 2))},
	{name: "s8", op: "MaxPool", attrs: attrs("kernel_shape", graph.Ints(2), "pads", graph.Ints(1, 0)), in: ts(s8s([]int8{-5, -128, -7}, 1, 1, 3)), want: ts(s8s([]int8{-5, -5, -7}, 1, 1, 3))},
}
