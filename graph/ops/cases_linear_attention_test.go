package ops_test

import "github.com/hotpath/hotpath/graph"

func linear(rule string, q, kv int64) map[string]graph.Attr {
	return attrs(append(heads(q, kv), "update_rule", graph.Str(rule), "scale", graph.Float32(1))...)
}

var linearAttentionCases = []opCase{
	{op: "LinearAttention", attrs: linear("linear", 1, 1), in: ts(f32([]float32{1, 2}, 1, 2, 1), f32([]float32{3, 4}, 1, 2, 1), f32([]float32{5, 6}, 1, 2, 1)), want: ts(f32([]float32{15, 78}, 1, 2, 1), f32([]float32{39}, 1, 1, 1, 1))},
	{name: "two queries to a key, past", op: "LinearAttention", attrs: linear("linear", 2, 1), in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{3}, 1, 1, 1), f32([]float32{5}, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1)), want: ts(f32([]float32{16, 32}, 1, 1, 2), f32([]float32{16}, 1, 1, 1, 1))},
	{name: "gated", op: "LinearAttention", attrs: linear("gated", 1, 1), in: ts(f32([]float32{1, 1}, 1, 1, 2), f32([]float32{1, 1}, 1, 1, 2), f32([]float32{2}, 1, 1, 1), f32([]float32{5, 7}, 1, 1, 2, 1), f32([]float32{0, -inf}, 1, 1, 2)), want: ts(f32([]float32{9}, 1, 1, 1), f32([]float32{7, 2}, 1, 1, 2, 1))},
	{name: "one gate for a head", op: "LinearAttention", attrs: linear("gated", 1, 1), in: ts(f32([]float32{1, 1}, 1, 1, 2), f32([]float32{1, 1}, 1, 1, 2), f32([]float32{2}, 1, 1, 1), f32([]float32{5, 7}, 1, 1, 2, 1), f32([]float32{-inf}, 1, 1, 1)), want: ts(f32([]float32{4}, 1, 1, 1))},
	{name: "delta", op: "LinearAttention", attrs: linear("delta", 1, 1), in: ts(f32([]float32{1}, 1, 1, 1), f32([]float32{2}, 1, 1, 1), f32([]float32{10}, 1, 1, 1), f32([]float32{3}, 1, 1, 1, 1), nil, f32([]float32{0.5}, 1, 1, 1)), want: ts(f32([]float32{7}, 1, 1, 1))},
	{name: "heads", op: "LinearAttention", attrs: linear("linear", 3, 2), in: ts(count(1, 1, 3), count(1, 1, 2), count(1, 1, 2)), wantErr: graph.ErrModel},
	{name: "no decay", op: "LinearAttention", attrs: linear("gated", 1, 1), in: ts(count(1, 1, 1), count(1, 1, 1), count(1, 1, 1)), wantErr: graph.ErrModel},
	{name: "rank", op: "LinearAttention", attrs: linear("linear", 1, 1), in: ts(count(1, 1), count(1, 1, 1), count(1, 1, 1)), wantErr: graph.ErrModel},
	{name: "past", op: "LinearAttention", attrs: linear("linear", 1, 1), in: ts(count(1, 1, 1), count(1, 1, 1), count(1, 1, 1), count(1, 1, 1, 2)), wantErr: graph.ErrModel},
	{name: "rule", op: "LinearAttention", attrs: linear("other", 1, 1), in: ts(count(1, 1, 1), count(1, 1, 1), count(1, 1, 1)), wantErr: graph.ErrModel},

	{op: "CausalConvWithState", in: ts(f32([]float32{1, 2, 3}, 1, 1, 3), f32([]float32{10, 1}, 1, 1, 2)), want: ts(f32([]float32{1, 12, 23}, 1, 1, 3), f32([]float32{3}, 1, 1, 1))},
	{name: "bias and past", op: "CausalConvWithState", in: ts(f32([]float32{1}, 1, 1, 1), f32([]float32{100, 10, 1}, 1, 1, 3), vec(0.5), f32([]float32{8, 9}, 1, 1, 2)), want: ts(f32([]float32{891.5}, 1, 1, 1), f32([]float32{9, 1}, 1, 1, 2))},
	{name: "silu, one tap", op: "CausalConvWithState", attrs: attrs("activation", graph.Str("silu")), in: ts(f32([]float32{0, inf}, 1, 2, 1), f32([]float32{1, 1}, 2, 1, 1)), want: ts(f32([]float32{0, inf}, 1, 2, 1), f32(nil, 1, 2, 0))},
	{name: "activation", op: "CausalConvWithState", attrs: attrs("activation", graph.Str("relu")), in: ts(count(1, 1, 1), count(1, 1, 1)), wantErr: graph.ErrModel},
	{name: "weights", op: "CausalConvWithState", in: ts(count(1, 1, 1), count(2, 1, 1)), wantErr: graph.ErrModel},
	{name: "past", op: "CausalConvWithState", in: ts(count(1, 1, 1), count(1, 1, 3), nil, count(1, 1, 1)), wantErr: graph.ErrModel},
}
