package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func u8(v ...uint8) *tensor.Tensor  { return tensor.Of(v, len(v)) }
func s8(v ...int8) *tensor.Tensor   { return tensor.Of(v, len(v)) }
func s32(v ...int32) *tensor.Tensor { return tensor.Of(v, len(v)) }

func shaped(t *tensor.Tensor, shape ...int) *tensor.Tensor {
	t.Shape = shape
	return t
}

var integerCases = []opCase{
	{name: "u8 s8", op: "MatMulInteger", consts: []int{1}, in: ts(shaped(u8(255, 2), 1, 2), shaped(s8(1, -128, 3, 127), 2, 2)), want: ts(shaped(s32(261, -32386), 1, 2))},
	{name: "s8 u8", op: "MatMulInteger", consts: []int{1}, in: ts(shaped(s8(-128, 2), 1, 2), shaped(u8(1, 255, 3, 4), 2, 2)), want: ts(shaped(s32(-122, -32632), 1, 2))},
	{name: "zero points", op: "MatMulInteger", consts: []int{1, 2, 3}, in: ts(shaped(u8(3, 4), 1, 2), shaped(u8(5, 6, 7, 8), 2, 2), u8(1), u8(2)), want: ts(shaped(s32(2*3+3*5, 2*4+3*6), 1, 2))},
	{name: "zero point a row and a column", op: "MatMulInteger", in: ts(shaped(s8(3, 4), 2, 1), shaped(s8(5, 6), 1, 2), s8(1, -1), s8(2, -2)), want: ts(shaped(s32(2*3, 2*8, 5*3, 5*8), 2, 2))},
	{name: "batch", op: "MatMulInteger", in: ts(shaped(u8(1, 2), 2, 1, 1), shaped(u8(3, 4, 5), 3, 1, 1, 1)), want: ts(shaped(s32(3, 6, 4, 8, 5, 10), 3, 2, 1, 1))},
	{name: "batch on the left", op: "MatMulInteger", consts: []int{1}, in: ts(shaped(u8(1, 2), 2, 1, 1), shaped(s8(3), 1, 1)), want: ts(shaped(s32(3, 6), 2, 1, 1))},
	{name: "vectors", op: "MatMulInteger", in: ts(u8(1, 2), s8(3, -4)), want: ts(tensor.Of([]int32{-5}))},
	{name: "empty", op: "MatMulInteger", in: ts(shaped(u8(), 0, 2), shaped(s8(3, -4), 2, 1)), want: ts(shaped(s32(), 0, 1))},
	{name: "no products", op: "MatMulInteger", in: ts(shaped(s8(), 1, 0), shaped(s8(), 0, 1), s8(3)), want: ts(shaped(s32(0), 1, 1))},
	{name: "shapes", op: "MatMulInteger", in: ts(shaped(u8(1, 2), 1, 2), shaped(s8(3), 1, 1)), wantErr: graph.ErrModel},
	{name: "zero point dtype", op: "MatMulInteger", in: ts(shaped(u8(1), 1, 1), shaped(s8(3), 1, 1), s8(1)), wantErr: graph.ErrModel},
	{name: "zero points too many", op: "MatMulInteger", in: ts(shaped(u8(1), 1, 1), shaped(s8(3), 1, 1), u8(1, 2)), wantErr: graph.ErrUnsupported},
	{name: "too deep", op: "MatMulInteger", in: ts(tensor.New(tensor.Uint8, 1, 40000), tensor.New(tensor.Uint8, 40000, 1)), wantErr: graph.ErrUnsupported},

	{name: "u8 s8", op: "QLinearMatMul", consts: quantConsts, in: ts(shaped(u8(130, 126), 2, 1), vec(0.5), u8(128), shaped(s8(3, -3), 1, 2), vec(1, 2), s8(0, 0), vec(1), u8(5)), want: ts(shaped(u8(8, 0, 2, 11), 2, 2))},
	{name: "s8 s8", op: "QLinearMatMul", consts: quantConsts, in: ts(shaped(s8(2, -2), 2, 1), vec(0.5), s8(0), shaped(s8(3, -100), 1, 2), vec(1), s8(0), vec(1), s8(-5)), want: ts(shaped(s8(-2, -105, -8, 95), 2, 2))},
	{name: "s8 u8, ties to even", op: "QLinearMatMul", consts: quantConsts, in: ts(shaped(s8(1, 3), 2, 1), vec(0.5), s8(0), shaped(u8(129, 127), 1, 2), vec(1), u8(128), vec(1), u8(100)), want: ts(shaped(u8(100, 100, 102, 98), 2, 2))},
	{name: "zero point of B", op: "QLinearMatMul", consts: quantConsts, in: ts(shaped(u8(1, 3), 2, 1), vec(1), u8(2), shaped(u8(9, 7), 1, 2), vec(1), u8(4), vec(1), u8(10)), want: ts(shaped(u8(5, 7, 15, 13), 2, 2))},
	{name: "B as input", op: "QLinearMatMul", consts: []int{1, 2, 4, 5, 6, 7}, in: ts(shaped(u8(1, 3), 2, 1, 1), vec(1), u8(2), shaped(s8(9, 7), 2, 1, 1), vec(1), s8(4), vec(1), s8(10)), want: ts(shaped(s8(5, 13), 2, 1, 1))},
	{name: "saturates", op: "QLinearMatMul", consts: quantConsts, in: ts(shaped(s8(127, -128), 2, 1), vec(1), s8(0), shaped(s8(127), 1, 1), vec(1), s8(0), vec(1), s8(0)), want: ts(shaped(s8(127, -128), 2, 1))},
	{name: "scale", op: "QLinearMatMul", consts: quantConsts, in: ts(shaped(u8(1), 1, 1), vec(0), u8(2), shaped(s8(9), 1, 1), vec(1), s8(4), vec(1), s8(10)), wantErr: graph.ErrModel},
	{name: "scale as input", op: "QLinearMatMul", in: ts(shaped(u8(1), 1, 1), vec(1), u8(2), shaped(s8(9), 1, 1), vec(1), s8(4), vec(1), s8(10)), want: ts(shaped(s8(5), 1, 1))},
	{name: "factor overflows", op: "QLinearMatMul", consts: quantConsts, in: ts(shaped(u8(1), 1, 1), vec(math.MaxFloat32), u8(2), shaped(s8(9), 1, 1), vec(2), s8(4), vec(1), s8(10)), wantErr: graph.ErrModel},
}

var quantConsts = []int{1, 2, 3, 4, 5, 6, 7}
