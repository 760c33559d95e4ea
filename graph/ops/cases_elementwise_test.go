package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func vec(v ...float32) *tensor.Tensor { return f32(v, len(v)) }
func bools(v ...bool) *tensor.Tensor  { return tensor.Of(v, len(v)) }

var negZero = float32(math.Copysign(0, -1))

func attrs(kv ...any) map[string]graph.Attr {
	m := map[string]graph.Attr{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i].(string)] = kv[i+1].(graph.Attr)
	}
	return m
}

var elementwiseCases = []opCase{
	{op: "Reciprocal", in: ts(vec(2, 0, -inf, nan)), want: ts(vec(0.5, inf, 0, nan))},
	{op: "Floor", in: ts(vec(1.5, -1.5, -0.5)), want: ts(vec(1, -2, -1))},
	{op: "Ceil", in: ts(vec(1.5, -1.5, 0.5)), want: ts(vec(2, -1, 1))},
	{name: "half to even", op: "Round", in: ts(vec(0.5, 1.5, 2.5, -2.5)), want: ts(vec(0, 2, 2, -2))},
	{op: "Sign", in: ts(vec(3, -3, negZero, nan, inf)), want: ts(vec(1, -1, 0, nan, 1))},
	{op: "Erf", in: ts(vec(0, inf, -inf, nan)), want: ts(vec(0, 1, -1, nan))},
	{op: "Softplus", in: ts(vec(200, -inf, nan)), want: ts(vec(200, 0, nan))},
	{op: "HardSwish", in: ts(vec(3, -3, 0, 9)), want: ts(vec(3, 0, 0, 9))},
	{op: "HardSigmoid", in: ts(vec(0, 10, -10, nan)), want: ts(vec(0.5, 1, 0, nan))},
	{name: "ON11 alpha", op: "HardSigmoid", attrs: attrs("alpha", graph.Int(1)), in: ts(vec(0)), wantErr: graph.ErrModel},
	{op: "LeakyRelu", attrs: attrs("alpha", graph.Float32(0.5)), in: ts(vec(2, -2, nan)), want: ts(vec(2, -1, nan))},
	{op: "Elu", attrs: attrs("alpha", graph.Float32(2)), in: ts(vec(2, -inf, nan)), want: ts(vec(2, -2, nan))},
	{op: "Gelu", in: ts(vec(0, 20, -20, nan)), want: ts(vec(0, 20, 0, nan))},
	{name: "tanh", op: "Gelu", attrs: attrs("approximate", graph.Str("tanh")), in: ts(vec(0, 20, -20, nan)), want: ts(vec(0, 20, 0, nan))},
	{name: "ON11 form", op: "Gelu", attrs: attrs("approximate", graph.Str("sigmoid")), in: ts(vec(0)), wantErr: graph.ErrModel},
	{op: "Swish", in: ts(vec(0, 200, -200, nan)), want: ts(vec(0, 200, 0, nan))},
	{op: "Clip", consts: []int{1, 2}, in: ts(vec(-3, 3, nan), f32([]float32{-1}), f32([]float32{1})), want: ts(vec(-1, 1, nan))},
	{name: "attributes", op: "Clip", attrs: attrs("min", graph.Float32(0), "max", graph.Float32(6)), in: ts(vec(-3, 7)), want: ts(vec(0, 6))},
	{name: "ON11 bound", op: "Clip", in: ts(vec(1), vec(1, 2)), wantErr: graph.ErrModel},
	{name: "three", op: "Max", in: ts(vec(1, 5, nan), f32([]float32{3}), vec(2, 9, 1)), want: ts(vec(3, 9, nan))},
	{name: "one", op: "Max", in: ts(vec(1, 5)), want: ts(vec(1, 5))},
	{op: "Min", in: ts(vec(1, nan), vec(nan, 1)), want: ts(vec(nan, nan))},
	{op: "Min", name: "integers", in: ts(i64([]int64{1, 5}, 2), i64([]int64{3}, 1)), want: ts(i64([]int64{1, 3}, 2))},
	{name: "square", op: "Pow", in: ts(vec(3, -2), f32([]float32{2})), want: ts(vec(9, 4))},
	{op: "Pow", in: ts(vec(4, -8, -1, 0), vec(0.5, 3, 0.5, -1)), want: ts(vec(2, -512, nan, inf))},
	{name: "channels", op: "Add", in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2), f32([]float32{10, 20}, 2, 1)), want: ts(f32([]float32{11, 12, 23, 24, 15, 16, 27, 28}, 2, 2, 2))},
	{name: "crossed", op: "Sub", in: ts(f32([]float32{1, 2}, 2, 1, 1), f32([]float32{1, 2, 3, 4}, 2, 2)), want: ts(f32([]float32{0, -1, -2, -3, 1, 0, -1, -2}, 2, 2, 2))},
	{name: "middle", op: "Mul", in: ts(f32([]float32{1, 2, 3, 4}, 2, 1, 2), f32([]float32{1, 10}, 1, 2, 1)), want: ts(f32([]float32{1, 2, 10, 20, 3, 4, 30, 40}, 2, 2, 2))},
	{op: "Greater", in: ts(vec(1, 2, nan), f32([]float32{1})), want: ts(bools(false, true, false))},
	{op: "GreaterOrEqual", in: ts(vec(1, 0, nan), f32([]float32{1})), want: ts(bools(true, false, false))},
	{op: "Less", in: ts(i64([]int64{1, 2}, 2), i64([]int64{2}, 1)), want: ts(bools(true, false))},
	{op: "LessOrEqual", in: ts(vec(1, 2, nan), f32([]float32{1})), want: ts(bools(true, false, false))},
	{op: "Equal", in: ts(vec(0, nan), vec(negZero, nan)), want: ts(bools(true, false))},
	{name: "dtypes", op: "Equal", in: ts(vec(0), i64([]int64{0}, 1)), wantErr: graph.ErrModel},
	{op: "And", in: ts(bools(true, false), bools(true, true)), want: ts(bools(true, false))},
	{op: "Or", in: ts(bools(true, false), bools(false, false)), want: ts(bools(true, false))},
	{op: "Xor", in: ts(bools(true, false), bools(true, true)), want: ts(bools(false, true))},
	{op: "Not", in: ts(bools(true, false)), want: ts(bools(false, true))},
	{op: "IsNaN", in: ts(vec(nan, inf)), want: ts(bools(true, false))},
}
