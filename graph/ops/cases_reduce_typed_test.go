package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func square64(v ...float64) *tensor.Tensor { return tensor.Of(v, 2, 2) }

// reduceTypedCases: reductions, searches and normalisations beside float32, with the outputs of training.
var reduceTypedCases = []opCase{
	{name: "float64", op: "ReduceSum", consts: []int{1}, in: ts(square64(1, 2, 3, 4), i64([]int64{0}, 1)), want: ts(tensor.Of([]float64{4, 6}, 1, 2))},
	{name: "int32", op: "ReduceMean", attrs: attrs("keepdims", graph.Int(0)), in: ts(list[int32](-3, -4)), want: ts(tensor.Of([]int32{-3}))},
	{name: "bool", op: "ReduceMax", attrs: attrs("axes", graph.Ints(1)), in: ts(tensor.Of([]bool{false, false, true, false}, 2, 2)), want: ts(tensor.Of([]bool{false, true}, 2, 1))},
	{name: "bool of nothing", op: "ReduceMin", attrs: attrs("keepdims", graph.Int(0)), in: ts(tensor.Of([]bool{}, 0)), want: ts(tensor.Of([]bool{true}))},
	{name: "int8", op: "ReduceMin", in: ts(list[int8](3, -128)), want: ts(list[int8](-128))},
	{name: "nothing of int64", op: "ReduceMean", in: ts(tensor.Of([]int64{}, 0)), want: ts(list[int64](0))},
	{name: "nothing of float64", op: "ReduceMax", in: ts(tensor.Of([]float64{}, 0)), want: ts(list(math.Inf(-1)))},
	{name: "uint64", op: "ReduceProd", in: ts(list[uint64](3, 5)), want: ts(list[uint64](15))},
	{name: "int32", op: "ReduceL1", in: ts(list[int32](3, -5)), want: ts(list[int32](8))},
	{name: "float64", op: "ReduceL2", in: ts(list(3.0, 4)), want: ts(list(5.0))},
	{name: "float64", op: "ReduceLogSum", in: ts(list(0.25, 0.75)), want: ts(list(0.0))},
	{name: "apart", op: "ReduceSumSquare", attrs: attrs("axes", graph.Ints(0, 2)), in: ts(tensor.Of([]int64{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)), want: ts(tensor.Of([]int64{66, 138}, 1, 2, 1))},
	{name: "float64", op: "ReduceLogSumExp", in: ts(list(1000.0, math.Inf(-1))), want: ts(list(1000.0))},
	{name: "infinite float64", op: "ReduceLogSumExp", in: ts(list(math.Inf(-1), math.Inf(-1))), want: ts(list(math.Inf(-1)))},
	{name: "int32", op: "ReduceLogSumExp", in: ts(list[int32](7)), want: ts(list[int32](7))},
	{name: "apart", op: "ReduceLogSumExp", attrs: attrs("axes", graph.Ints(0, 2)), in: ts(f32([]float32{5, -inf, -inf, -inf, -inf, -inf, 7, -inf}, 2, 2, 2)), want: ts(f32([]float32{5, 7}, 1, 2, 1))},
	{name: "ON11 text", op: "ReduceSum", in: ts(words("a")), wantErr: graph.ErrUnsupported},
	{name: "ON11 flags", op: "ReduceSum", in: ts(bools(true)), wantErr: graph.ErrUnsupported},
	{name: "last of int8", op: "ArgMax", attrs: attrs("select_last_index", graph.Int(1)), in: ts(list[int8](3, -1, 3)), want: ts(i64([]int64{2}, 1))},
	{name: "float16", op: "ArgMin", in: ts(list[tensor.F16](halfTwo, halfOne)), want: ts(i64([]int64{1}, 1))},
	{name: "uint64", op: "TopK", consts: []int{1}, in: ts(list[uint64](1, math.MaxUint64, 2), list[int64](2)), want: ts(list[uint64](math.MaxUint64, 2), i64([]int64{1, 2}, 2))},
	{name: "float16", op: "TopK", consts: []int{1}, attrs: attrs("largest", graph.Int(0)), in: ts(list[tensor.F16](halfTwo, halfOne), list[int64](1)), want: ts(list[tensor.F16](halfOne), i64([]int64{1}, 1))},

	{name: "statistics", op: "LayerNormalization", attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 3, 2, 6}, 2, 2), vec(1, 1)), want: ts(f32([]float32{-1, 1, -1, 1}, 2, 2), f32([]float32{2, 4}, 2, 1), f32([]float32{1, 0.5}, 2, 1))},
	{name: "statistics of half floats", op: "LayerNormalization", attrs: attrs("epsilon", graph.Float32(0)), in: ts(tensor.Of([]tensor.F16{halfOne, halfThree}, 1, 2), list[tensor.F16](halfOne, halfOne)), want: ts(tensor.Of([]tensor.F16{0xbc00, halfOne}, 1, 2), f32([]float32{2}, 1, 1), f32([]float32{1}, 1, 1))},
	{name: "training", op: "BatchNormalization", attrs: attrs("training_mode", graph.Int(1), "epsilon", graph.Float32(0), "momentum", graph.Float32(0.5)),
		in: ts(f32([]float32{1, 3, 0, 4}, 2, 2), vec(1, 2), vec(0, 1), vec(4, 0), vec(1, 1)), want: ts(f32([]float32{1, -1, -1, 3}, 2, 2), vec(2.25, 1.75), vec(0.625, 0.625))},
	{name: "training of an old opset", op: "BatchNormalization", opset: 9, attrs: attrs("epsilon", graph.Float32(0), "momentum", graph.Float32(1)),
		in: ts(f32([]float32{1, 3}, 2, 1), vec(1), vec(0), vec(4), vec(1)), want: ts(f32([]float32{-1, 1}, 2, 1), vec(4), vec(1), vec(2), vec(1))},
	{name: "opset 6", op: "BatchNormalization", opset: 6, attrs: attrs("epsilon", graph.Float32(0), "is_test", graph.Int(1)), in: ts(f32([]float32{1, 3}, 2, 1), vec(1), vec(0), vec(4), vec(1)), want: ts(f32([]float32{-3, -1}, 2, 1))},
	{name: "ON11 features", op: "BatchNormalization", opset: 7, attrs: attrs("spatial", graph.Int(0)), in: ts(f32([]float32{1, 3}, 2, 1), vec(1), vec(0), vec(4), vec(1)), wantErr: graph.ErrUnsupported},
	{name: "mask", op: "Dropout", in: ts(vec(1, 2)), want: ts(vec(1, 2), bools(true, true))},
	{name: "not trained", op: "Dropout", in: ts(list[tensor.F16](halfOne), vec(0.25), tensor.Of([]bool{false})), want: ts(list[tensor.F16](halfOne))},
	// NumPy: np.random.seed(0); np.random.uniform(0, 1, 4) is 0.5488, 0.7152, 0.6028, 0.5449.
	{name: "trained", op: "Dropout", attrs: attrs("seed", graph.Int(0)), in: ts(vec(1, 2, 0, 3), f32([]float32{0.6}), tensor.Of([]bool{true})), want: ts(vec(0, 5.0000005, 0, 0), bools(false, true, true, false))},
	{name: "float64", op: "Softmax", in: ts(square64(0, 0, math.Inf(-1), 3)), want: ts(square64(0.5, 0.5, 0, 1))},
	{name: "float64, first axis", op: "LogSoftmax", attrs: attrs("axis", graph.Int(0)), in: ts(tensor.Of([]float64{7}, 1, 1)), want: ts(tensor.Of([]float64{0}, 1, 1))},
	{name: "float64", op: "Hardmax", in: ts(square64(1, 3, 2, 2)), want: ts(square64(0, 1, 1, 0))},
	{name: "trained float64", op: "Dropout", attrs: attrs("seed", graph.Int(1)), in: ts(list(1.0, 2), list(0.5), tensor.Of([]bool{true})), want: ts(list(0, 4.0))},
	{name: "IN ratio", op: "Dropout", in: ts(vec(1), f32([]float32{1}), tensor.Of([]bool{true})), wantErr: graph.ErrInput},
	{name: "ON11 mode", op: "Dropout", in: ts(vec(1), vec(0.5), vec(1)), wantErr: graph.ErrModel},
}
