package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// quantizeCases: QuantizeLinear and DequantizeLinear with scales of every granularity and all dtypes.
var quantizeCases = []opCase{
	{name: "run-time scale", op: "QuantizeLinear", in: ts(vec(0.5, 3, nan, 1000), f32([]float32{2}), tensor.Of([]int8{1})), want: ts(list[int8](1, 3, -128, 127))},
	{name: "axis", op: "QuantizeLinear", attrs: attrs("axis", graph.Int(0)), in: ts(f32([]float32{2, 4, 2, 4}, 2, 2), vec(1, 2), list[uint8](0, 10)), want: ts(tensor.Of([]uint8{2, 4, 11, 12}, 2, 2))},
	{name: "last axis", op: "QuantizeLinear", in: ts(f32([]float32{2, 4, 2, 4}, 2, 2), vec(1, 2)), want: ts(tensor.Of([]uint8{2, 2, 2, 2}, 2, 2))},
	{name: "blocks", op: "QuantizeLinear", attrs: attrs("block_size", graph.Int(2)), in: ts(f32([]float32{1, 2, 8}, 1, 3), f32([]float32{1, 4}, 1, 2), tensor.Of([]int16{0, -9}, 1, 2)), want: ts(tensor.Of([]int16{1, 2, -7}, 1, 3))},
	{name: "blocks of the first axis", op: "QuantizeLinear", attrs: attrs("axis", graph.Int(0), "block_size", graph.Int(2), "output_dtype", graph.Int(int64(tensor.Int4.ONNX()))),
		in: ts(f32([]float32{1, 9, 2, -18, 3, 8}, 3, 2), f32([]float32{1, 2, 3, 4}, 2, 2)), want: ts(shaped(codes(tensor.Int4, 1, 4, 2, 0xf8, 1, 2), 3, 2))},
	{name: "uint16", op: "QuantizeLinear", in: ts(vec(70000, 1), f32([]float32{1}), tensor.Of([]uint16{7})), want: ts(list[uint16](65535, 8))},
	{name: "uint2", op: "QuantizeLinear", in: ts(vec(-1, 0.6, 7), f32([]float32{1}), codes(tensor.Uint2, 1)), want: ts(codes(tensor.Uint2, 0, 2, 3))},
	{name: "float8", op: "QuantizeLinear", in: ts(vec(2, 1e6), f32([]float32{2}), codes(tensor.Float8E4M3FN, 0)), want: ts(codes(tensor.Float8E4M3FN, 0x38, 0x7e))},
	{name: "float8, not saturated", op: "QuantizeLinear", attrs: attrs("saturate", graph.Int(0)), in: ts(vec(2, 1e6), f32([]float32{2}), codes(tensor.Float8E4M3FN, 0)), want: ts(codes(tensor.Float8E4M3FN, 0x38, 0x7f))},
	{name: "float4", op: "QuantizeLinear", attrs: attrs("output_dtype", graph.Int(int64(tensor.Float4E2M1.ONNX()))), in: ts(vec(2, 1e6), f32([]float32{2})), want: ts(codes(tensor.Float4E2M1, 2, 7))},
	{name: "float16", op: "QuantizeLinear", in: ts(list[tensor.F16](halfThree), list[tensor.F16](halfTwo)), want: ts(list[uint8](2))},
	{name: "half in single precision", op: "QuantizeLinear", attrs: attrs("precision", graph.Int(int64(tensor.Float32.ONNX()))), in: ts(vec(255.49), list[tensor.BF16](0x3f80)), want: ts(list[uint8](255))},
	{name: "half in its own", op: "QuantizeLinear", in: ts(vec(250.6), list[tensor.BF16](0x3f80)), want: ts(list[uint8](251))},
	{name: "power of two", op: "QuantizeLinear", in: ts(vec(12), codes(tensor.Float8E8M0, 129)), want: ts(list[uint8](3))},
	{name: "ON12 dtype", op: "QuantizeLinear", attrs: attrs("output_dtype", graph.Int(int64(tensor.Int8.ONNX()))), in: ts(vec(1), f32([]float32{1}), tensor.Of([]uint8{0})), wantErr: graph.ErrModel},
	{name: "ON12 strings", op: "QuantizeLinear", attrs: attrs("output_dtype", graph.Int(int64(tensor.String.ONNX()))), in: ts(vec(1), f32([]float32{1})), wantErr: graph.ErrUnsupported},
	{name: "ON12 block", op: "QuantizeLinear", attrs: attrs("block_size", graph.Int(-2)), in: ts(f32([]float32{1, 2, 8}, 1, 3), f32([]float32{1, 4}, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON12 blocks", op: "QuantizeLinear", attrs: attrs("block_size", graph.Int(1)), in: ts(f32([]float32{1, 2, 8}, 1, 3), f32([]float32{1, 4}, 1, 2)), wantErr: graph.ErrModel},
	{name: "ON12 scales", op: "QuantizeLinear", in: ts(f32([]float32{1, 2, 8}, 1, 3), vec(1, 4)), wantErr: graph.ErrModel},

	{name: "run-time scale", op: "DequantizeLinear", in: ts(list[uint8](3, 0), f32([]float32{0.5}), tensor.Of([]uint8{1})), want: ts(vec(1, -0.5))},
	{name: "axis of bytes", op: "DequantizeLinear", attrs: attrs("axis", graph.Int(0)), in: ts(tensor.Of([]uint8{3, 0, 3, 0}, 2, 2), vec(0.5, 1), list[uint8](1, 2)), want: ts(f32([]float32{1, -0.5, 1, -2}, 2, 2))},
	{name: "blocks", op: "DequantizeLinear", attrs: attrs("block_size", graph.Int(2)), in: ts(shaped(codes(tensor.Int4, 1, 0xff, 7), 1, 3), f32([]float32{1, 4}, 1, 2)), want: ts(f32([]float32{1, -1, 28}, 1, 3))},
	{name: "blocks of a size left out", op: "DequantizeLinear", in: ts(tensor.Of([]int16{1, -1, 7}, 1, 3), f32([]float32{1, 4}, 1, 2)), want: ts(f32([]float32{1, -1, 28}, 1, 3))},
	{name: "int32", op: "DequantizeLinear", in: ts(list[int32](-1<<31), f32([]float32{2}), tensor.Of([]int32{1<<31 - 1})), want: ts(vec(-0x1p33))},
	{name: "float8", op: "DequantizeLinear", in: ts(codes(tensor.Float8E5M2, 0x3c, 0x7c), f32([]float32{2})), want: ts(vec(2, inf))},
	{name: "float4 to half", op: "DequantizeLinear", attrs: attrs("output_dtype", graph.Int(int64(tensor.Float16.ONNX()))), in: ts(codes(tensor.Float4E2M1, 2), f32([]float32{2})), want: ts(list[tensor.F16](halfTwo))},
	{name: "half", op: "DequantizeLinear", in: ts(codes(tensor.Uint2, 3), list[tensor.F16](halfOne), codes(tensor.Uint2, 1)), want: ts(list[tensor.F16](halfTwo))},
	{name: "nothing", op: "DequantizeLinear", in: ts(tensor.Of([]uint8{}, 2, 0), vec()), want: ts(f32(nil, 2, 0))},
}
