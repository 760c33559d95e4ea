package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// nbits are the attributes of a MatMulNBits with K = 2, N = 1 and blocks of 16.
func nbits(more ...any) map[string]graph.Attr {
	return attrs(append([]any{"K", graph.Int(2), "N", graph.Int(1), "block_size", graph.Int(16)}, more...)...)
}

// blob is the weights of one block that start with these bytes.
func blob(size int, first ...uint8) *tensor.Tensor {
	t := tensor.New(tensor.Uint8, 1, 1, size)
	copy(t.Bytes, first)
	return t
}

func f16s(shape []int, bits ...tensor.F16) *tensor.Tensor { return tensor.Of(bits, shape...) }

var weightCases = []opCase{
	// 9 − 8 and 6 − 8, times 0.5.
	{op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits(), in: ts(f32([]float32{10, 1, 2, 0}, 2, 2), blob(8, 0x69), vec(0.5)), want: ts(f32([]float32{4, 1}, 2, 1))},
	{name: "zero point", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2, 3}, attrs: nbits(), in: ts(f32([]float32{10, 1}, 1, 2), blob(8, 0x69), vec(0.5), tensor.Of([]uint8{6}, 1)), want: ts(f32([]float32{15}, 1, 1))},
	{name: "8 bits", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits("bits", graph.Int(8)), in: ts(f32([]float32{10, 1}, 1, 1, 2), blob(16, 129, 126), vec(0.5)), want: ts(f32([]float32{4}, 1, 1, 1))},
	// 127 and 64 stand for A and bytes of it, in units of 1: 127·1 + 64·(−2).
	{name: "int8 activations", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits("accuracy_level", graph.Int(4)), in: ts(f32([]float32{127, 63.6}, 1, 2), blob(8, 0x69), vec(0.5)), want: ts(f32([]float32{-0.5}, 1, 1))},
	{name: "fused", op: "MatMulNBits", domain: graph.DomainFused, consts: []int{1, 2, 5}, attrs: nbits(ops.AttrActivation, graph.Str("Relu")), in: ts(f32([]float32{10, 1, 0, 0}, 2, 2), blob(8, 0x69), vec(0.5), &tensor.Tensor{}, &tensor.Tensor{}, vec(-3)), want: ts(f32([]float32{1, 0}, 2, 1))},
	{name: "ON11 columns", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits(), in: ts(vec(1, 2, 3), blob(8), vec(0.5)), wantErr: graph.ErrModel},
	{name: "ON11 blob", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits(), in: ts(vec(1, 2), blob(7), vec(0.5)), wantErr: graph.ErrModel},
	{name: "ON11 scales", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits(), in: ts(vec(1, 2), blob(8), vec(0.5, 1)), wantErr: graph.ErrModel},
	{name: "ON11 zero points", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2, 3}, attrs: nbits(), in: ts(vec(1, 2), blob(8), vec(0.5), tensor.Of([]uint8{}, 0)), wantErr: graph.ErrModel},
	{name: "ON11 bits", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits("bits", graph.Int(3)), in: ts(vec(1, 2), blob(8), vec(0.5)), wantErr: graph.ErrUnsupported},
	{name: "ON11 block", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits("block_size", graph.Int(1<<62)), in: ts(vec(1, 2), blob(8), vec(0.5)), wantErr: graph.ErrUnsupported},
	{name: "ON11 N", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2}, attrs: nbits("N", graph.Int(1<<40)), in: ts(vec(1, 2), blob(8), vec(0.5)), wantErr: graph.ErrModel},
	{name: "g_idx", op: "MatMulNBits", domain: graph.DomainMicrosoft, consts: []int{1, 2, 4}, attrs: nbits(), in: ts(vec(1, 2), blob(8), vec(0.5), &tensor.Tensor{}, tensor.Of([]int32{0, 0}, 2)), wantErr: graph.ErrUnsupported},
	// 1 and −2 as half floats.
	{op: "HalfGemm", domain: graph.DomainFused, consts: []int{1, 2}, in: ts(f32([]float32{3, 1}, 1, 1, 2), f16s([]int{2, 1}, 0x3c00, 0xc000), vec(10)), want: ts(f32([]float32{11}, 1, 1, 1))},
	{name: "transB relu", op: "HalfGemm", domain: graph.DomainFused, consts: []int{1}, attrs: attrs("transB", graph.Int(1), ops.AttrActivation, graph.Str("Relu")), in: ts(f32([]float32{3, 1}, 2, 1), f16s([]int{2, 1}, 0x3c00, 0xc000)), want: ts(f32([]float32{3, 0, 1, 0}, 2, 2))},
	{name: "bfloat16", op: "HalfGemm", domain: graph.DomainFused, consts: []int{1}, in: ts(f32([]float32{3, 1}, 1, 2), tensor.Of([]tensor.BF16{0x3f80, 0xc000}, 2, 1)), want: ts(f32([]float32{1}, 1, 1))},
	{name: "ON11 rank", op: "HalfGemm", domain: graph.DomainFused, consts: []int{1}, attrs: attrs(ops.AttrMatrix, graph.Int(1)), in: ts(f32([]float32{3, 1}, 1, 1, 2), f16s([]int{2, 1}, 0x3c00, 0xc000)), wantErr: graph.ErrModel},
	// −1…254 in steps of 1: zero point 1.
	{op: "DynamicQuantizeLinear", in: ts(f32([]float32{-1, 254, 0, 1.5}, 2, 2)), want: ts(tensor.Of([]uint8{0, 255, 1, 3}, 2, 2), tensor.Of([]float32{1}), tensor.Of([]uint8{1}))},
	{name: "zeros", op: "DynamicQuantizeLinear", in: ts(vec(0, 0)), want: ts(tensor.Of([]uint8{0, 0}, 2), tensor.Of([]float32{1}), tensor.Of([]uint8{0}))},
	{name: "positive", op: "DynamicQuantizeLinear", in: ts(vec(255, 51)), want: ts(tensor.Of([]uint8{255, 51}, 2), tensor.Of([]float32{1}), tensor.Of([]uint8{0}))},
	{name: "empty", op: "DynamicQuantizeLinear", in: ts(f32(nil, 0)), want: ts(tensor.Of([]uint8{}, 0), tensor.Of([]float32{1}), tensor.Of([]uint8{0}))},
	{name: "ON11 outputs", op: "DynamicQuantizeLinear", in: ts(vec(1)), wantErr: graph.ErrModel},
}
