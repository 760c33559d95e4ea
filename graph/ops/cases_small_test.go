package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// codes is a list of elements of a dtype of one byte.
func codes(d tensor.DType, v ...uint8) *tensor.Tensor {
	t := tensor.Of(v, len(v))
	t.DType = d
	return t
}

func castBy(d tensor.DType, more ...any) map[string]graph.Attr {
	return attrs(append([]any{"to", graph.Int(int64(d.ONNX()))}, more...)...)
}

func words(v ...string) *tensor.Tensor { return tensor.OfStrings(v, len(v)) }

// smallCases: types of at most 8 bits, and strings, in operators that convert and move.
var smallCases = []opCase{
	{name: "to float8", op: "Cast", attrs: castTo(tensor.Float8E4M3FN), in: ts(vec(1, -0.46875, 1000, nan)), want: ts(codes(tensor.Float8E4M3FN, 0x38, 0xaf, 0x7e, 0x7f))},
	{name: "to float8, not saturated", op: "Cast", attrs: castBy(tensor.Float8E5M2, "saturate", graph.Int(0)), in: ts(vec(1, 1e6, -inf)), want: ts(codes(tensor.Float8E5M2, 0x3c, 0x7c, 0xfc))},
	{name: "float64 to float8 at once", op: "Cast", attrs: castTo(tensor.Float8E4M3FN), in: ts(list(1.0625 + 0x1p-40)), want: ts(codes(tensor.Float8E4M3FN, 0x39))},
	{name: "from float8", op: "Cast", attrs: castTo(tensor.Float32), in: ts(codes(tensor.Float8E4M3FNUZ, 0x40, 0x80, 0x01)), want: ts(vec(1, nan, 0x1p-10))},
	{name: "float8 to float8", op: "Cast", attrs: castTo(tensor.Float8E5M2FNUZ), in: ts(codes(tensor.Float8E4M3FN, 0x38, 0x80)), want: ts(codes(tensor.Float8E5M2FNUZ, 0x40, 0))},
	{name: "to e8m0, down", op: "Cast", attrs: castBy(tensor.Float8E8M0, "round_mode", graph.Str("down")), in: ts(vec(1, 3.9)), want: ts(codes(tensor.Float8E8M0, 127, 128))},
	{name: "ON11 direction", op: "Cast", attrs: castBy(tensor.Float8E8M0, "round_mode", graph.Str("even")), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "to float4", op: "Cast", attrs: castTo(tensor.Float4E2M1), in: ts(vec(0.25, 0.75, -9)), want: ts(codes(tensor.Float4E2M1, 0, 2, 15))},
	{name: "to int4", op: "Cast", attrs: castTo(tensor.Int4), in: ts(vec(-8, 7.9, -9)), want: ts(codes(tensor.Int4, 0xf8, 7, 7))},
	{name: "to uint2", op: "Cast", attrs: castTo(tensor.Uint2), in: ts(list[int32](-1, 2, 5)), want: ts(codes(tensor.Uint2, 3, 2, 1))},
	{name: "from int2", op: "Cast", attrs: castTo(tensor.Int32), in: ts(codes(tensor.Int2, 0xfe, 1)), want: ts(list[int32](-2, 1))},
	{name: "float8 to text", op: "Cast", attrs: castTo(tensor.String), in: ts(codes(tensor.Float8E5M2, 0x3e, 0x7c)), want: ts(words("1.5", "INF"))},
	{name: "text to float4", op: "Cast", attrs: castTo(tensor.Float4E2M1), in: ts(words("-1.5", "100")), want: ts(codes(tensor.Float4E2M1, 11, 7))},
	{name: "text to int4", op: "Cast", attrs: castTo(tensor.Int4), in: ts(words("-1")), want: ts(codes(tensor.Int4, 0xff))},
	{op: "BitCast", attrs: castTo(tensor.Uint32), in: ts(vec(1)), want: ts(list[uint32](0x3f800000))},
	{name: "signs fill the byte", op: "BitCast", attrs: castTo(tensor.Int4), in: ts(codes(tensor.Float4E2M1, 15, 7)), want: ts(codes(tensor.Int4, 0xff, 7))},
	{name: "and leave it", op: "BitCast", attrs: castTo(tensor.Uint4), in: ts(codes(tensor.Int4, 0xff, 7)), want: ts(codes(tensor.Uint4, 15, 7))},
	{name: "to bool", op: "BitCast", attrs: castTo(tensor.Bool), in: ts(list[uint8](0, 1, 2)), want: ts(bools(false, true, true))},
	{name: "ON11 width", op: "BitCast", attrs: castTo(tensor.Int8), in: ts(codes(tensor.Int4, 1)), wantErr: graph.ErrModel},
	{name: "ON11 type", op: "BitCast", attrs: attrs("to", graph.Int(99)), in: ts(vec(1)), wantErr: graph.ErrModel},

	{name: "text", op: "Transpose", in: ts(tensor.OfStrings([]string{"a", "b", "c", "d"}, 2, 2)), want: ts(tensor.OfStrings([]string{"a", "c", "b", "d"}, 2, 2))},
	{name: "text", op: "Gather", in: ts(words("a", "b"), i64([]int64{1, 1, 0}, 3)), want: ts(words("b", "b", "a"))},
	{name: "IN index of text", op: "Gather", in: ts(words("a", "b"), i64([]int64{2}, 1)), wantErr: graph.ErrInput},
	{name: "text", op: "Where", in: ts(bools(true, false), words("a", "b"), words("c")), want: ts(words("a", "c"))},
	{name: "text", op: "Pad", consts: []int{1}, in: ts(words("a"), i64([]int64{1, 1}, 2)), want: ts(words("", "a", ""))},
	{name: "text and value", op: "Pad", consts: []int{1, 2}, in: ts(words("a"), i64([]int64{0, 1}, 2), tensor.OfStrings([]string{"z"})), want: ts(words("a", "z"))},
	{name: "text", op: "ScatterElements", in: ts(words("a", "b"), i64([]int64{1}, 1), words("c")), want: ts(words("a", "c"))},
	{name: "ON11 sum of text", op: "ScatterElements", attrs: attrs("reduction", graph.Str("add")), in: ts(words("a", "b"), i64([]int64{1}, 1), words("c")), wantErr: graph.ErrUnsupported},
	{name: "text", op: "OneHot", consts: []int{1}, in: ts(i64([]int64{1}, 1), list[int64](2), words("off", "on")), want: ts(tensor.OfStrings([]string{"off", "on"}, 1, 2))},
	{name: "text", op: "Split", in: ts(words("a", "b")), want: ts(words("a"), words("b"))},
}
