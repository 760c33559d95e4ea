package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

const ms = graph.DomainMicrosoft

// ones and its like make constant values.
func ones(shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = 1
	}
	return x
}

var contribCases = []opCase{
	{op: "Gelu", domain: ms, in: ts(vec(0, inf)), want: ts(vec(0, inf))},
	{op: "QuickGelu", domain: ms, in: ts(vec(0, inf)), want: ts(vec(0, inf))},
	{op: "BiasGelu", domain: ms, in: ts(vec(1, -inf), vec(-1, 2)), want: ts(vec(0, nan))},
	{op: "FastGelu", domain: ms, in: ts(vec(1, 90), vec(-1, 10)), want: ts(vec(0, 100))},
	{name: "no bias", op: "FastGelu", domain: ms, in: ts(vec(0, 100)), want: ts(vec(0, 100))},
	{op: "GemmFastGelu", domain: ms, in: ts(f32([]float32{2, 3}, 1, 2), f32([]float32{10, 20}, 2, 1), vec(20)), want: ts(f32([]float32{100}, 1, 1))},
	{op: "BiasSplitGelu", domain: ms, in: ts(f32([]float32{1, 2, 3, 90}, 1, 1, 4), vec(0, 0, -3, 10)), want: ts(f32([]float32{0, 200}, 1, 1, 2))},
	{op: "BiasAdd", domain: ms, in: ts(count(1, 1, 2), vec(1, 2), ones(1, 1, 2)), want: ts(f32([]float32{2, 4}, 1, 1, 2))},
	{op: "BiasSoftmax", domain: ms, attrs: attrs("axis", graph.Int(1), "is_inner_broadcast", graph.Int(0)), in: ts(f32([]float32{1, 2, 0, 0}, 1, 2, 2), f32([]float32{0, -1, 1, 1}, 2, 2)), want: ts(f32([]float32{0.25, 0.25, 0.25, 0.25}, 1, 2, 2))},
	{op: "Trilu", domain: ms, in: ts(ones(2, 2)), want: ts(f32([]float32{1, 1, 0, 1}, 2, 2))},
	{op: "Pad", domain: ms, in: ts(vec(1), i64([]int64{1, 0}, 2)), want: ts(vec(0, 1))},
	{op: "Unique", domain: ms, in: ts(vec(2, 1, 2)), want: ts(vec(1, 2), i64([]int64{1, 0}, 2), i64([]int64{1, 0, 1}, 3), i64([]int64{1, 2}, 2))},
	{op: "GatherND", domain: ms, in: ts(count(2, 2), i64([]int64{1, 0}, 1, 2)), want: ts(vec(2))},
	{op: "Range", domain: ms, in: ts(i64([]int64{1}), i64([]int64{3})), want: ts(i64([]int64{1, 2}, 2))},
	{op: "QuantizeLinear", domain: ms, in: ts(vec(3), f32([]float32{1}), tensor.Of([]uint8{1})), want: ts(tensor.Of([]uint8{4}, 1))},
	{op: "DequantizeLinear", domain: ms, in: ts(tensor.Of([]uint8{4}, 1), f32([]float32{2}), tensor.Of([]uint8{1})), want: ts(vec(6))},
	{op: "FusedGemm", domain: ms, attrs: attrs("activation", graph.Str("LeakyRelu"), "activation_alpha", graph.Float32(0.5), "transB", graph.Int(1)), in: ts(f32([]float32{1, 2}, 1, 2), f32([]float32{1, 1, -1, -1}, 2, 2), vec(1, 1)), want: ts(f32([]float32{4, -1}, 1, 2))},
	{name: "activation", op: "FusedGemm", domain: ms, attrs: attrs("activation", graph.Str("Other")), in: ts(count(1, 1), count(1, 1)), wantErr: graph.ErrUnsupported},
	{op: "FusedConv", domain: ms, attrs: attrs("activation", graph.Str("Clip"), "activation_params", graph.Floats([]float32{0, 6})), in: ts(f32([]float32{1, 2, 3}, 1, 1, 3), ones(1, 1, 1), vec(1), f32([]float32{-9, 0, 9}, 1, 1, 3)), want: ts(f32([]float32{0, 3, 6}, 1, 1, 3))},
	{op: "NhwcConv", domain: ms, in: ts(count(1, 1, 1, 2), f32([]float32{1, 2}, 1, 2, 1, 1)), want: ts(f32([]float32{2}, 1, 1, 1, 1))},
	{op: "FusedMatMul", domain: ms, attrs: attrs("transA", graph.Int(1), "transB", graph.Int(1), "alpha", graph.Float32(0.5)), in: ts(f32([]float32{1, 2}, 2, 1), f32([]float32{3, 4}, 1, 2)), want: ts(f32([]float32{5.5}, 1, 1))},
	{name: "batch, constant", op: "FusedMatMul", domain: ms, consts: []int{1}, attrs: attrs("transB", graph.Int(1), "alpha", graph.Float32(2)), in: ts(count(2, 1, 2), f32([]float32{1, 2}, 1, 2)), want: ts(f32([]float32{4, 16}, 2, 1, 1))},
	{name: "vector", op: "FusedMatMul", domain: ms, attrs: attrs("transA", graph.Int(1)), in: ts(vec(1), count(1, 1)), wantErr: graph.ErrModel},
	{name: "batch axes", op: "FusedMatMul", domain: ms, attrs: attrs("transBatchA", graph.Int(1)), in: ts(count(1, 1), count(1, 1)), wantErr: graph.ErrUnsupported},
	{op: "TransposeMatMul", domain: ms, attrs: attrs("transA", graph.Int(1)), in: ts(f32([]float32{1, 2}, 2, 1), f32([]float32{3, 4}, 2, 1)), want: ts(f32([]float32{11}, 1, 1))},
	{op: "Inverse", domain: ms, in: ts(f32([]float32{0, 2, 4, 0}, 1, 2, 2)), want: ts(f32([]float32{0, 0.25, 0.5, 0}, 1, 2, 2))},
	{name: "singular", op: "Inverse", domain: ms, in: ts(f32([]float32{1, 2, 2, 4}, 2, 2)), wantErr: graph.ErrInput},

	{op: "LayerNormalization", domain: graph.DomainFused, attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 1, 4, 1}, 2, 2), f32([]float32{0, 2, 2, 1}, 2, 2), vec(2, 10), vec(1, 0)), want: ts(f32([]float32{-1, 10, 3, -10}, 2, 2), f32([]float32{1, 3, 6, 2}, 2, 2))},
	{name: "row first", op: "LayerNormalization", domain: graph.DomainFused, attrs: attrs("epsilon", graph.Float32(0)), in: ts(vec(-1, 1), f32([]float32{2, 2, 7, 1}, 2, 2), vec(2, 10), vec(1, 0)), want: ts(f32([]float32{-1, 10, 3, -10}, 2, 2))},
	{name: "column", op: "LayerNormalization", domain: graph.DomainFused, attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{0, 2, 4, 0}, 2, 2), f32([]float32{1, 2}, 2, 1), vec(2, 10)), want: ts(f32([]float32{-2, 10, 2, -10}, 2, 2), f32([]float32{1, 3, 6, 2}, 2, 2))},
	{name: "ON11 scale", op: "LayerNormalization", domain: graph.DomainFused, in: ts(vec(1, 2), vec(1, 2), vec(1, 2, 3)), wantErr: graph.ErrModel},
	{op: "RMSNormalization", domain: graph.DomainFused, attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 1}, 1, 2), f32([]float32{1, -3}, 1, 2), vec(1, 3)), want: ts(f32([]float32{1, -3}, 1, 2), f32([]float32{2, -2}, 1, 2))},
	{op: "SkipLayerNormalization", domain: ms, attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{0, 1}, 1, 2), vec(1, 2), vec(0, 1), vec(2, 2)), want: ts(f32([]float32{-1, 3}, 1, 1, 2), f32([]float32{4}, 1, 1, 1), f32([]float32{1}, 1, 1, 1), f32([]float32{3, 5}, 1, 1, 2))},
	{op: "SkipSimplifiedLayerNormalization", domain: ms, attrs: attrs("epsilon", graph.Float32(0)), in: ts(f32([]float32{1, 2}, 1, 2), f32([]float32{1, -4}, 1, 2), vec(1, 2)), want: ts(f32([]float32{1, -2}, 1, 2), nil, nil, f32([]float32{2, -2}, 1, 2))},
	{name: "moments", op: "SkipSimplifiedLayerNormalization", domain: ms, in: ts(vec(1), vec(1), vec(1)), want: ts(vec(1), vec(1)), wantErr: graph.ErrUnsupported},
	{op: "SimplifiedLayerNormalization", attrs: attrs("epsilon", graph.Float32(0)), in: ts(vec(3, -3), vec(1, 2)), want: ts(vec(1, -2))},
	{op: "SimplifiedLayerNormalization", domain: ms, attrs: attrs("epsilon", graph.Float32(0)), in: ts(vec(3, -3), vec(1, 2)), want: ts(vec(1, -2))},
	{op: "EmbedLayerNormalization", domain: ms, attrs: attrs("epsilon", graph.Float32(0)), in: ts(tensor.Of([]int32{1, 0}, 1, 2), tensor.Of([]int32{0, 0}, 1, 2), count(2, 2), f32([]float32{0, 0, 0, 9}, 2, 2), f32([]float32{1, 1}, 1, 2), vec(1, 1), vec(0, 0), tensor.Of([]int32{1, 0}, 1, 2)), want: ts(f32([]float32{-1, 1, -1, 1}, 1, 2, 2), tensor.Of([]int32{1}, 1), f32([]float32{3, 4, 1, 11}, 1, 2, 2))},
	{op: "GroupNorm", domain: ms, attrs: attrs("epsilon", graph.Float32(0), "groups", graph.Int(1)), in: ts(f32([]float32{1, 3}, 1, 1, 1, 2), vec(1, 2), vec(0, 1)), want: ts(f32([]float32{-1, 3}, 1, 1, 1, 2))},
	{op: "SkipGroupNorm", domain: ms, attrs: attrs("epsilon", graph.Float32(0), "groups", graph.Int(1)), in: ts(f32([]float32{1, 3}, 1, 1, 1, 2), vec(1, 2), vec(0, 1), f32([]float32{1, 1}, 1, 2), vec(1, 3)), want: ts(f32([]float32{-1, 3}, 1, 1, 1, 2), f32([]float32{3, 7}, 1, 1, 1, 2))},

	{op: "DynamicQuantizeMatMul", domain: ms, in: ts(f32([]float32{255, 0}, 1, 2), tensor.Of([]int8{1, 2}, 2, 1), vec(2), nil, vec(1)), want: ts(f32([]float32{511}, 1, 1))},
	{op: "MatMulIntegerToFloat", domain: ms, in: ts(tensor.Of([]uint8{3, 1}, 1, 2), tensor.Of([]int8{1, 2}, 2, 1), f32([]float32{0.5}), vec(2), tensor.Of([]uint8{1})), want: ts(f32([]float32{2}, 1, 1))},
	{op: "QLinearSoftmax", domain: ms, attrs: attrs("opset", graph.Int(13)), in: ts(tensor.Of([]uint8{7, 7}, 1, 2), f32([]float32{1}), tensor.Of([]uint8{0}), f32([]float32{0.25}), tensor.Of([]uint8{1})), want: ts(tensor.Of([]uint8{3, 3}, 1, 2))},
	{op: "QGemm", domain: ms, attrs: attrs("transB", graph.Int(1)), in: ts(tensor.Of([]uint8{3, 1}, 1, 2), f32([]float32{0.5}), tensor.Of([]uint8{1}), tensor.Of([]int8{1, 2, 3, 4}, 2, 2), vec(2, 4), list[int8](0, 0), list[int32](1, 1)), want: ts(f32([]float32{3, 14}, 1, 2))},

	{op: "Attention", domain: ms, attrs: attrs("num_heads", graph.Int(1), "scale", graph.Float32(1)), in: ts(f32([]float32{1, 2}, 1, 2, 1), f32([]float32{0, 1, 10}, 1, 3), vec(0, 0, 1), tensor.Of([]int32{1, 0}, 1, 2)), want: ts(f32([]float32{11, 11}, 1, 2, 1))},
	{name: "past", op: "Attention", domain: ms, attrs: attrs("num_heads", graph.Int(1), "unidirectional", graph.Int(1)), in: ts(f32([]float32{1}, 1, 1, 1), f32([]float32{0, 1, 10}, 1, 3), nil, nil, f32([]float32{5, 20}, 2, 1, 1, 1, 1)), want: ts(f32([]float32{15}, 1, 1, 1), f32([]float32{5, 1, 20, 10}, 2, 1, 1, 2, 1))},
	{name: "rotary", op: "Attention", domain: ms, attrs: attrs("num_heads", graph.Int(1), "do_rotary", graph.Int(1)), in: ts(count(1, 1, 1), count(1, 3)), wantErr: graph.ErrUnsupported},
	{op: "QAttention", domain: ms, attrs: attrs("num_heads", graph.Int(1)), in: ts(tensor.Of([]uint8{3, 1}, 1, 2, 1), tensor.Of([]int8{0, 0, 4}, 1, 3), vec(0, 0, 1), f32([]float32{0.5}), f32([]float32{2}), nil, tensor.Of([]uint8{1})), want: ts(f32([]float32{5, 5}, 1, 2, 1))},
	{op: "MultiHeadAttention", domain: ms, attrs: attrs("num_heads", graph.Int(2), "scale", graph.Float32(1)), in: ts(count(1, 1, 2), f32([]float32{0, 0, 0, 0}, 1, 2, 2), f32([]float32{1, 2, 3, 6}, 1, 2, 2), vec(0, 0, 0, 0, 1, 1)), want: ts(f32([]float32{3, 5}, 1, 1, 2))},
	{name: "mask and bias", op: "MultiHeadAttention", domain: ms, attrs: attrs("num_heads", graph.Int(1)), in: ts(count(1, 1, 1), f32([]float32{0, 0}, 1, 2, 1), f32([]float32{1, 3}, 1, 2, 1), nil, tensor.Of([]int32{0, 1}, 1, 2), f32([]float32{9, 1}, 1, 1, 1, 2)), want: ts(f32([]float32{3}, 1, 1, 1))},
	{name: "packed", op: "MultiHeadAttention", domain: ms, attrs: attrs("num_heads", graph.Int(1)), in: ts(count(1, 1, 1, 3, 1)), wantErr: graph.ErrUnsupported},

	{op: "LinearAttention", domain: ms, attrs: linear("linear", 1, 1), in: ts(f32([]float32{1, 2}, 1, 2, 1), f32([]float32{3, 4}, 1, 2, 1), f32([]float32{5, 6}, 1, 2, 1)), want: ts(f32([]float32{15, 78}, 1, 2, 1), f32([]float32{39}, 1, 1, 1, 1))},
	{op: "CausalConvWithState", domain: ms, attrs: attrs("ndim", graph.Int(1)), in: ts(f32([]float32{1, 2, 3}, 1, 1, 3), f32([]float32{10, 1}, 1, 1, 2)), want: ts(f32([]float32{1, 12, 23}, 1, 1, 3), f32([]float32{3}, 1, 1, 1))},
	{name: "channels last", op: "CausalConvWithState", domain: ms, attrs: attrs("channels_last", graph.Int(1)), in: ts(count(1, 1, 1), count(1, 1, 1)), wantErr: graph.ErrUnsupported},
	{op: "SwiGLU", domain: ms, attrs: attrs("limit", graph.Float32(100), "activation_beta", graph.Float32(1)), in: ts(f32([]float32{500, 0, -500, 7}, 1, 4)), want: ts(f32([]float32{-9900, 0}, 1, 2))},
	{op: "ExpandDims", domain: ms, in: ts(vec(1, 2), tensor.Of([]int32{0})), want: ts(f32([]float32{1, 2}, 1, 2))},
	{op: "DynamicQuantizeLSTM", domain: ms, attrs: attrs("hidden_size", graph.Int(1)), in: ts(ones(1, 1, 1), tensor.Of([]int8{100, 100, 100, 100}, 1, 1, 4), tensor.Of([]int8{0, 0, 0, 0}, 1, 1, 4), nil, nil, nil, nil, nil, vec(1), s8(0), f32([]float32{1, 1, 1, 1}, 1, 4), tensor.Of([]int8{0, 0, 0, 0}, 1, 4)), want: ts(f32([]float32{0.7615942}, 1, 1, 1, 1), f32([]float32{0.7615942}, 1, 1, 1), f32([]float32{1}, 1, 1, 1))},
	{op: "QLinearWhere", domain: ms, in: ts(bools(true, false), u8(3, 3), f32([]float32{2}), tensor.Of([]uint8{1}), u8(5, 5), f32([]float32{1}), tensor.Of([]uint8{0}), f32([]float32{0.5}), tensor.Of([]uint8{2})), want: ts(u8(10, 12))},
	{op: "QLinearReduceMean", domain: ms, attrs: attrs("axes", graph.Ints(0), "keepdims", graph.Int(0)), in: ts(u8(3, 5), f32([]float32{2}), tensor.Of([]uint8{1}), f32([]float32{1}), tensor.Of([]uint8{2})), want: ts(tensor.Of([]uint8{8}))},
	{op: "CDist", domain: ms, in: ts(f32([]float32{1, 2, 0, 0}, 2, 2), f32([]float32{4, 6}, 1, 2)), want: ts(f32([]float32{25, 52}, 2, 1))},
	{name: "root", op: "CDist", domain: ms, attrs: attrs("metric", graph.Str("euclidean")), in: ts(f32([]float32{1, 2}, 1, 2), f32([]float32{4, 6, 1, 2}, 2, 2)), want: ts(f32([]float32{5, 0}, 1, 2))},
	{name: "shapes", op: "CDist", domain: ms, in: ts(count(1, 2), count(1, 3)), wantErr: graph.ErrModel},
	{op: "NGramRepeatBlock", domain: ms, attrs: attrs("ngram_size", graph.Int(2)), in: ts(i64([]int64{1, 2, 1, 0, 1, 3}, 2, 3), ones(2, 4)), want: ts(f32([]float32{1, 1, -inf, 1, 1, 1, 1, 1}, 2, 4))},
	{name: "size 1", op: "NGramRepeatBlock", domain: ms, attrs: attrs("ngram_size", graph.Int(1)), in: ts(i64([]int64{1}, 1, 1), ones(1, 2)), want: ts(f32([]float32{1, -inf}, 1, 2))},
	{name: "longer than the row", op: "NGramRepeatBlock", domain: ms, attrs: attrs("ngram_size", graph.Int(9)), in: ts(i64([]int64{1}, 1, 1), ones(1, 2)), want: ts(ones(1, 2))},
	{name: "ON11 token", op: "NGramRepeatBlock", domain: ms, attrs: attrs("ngram_size", graph.Int(1)), in: ts(i64([]int64{7}, 1, 1), ones(1, 2)), wantErr: graph.ErrInput},

	{name: "two queries to a key", op: "FlexAttention", domain: "ai.onnx.preview", attrs: attrs("scale", graph.Float32(0)), in: ts(count(1, 2, 1, 2), count(1, 1, 2, 2), f32([]float32{1, 3}, 1, 1, 2, 1)), want: ts(f32([]float32{2, 2}, 1, 2, 1, 1))},
	{name: "bodies", op: "FlexAttention", domain: "ai.onnx.preview", attrs: attrs("score_mod", body("Sub", "x", "x"), "prob_mod", body("Add", "x", "x")), in: ts(count(1, 1, 1, 2), count(1, 1, 2, 2), f32([]float32{1, 3}, 1, 1, 2, 1)), want: ts(f32([]float32{4}, 1, 1, 1, 1))},
	{name: "body", op: "FlexAttention", domain: "ai.onnx.preview", attrs: attrs("score_mod", graph.Attr{Kind: graph.AttrGraph, Graph: &graph.Graph{}}), in: ts(count(1, 1, 1, 2), count(1, 1, 2, 2), f32([]float32{1, 3}, 1, 1, 2, 1)), wantErr: graph.ErrModel},
}

// body is a graph of one node with input x.
func body(op string, inputs ...string) graph.Attr {
	return graph.Attr{Kind: graph.AttrGraph, Graph: &graph.Graph{Inputs: []graph.Value{{Name: "x"}}, Outputs: []graph.Value{{Name: "y"}},
		Nodes: []*graph.Node{{Op: op, Inputs: inputs, Outputs: []string{"y"}}}}}
}
