package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func list[T tensor.Numeric](v ...T) *tensor.Tensor { return tensor.Of(v, len(v)) }

func castTo(d tensor.DType) map[string]graph.Attr { return attrs("to", graph.Int(int64(d.ONNX()))) }

const halfOne, halfTwo, halfThree = 0x3c00, 0x4000, 0x4200

// typedCases: functions of one and two elements, on the dtypes beside float32, and casts.
var typedCases = []opCase{
	{op: "Sin", in: ts(vec(0, nan, inf)), want: ts(vec(0, nan, nan))},
	{name: "by integers", op: "Sin", in: ts(vec(1e30)), want: ts(vec(-0.791163444519043))},
	{op: "Cos", in: ts(vec(0, -inf)), want: ts(vec(1, nan))},
	{op: "Tan", in: ts(vec(0, nan)), want: ts(vec(0, nan))},
	{op: "Asin", in: ts(vec(0, 1, 2)), want: ts(vec(0, math.Pi/2, nan))},
	{op: "Acos", in: ts(vec(1, -1, -2)), want: ts(vec(0, math.Pi, nan))},
	{op: "Atan", in: ts(vec(0, inf, -inf, nan)), want: ts(vec(0, math.Pi/2, -math.Pi/2, nan))},
	{op: "Sinh", in: ts(vec(0, 100, nan)), want: ts(vec(0, inf, nan))},
	{op: "Cosh", in: ts(vec(0, -100, nan)), want: ts(vec(1, inf, nan))},
	{op: "Asinh", in: ts(vec(0, -inf, nan)), want: ts(vec(0, -inf, nan))},
	{op: "Acosh", in: ts(vec(1, 0.5, inf)), want: ts(vec(0, nan, inf))},
	{op: "Atanh", in: ts(vec(0, 1, -1, 2)), want: ts(vec(0, inf, -inf, nan))},
	{op: "Mish", in: ts(vec(0, 100, -inf, nan)), want: ts(vec(0, 100, 0, nan))},
	{op: "Softsign", in: ts(vec(1, -3)), want: ts(vec(0.5, -0.75))},
	{op: "Celu", in: ts(vec(2, -inf, nan)), want: ts(vec(2, -1, nan))},
	{name: "ON11 alpha", op: "Celu", attrs: attrs("alpha", graph.Float32(0)), in: ts(vec(2)), wantErr: graph.ErrUnsupported},
	{op: "Selu", attrs: attrs("alpha", graph.Float32(2), "gamma", graph.Float32(3)), in: ts(vec(2, -inf, nan)), want: ts(vec(6, -6, nan))},
	{op: "ThresholdedRelu", in: ts(vec(1, 2, nan)), want: ts(vec(0, 2, 0))},
	{op: "Shrink", attrs: attrs("bias", graph.Float32(1), "lambd", graph.Float32(1.5)), in: ts(vec(-2, 1, 2)), want: ts(vec(-1, 0, 1))},
	{name: "alpha", op: "Swish", attrs: attrs("alpha", graph.Float32(0)), in: ts(vec(3)), want: ts(vec(1.5))},
	{op: "PRelu", in: ts(f32([]float32{-1, 2, -3, nan}, 2, 2), vec(2, 4)), want: ts(f32([]float32{-2, 2, -6, nan}, 2, 2))},
	{op: "Sum", in: ts(vec(1, 2), vec(10, 20), f32([]float32{100})), want: ts(vec(111, 122))},
	{op: "Mean", in: ts(vec(1, 2), vec(3, 6)), want: ts(vec(2, 4))},
	{op: "IsInf", in: ts(vec(inf, -inf, 1, nan)), want: ts(bools(true, true, false, false))},
	{name: "negative", op: "IsInf", attrs: attrs("detect_positive", graph.Int(0)), in: ts(list(math.Inf(1), math.Inf(-1))), want: ts(bools(false, true))},
	{name: "sign of the divisor", op: "Mod", in: ts(list[int32](7, -7, 7, -7, 5), list[int32](3, 3, -3, -3, 0)), want: ts(list[int32](1, 2, -2, -1, 0))},
	{name: "sign of the dividend", op: "Mod", attrs: attrs("fmod", graph.Int(1)), in: ts(vec(7, -7, 7), vec(3, 3, 0)), want: ts(vec(1, -1, nan))},
	{name: "ON11 floats", op: "Mod", in: ts(vec(7), vec(3)), wantErr: graph.ErrModel},
	{op: "BitShift", attrs: attrs("direction", graph.Str("LEFT")), in: ts(list[uint8](1, 129), list[uint8](3, 9)), want: ts(list[uint8](8, 0))},
	{name: "right", op: "BitShift", attrs: attrs("direction", graph.Str("RIGHT")), in: ts(list[uint64](1<<63), list[uint64](63)), want: ts(list[uint64](1))},
	{name: "ON11 direction", op: "BitShift", in: ts(list[uint8](1), list[uint8](1)), wantErr: graph.ErrModel},
	{op: "BitwiseAnd", in: ts(list[uint16](12, 7), list[uint16](10)), want: ts(list[uint16](8, 2))},
	{op: "BitwiseOr", in: ts(list[int8](12, -1), list[int8](10)), want: ts(list[int8](14, -1))},
	{op: "BitwiseXor", in: ts(list[int64](12, 7), list[int64](10)), want: ts(list[int64](6, 13))},
	{op: "BitwiseNot", in: ts(list[uint32](0, 1)), want: ts(list[uint32](math.MaxUint32, math.MaxUint32-1))},
	{name: "ON11 floats", op: "BitwiseNot", in: ts(vec(1)), wantErr: graph.ErrUnsupported},
	{name: "lowest", op: "Div", in: ts(list[int64](math.MinInt64), list[int64](-1)), want: ts(list[int64](math.MinInt64))},
	{name: "uint8", op: "Add", in: ts(list[uint8](250, 1), list[uint8](10)), want: ts(list[uint8](4, 11))},
	{name: "int32", op: "Pow", in: ts(list[int32](3, -1, 2, 0), list[int32](4, -3, -1, 0)), want: ts(list[int32](81, -1, 0, 1))},
	{name: "float64", op: "Max", in: ts(list(1.0, math.NaN()), list(2.0)), want: ts(list(2, math.NaN()))},
	{name: "uint64", op: "Greater", in: ts(list[uint64](math.MaxUint64, 1), list[uint64](2)), want: ts(bools(true, false))},
	{name: "text", op: "Equal", in: ts(text("a", "b"), tensor.OfStrings([]string{"b"}, 1)), want: ts(tensor.Of([]bool{false, true}, 2, 1))},
	{name: "int8", op: "Abs", in: ts(list[int8](-128, -3, 3)), want: ts(list[int8](-128, 3, 3))},
	{name: "uint16", op: "Sign", in: ts(list[uint16](0, 9)), want: ts(list[uint16](0, 1))},
	{name: "float64", op: "Round", in: ts(list(0.5, 1.5, -2.5)), want: ts(list(0, 2, -2.0))},
	{name: "uint64", op: "Clip", in: ts(list[uint64](1, 1<<63), list[uint64](2), list[uint64](1<<62)), want: ts(list[uint64](2, 1<<62))},
	{name: "ON11 dtypes", op: "Clip", in: ts(vec(1), list[int32](2)), wantErr: graph.ErrModel},
	{name: "two bytes", op: "Where", in: ts(bools(true, false), list[int16](1, 2), list[int16](3)), want: ts(list[int16](1, 3))},

	{name: "float16", op: "Add", in: ts(list[tensor.F16](halfOne, halfTwo), list[tensor.F16](halfOne)), want: ts(list[tensor.F16](halfTwo, halfThree))},
	{name: "bfloat16", op: "Mul", in: ts(list[tensor.BF16](0x3f80, 0x4040), list[tensor.BF16](0x4000)), want: ts(list[tensor.BF16](0x4000, 0x40c0))},
	{name: "float16", op: "Softmax", in: ts(tensor.Of([]tensor.F16{halfOne, halfOne}, 1, 2)), want: ts(tensor.Of([]tensor.F16{0x3800, 0x3800}, 1, 2))},
	{name: "float16 scratch", op: "ReduceSum", consts: []int{1}, in: ts(tensor.Of([]tensor.F16{halfOne, halfOne, halfTwo, halfOne}, 2, 2), i64([]int64{0}, 1)), want: ts(tensor.Of([]tensor.F16{halfThree, halfTwo}, 1, 2))},
	{name: "float16", op: "Less", in: ts(list[tensor.F16](halfOne, halfTwo), list[tensor.F16](halfTwo)), want: ts(bools(true, false))},
	{name: "half and float", op: "Add", in: ts(list[tensor.F16](halfOne), vec(1)), wantErr: graph.ErrUnsupported},
	{name: "float16", op: "IsNaN", in: ts(list[tensor.F16](0x7e00, 0x7c00)), want: ts(bools(true, false))},

	{name: "to float16", op: "Cast", attrs: castTo(tensor.Float16), in: ts(vec(1, 65504, 65520, -0x1p-24, 0x1p-25, 0x1.8p-25, 1+0x1p-11, nan)), want: ts(list[tensor.F16](halfOne, 0x7bff, 0x7c00, 0x8001, 0, 1, halfOne, 0x7e00))},
	{name: "from float16", op: "Cast", attrs: castTo(tensor.Float32), in: ts(list[tensor.F16](halfOne, 0x7bff, 0xfc00, 0x8001, 0x3ff)), want: ts(vec(1, 65504, -inf, -0x1p-24, 1023*0x1p-24))},
	{name: "to bfloat16", op: "Cast", attrs: castTo(tensor.BFloat16), in: ts(vec(1, 1+0x1p-8, 1+0x1.8p-7, math.MaxFloat32, nan)), want: ts(list[tensor.BF16](0x3f80, 0x3f80, 0x3f82, 0x7f80, 0x7fc0))},
	{name: "bfloat16 to int16", op: "Cast", attrs: castTo(tensor.Int16), in: ts(list[tensor.BF16](0x4000, 0xc040)), want: ts(list[int16](2, -3))},
	{name: "to uint64", op: "Cast", attrs: castTo(tensor.Uint64), in: ts(list(1.9, -1, 0x1p63, 1e30)), want: ts(list[uint64](1, 0, 1<<63, math.MaxUint64))},
	{name: "wraps", op: "Cast", attrs: castTo(tensor.Uint16), in: ts(list[int64](-1, 65537)), want: ts(list[uint16](65535, 1))},
	{name: "uint64 to float", op: "Cast", attrs: castTo(tensor.Float32), in: ts(list[uint64](math.MaxUint64)), want: ts(vec(0x1p64))},
	{name: "to text", op: "Cast", attrs: castTo(tensor.String), in: ts(vec(1.5, 123456789, 0.1, nan, -inf, 16777216)), want: ts(tensor.OfStrings([]string{"1.5", "1.2345679e+08", "0.1", "NaN", "-INF", "16777216"}, 6))},
	{name: "bool to text", op: "Cast", attrs: castTo(tensor.String), in: ts(bools(true, false)), want: ts(tensor.OfStrings([]string{"1", "0"}, 2))},
	{name: "from text", op: "Cast", attrs: castTo(tensor.Float32), in: ts(tensor.OfStrings([]string{" 1.5", "INF", "nan"}, 3)), want: ts(vec(1.5, inf, nan))},
	{name: "text to uint64", op: "Cast", attrs: castTo(tensor.Uint64), in: ts(tensor.OfStrings([]string{"18446744073709551615", "7.9"}, 2)), want: ts(list[uint64](math.MaxUint64, 7))},
	{name: "no number", op: "Cast", attrs: castTo(tensor.Int32), in: ts(text("x")), wantErr: graph.ErrInput},
	{name: "ON11 type", op: "Cast", attrs: attrs("to", graph.Int(99)), in: ts(vec(1)), wantErr: graph.ErrUnsupported},
	{op: "CastLike", in: ts(vec(1.9, -1.9), list[int8](0)), want: ts(list[int8](1, -1))},
}
