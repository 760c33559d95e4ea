package ops_test

import (
	"math"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func dtypeAttr(d tensor.DType) graph.Attr { return graph.Int(int64(d.ONNX())) }

// The numbers expected are those of numpy.random.RandomState(seed).
var randomCases = []opCase{
	{op: "RandomUniform", attrs: attrs("shape", graph.Ints(2, 1), "seed", graph.Float32(7)), want: ts(f32([]float32{0.07630829, 0.7799188}, 2, 1))},
	{name: "bounds", op: "RandomUniform", attrs: attrs("shape", graph.Ints(2), "seed", graph.Float32(7), "low", graph.Float32(-1), "high", graph.Float32(1), "dtype", dtypeAttr(tensor.Float64)), want: ts(f64([]float64{-0.8473834212520857, 0.5598375844802292}, 2))},
	{name: "ON11 negative", op: "RandomUniform", attrs: attrs("shape", graph.Ints(-1)), wantErr: graph.ErrModel},
	{name: "ON11 huge", op: "RandomUniform", attrs: attrs("shape", graph.Ints(1<<40, 1<<40)), wantErr: graph.ErrModel},
	{name: "dtype", op: "RandomUniform", attrs: attrs("shape", graph.Ints(1), "dtype", dtypeAttr(tensor.Int8)), wantErr: graph.ErrUnsupported},
	{op: "RandomUniformLike", attrs: attrs("seed", graph.Float32(7), "dtype", dtypeAttr(tensor.Float16)), in: ts(i64([]int64{0}, 1)), want: ts(list(tensor.ToF16(0.07630829)))},
	{op: "RandomNormal", attrs: attrs("shape", graph.Ints(3), "seed", graph.Float32(7)), want: ts(vec(1.6905257, -0.46593738, 0.032820165))},
	{name: "mean and scale", op: "RandomNormal", attrs: attrs("shape", graph.Ints(1), "seed", graph.Float32(7), "mean", graph.Float32(1), "scale", graph.Float32(2)), want: ts(vec(4.3810514))},
	{op: "RandomNormalLike", attrs: attrs("seed", graph.Float32(7)), in: ts(vec(0)), want: ts(vec(1.6905257))},
	{op: "Bernoulli", attrs: attrs("seed", graph.Float32(7)), in: ts(vec(0.0763, 0.78, 0, 1)), want: ts(vec(0, 1, 0, 1))},
	{name: "bool", op: "Bernoulli", attrs: attrs("seed", graph.Float32(7), "dtype", dtypeAttr(tensor.Bool)), in: ts(f64([]float64{0.0764, 0.7799}, 2)), want: ts(bools(true, false))},
	{name: "ON11 probability", op: "Bernoulli", in: ts(vec(nan)), wantErr: graph.ErrInput},
	{op: "Multinomial", attrs: attrs("seed", graph.Float32(7), "sample_size", graph.Int(3)), in: ts(f32([]float32{-inf, 0, 0, -inf}, 1, 4)), want: ts(tensor.Of([]int32{1, 2, 1}, 1, 3))},
	{name: "int64", op: "Multinomial", attrs: attrs("seed", graph.Float32(7), "dtype", dtypeAttr(tensor.Int64)), in: ts(f64([]float64{0, 100}, 1, 2)), want: ts(i64([]int64{1}, 1, 1))},
	{name: "ON11 no probabilities", op: "Multinomial", in: ts(f32([]float32{nan}, 1, 1)), wantErr: graph.ErrInput},
	{name: "ON11 huge", op: "Multinomial", attrs: attrs("sample_size", graph.Int(1<<40)), in: ts(f32([]float32{0}, 1, 1)), wantErr: graph.ErrModel},
	{name: "ON11 no classes", op: "Multinomial", in: ts(f32(nil, 1, 0)), wantErr: graph.ErrModel},

	{name: "mask", op: "Dropout", in: ts(vec(1, 2)), want: ts(vec(1, 2), bools(true, true))},
	{name: "training", op: "Dropout", attrs: attrs("seed", graph.Int(7)), in: ts(vec(1, 2), f32([]float32{0.75}), tensor.Of([]bool{true})), want: ts(vec(0, 8), bools(false, true))},
	{name: "training, half", op: "Dropout", attrs: attrs("seed", graph.Int(7)), in: ts(list[tensor.F16](0x3c00, 0x3c00), nil, tensor.Of([]bool{true})), want: ts(list[tensor.F16](0, 0x4000))},
	{name: "training off", op: "Dropout", in: ts(vec(1, 2), f32([]float32{0.75}), tensor.Of([]bool{false})), want: ts(vec(1, 2), bools(true, true))},
	{name: "ON11 ratio", op: "Dropout", in: ts(vec(1), f32([]float32{1}), tensor.Of([]bool{true})), wantErr: graph.ErrInput},
}

// TestRandomWithoutSeed: nodes of other outputs draw other numbers, and each run the same.
func TestRandomWithoutSeed(t *testing.T) {
	draw := func(output string) float32 {
		c := opCase{op: "RandomUniform", attrs: attrs("shape", graph.Ints(1))}
		c.output = output
		got, err := c.run()
		if err != nil {
			t.Fatal(err)
		}
		return tensor.Data[float32](got[0])[0]
	}
	if draw("a") == draw("b") || draw("a") != draw("a") || math.IsNaN(float64(draw("a"))) {
		t.Errorf("%v, %v and %v", draw("a"), draw("a"), draw("b"))
	}
}
