package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

const training = "ai.onnx.preview.training"

var trainingCases = []opCase{
	{op: "NegativeLogLikelihoodLoss", attrs: attrs("reduction", graph.Str("none")), in: ts(count(2, 3), i64([]int64{2, 0}, 2)), want: ts(vec(-2, -3))},
	{name: "mean of weights", op: "NegativeLogLikelihoodLoss", in: ts(count(2, 2), i64([]int64{1, 0}, 2), vec(1, 3)), want: ts(f32([]float32{-1.25}))},
	{name: "sum, inner axis", op: "NegativeLogLikelihoodLoss", attrs: attrs("reduction", graph.Str("sum")), in: ts(count(1, 2, 2), tensor.Of([]int32{1, 0}, 1, 2)), want: ts(f32([]float32{-3}))},
	{name: "ignored", op: "NegativeLogLikelihoodLoss", attrs: attrs("ignore_index", graph.Int(-5)), in: ts(count(2, 2), i64([]int64{-5, 1}, 2)), want: ts(f32([]float32{-3}))},
	{name: "float64", op: "NegativeLogLikelihoodLoss", attrs: attrs("reduction", graph.Str("sum")), in: ts(f64([]float64{1, 2}, 1, 2), i64([]int64{1}, 1)), want: ts(f64([]float64{-2}))},
	{name: "half", op: "NegativeLogLikelihoodLoss", in: ts(tensor.Of([]tensor.F16{0x3c00}, 1, 1), i64([]int64{0}, 1)), want: ts(tensor.Of([]tensor.F16{0xbc00}))},
	{name: "nothing", op: "NegativeLogLikelihoodLoss", in: ts(f32(nil, 0, 2), i64(nil, 0)), want: ts(f32([]float32{nan}))},
	{name: "ON11 label", op: "NegativeLogLikelihoodLoss", in: ts(count(1, 2), i64([]int64{2}, 1)), wantErr: graph.ErrInput},
	{name: "ON11 negative label", op: "NegativeLogLikelihoodLoss", in: ts(count(1, 2), i64([]int64{-1}, 1)), wantErr: graph.ErrInput},
	{name: "shapes", op: "NegativeLogLikelihoodLoss", in: ts(count(2, 2), i64([]int64{1}, 1)), wantErr: graph.ErrModel},
	{name: "weights", op: "NegativeLogLikelihoodLoss", in: ts(count(1, 2), i64([]int64{1}, 1), vec(1)), wantErr: graph.ErrModel},
	{name: "reduction", op: "NegativeLogLikelihoodLoss", attrs: attrs("reduction", graph.Str("max")), in: ts(count(1, 2), i64([]int64{1}, 1)), wantErr: graph.ErrModel},
	{op: "SoftmaxCrossEntropyLoss", attrs: attrs("reduction", graph.Str("none")), in: ts(f32([]float32{0, 0, 0, -inf}, 2, 2), i64([]int64{1, 0}, 2)), want: ts(vec(0.6931472, 0), f32([]float32{-0.6931472, -0.6931472, 0, -inf}, 2, 2))},
	{name: "inner axis", op: "SoftmaxCrossEntropyLoss", in: ts(f32([]float32{5, 5, 5, 5}, 1, 2, 2), i64([]int64{1, 0}, 1, 2)), want: ts(f32([]float32{0.6931472}))},
	{name: "float64", op: "SoftmaxCrossEntropyLoss", in: ts(f64([]float64{7, 7}, 1, 2), i64([]int64{1}, 1)), want: ts(f64([]float64{0.6931471805599453}))},

	{name: "moments", op: "LayerNormalization", attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 3, 2, 6}, 2, 2), vec(1, 1)), want: ts(f32([]float32{-1, 1, -1, 1}, 2, 2), f32([]float32{2, 4}, 2, 1), f32([]float32{1, 0.5}, 2, 1))},
	{name: "training", op: "BatchNormalization", attrs: attrs("training_mode", graph.Int(1), "momentum", graph.Float32(0.5), "epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 0, 3, 8}, 2, 2), vec(1, 2), vec(0, 1), vec(6, 2), vec(3, 0)), want: ts(f32([]float32{-1, -1, 1, 3}, 2, 2), vec(4, 3), vec(2, 8))},
	{name: "outputs without training", op: "BatchNormalization", in: ts(count(1, 1), vec(1), vec(0), vec(0), vec(1)), want: ts(nil, nil), wantErr: graph.ErrUnsupported},

	{op: "Adagrad", domain: training, attrs: attrs("epsilon", graph.Float32(0), "norm_coefficient", graph.Float32(1)), in: ts(vec(0.5), i64([]int64{0}), vec(1), vec(2), vec(7)), want: ts(vec(0.625), vec(16))},
	{name: "decay, two", op: "Adagrad", domain: training, attrs: attrs("epsilon", graph.Float32(1), "decay_factor", graph.Float32(1)), in: ts(f64([]float64{4}, 1), i64([]int64{1}), vec(1), f64([]float64{1}, 1), vec(1), f64([]float64{2}, 1), vec(0), f64([]float64{0}, 1)), want: ts(vec(0), f64([]float64{-0.33333333333333326}, 1), vec(1), f64([]float64{4}, 1))},
	{op: "Adam", domain: training, attrs: attrs("alpha", graph.Float32(0.5), "beta", graph.Float32(0.75), "epsilon", graph.Float32(0)), in: ts(f32([]float32{1}), i64([]int64{0}), vec(1), vec(4), vec(2), vec(0)), want: ts(vec(-0.5), vec(3), vec(4))},
	{name: "history, post", op: "Adam", domain: training, attrs: attrs("alpha", graph.Float32(0.5), "beta", graph.Float32(0.75), "epsilon", graph.Float32(0), "norm_coefficient_post", graph.Float32(0.5)), in: ts(f64([]float64{1}), i64([]int64{1}), f64([]float64{1}, 1), f64([]float64{4}, 1), f64([]float64{2}, 1), f64([]float64{0}, 1)), want: ts(f64([]float64{-0.25}, 1), f64([]float64{3}, 1), f64([]float64{4}, 1))},
	{op: "Momentum", domain: training, attrs: attrs("alpha", graph.Float32(0.5), "beta", graph.Float32(0.25), "norm_coefficient", graph.Float32(0), "mode", graph.Str("standard")), in: ts(vec(2), i64([]int64{1}), vec(1), vec(4), vec(2)), want: ts(vec(-3), vec(2))},
	{name: "nesterov, first", op: "Momentum", domain: training, attrs: attrs("alpha", graph.Float32(0.5), "beta", graph.Float32(0.25), "mode", graph.Str("nesterov")), in: ts(vec(2), i64([]int64{0}), vec(1), vec(4), vec(2)), want: ts(vec(-12), vec(5))},
	{name: "mode", op: "Momentum", domain: training, in: ts(vec(2), i64([]int64{0}), vec(1), vec(4), vec(2)), wantErr: graph.ErrModel},
	{name: "ON11 inputs", op: "Adam", domain: training, in: ts(vec(2), i64([]int64{0}), vec(1), vec(4), vec(2), vec(2), vec(2)), wantErr: graph.ErrModel},
	{name: "ON11 shapes", op: "Adagrad", domain: training, in: ts(vec(2), i64([]int64{0}), vec(1), vec(4, 5), vec(2)), wantErr: graph.ErrModel},
}
