package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// zeroScale makes all scores 0, so that results are means of the values seen.
func zeroScale(more ...any) map[string]graph.Attr {
	return attrs(append([]any{"scale", graph.Float32(0)}, more...)...)
}

func heads(q, kv int64) []any {
	return []any{"q_num_heads", graph.Int(q), "kv_num_heads", graph.Int(kv)}
}

var attentionCases = []opCase{
	{name: "one key", op: "Attention", in: ts(f32([]float32{1, 2}, 1, 1, 2, 1), f32([]float32{3}, 1, 1, 1, 1), f32([]float32{7, 8}, 1, 1, 1, 2)), want: ts(f32([]float32{7, 8, 7, 8}, 1, 1, 2, 2))},
	{name: "weights", op: "Attention", attrs: attrs("scale", graph.Float32(1)), in: ts(f32([]float32{ln2}, 1, 1, 1, 1), f32([]float32{0, 1}, 1, 1, 2, 1), f32([]float32{0, 3}, 1, 1, 2, 1)), want: ts(f32([]float32{2}, 1, 1, 1, 1))},
	{name: "grouped heads of rank 3", op: "Attention", attrs: zeroScale(heads(2, 1)...), in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{1, 2}, 1, 2, 1), f32([]float32{1, 3}, 1, 2, 1)), want: ts(f32([]float32{2, 2}, 1, 1, 2))},
	{name: "causal", op: "Attention", attrs: zeroScale("is_causal", graph.Int(1)), in: ts(f32([]float32{1, 2, 3}, 1, 1, 3, 1), f32([]float32{1, 2, 3}, 1, 1, 3, 1), f32([]float32{2, 4, inf}, 1, 1, 3, 1)), want: ts(f32([]float32{2, 3, inf}, 1, 1, 3, 1))},
	{name: "window", op: "Attention", attrs: zeroScale("left_window_size", graph.Int(0), "right_window_size", graph.Int(1)), in: ts(f32([]float32{1, 2, 3}, 1, 1, 3, 1), f32([]float32{1, 2, 3}, 1, 1, 3, 1), f32([]float32{2, 4, 8}, 1, 1, 3, 1)), want: ts(f32([]float32{3, 6, 8}, 1, 1, 3, 1))},
	{name: "past", op: "Attention", attrs: zeroScale("is_causal", graph.Int(1)), in: ts(f32([]float32{1}, 1, 1, 1, 1), f32([]float32{2}, 1, 1, 1, 1), f32([]float32{6}, 1, 1, 1, 1), nil, f32([]float32{1}, 1, 1, 1, 1), f32([]float32{4}, 1, 1, 1, 1)), want: ts(f32([]float32{5}, 1, 1, 1, 1), f32([]float32{1, 2}, 1, 1, 2, 1), f32([]float32{4, 6}, 1, 1, 2, 1))},
	{name: "past without present", op: "Attention", attrs: zeroScale(), in: ts(f32([]float32{1}, 1, 1, 1, 1), f32([]float32{2}, 1, 1, 1, 1), f32([]float32{6}, 1, 1, 1, 1), nil, f32([]float32{1}, 1, 1, 1, 1), f32([]float32{4}, 1, 1, 1, 1)), want: ts(f32([]float32{5}, 1, 1, 1, 1))},
	{name: "lengths", op: "Attention", attrs: zeroScale(), in: ts(f32([]float32{1, 1, 1}, 3, 1, 1, 1), f32([]float32{1, 1, 1, 1, 1, 1}, 3, 1, 2, 1), f32([]float32{2, nan, 3, 5, nan, nan}, 3, 1, 2, 1), nil, nil, nil, i64([]int64{1, 2, 0}, 3)), want: ts(f32([]float32{2, 4, 0}, 3, 1, 1, 1))},
	{name: "length too large", op: "Attention", in: ts(f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1), nil, nil, nil, i64([]int64{2}, 1)), wantErr: graph.ErrInput},
	{name: "masks", op: "Attention", attrs: zeroScale(), in: ts(f32([]float32{1, 1}, 1, 1, 2, 1), f32([]float32{1, 1}, 1, 1, 2, 1), f32([]float32{0, 3}, 1, 1, 2, 1), f32([]float32{0, ln2, -inf, -inf}, 2, 2)), want: ts(f32([]float32{2, 0}, 1, 1, 2, 1))},
	{name: "short mask of bools", op: "Attention", attrs: zeroScale(), in: ts(f32([]float32{1, 1}, 1, 1, 2, 1), f32([]float32{1, 1, 1}, 1, 1, 3, 1), f32([]float32{1, 3, nan}, 1, 1, 3, 1), tensor.Of([]bool{true, true, false, false}, 2, 2)), want: ts(f32([]float32{2, 0}, 1, 1, 2, 1))},
	{name: "softcap", op: "Attention", attrs: attrs("softcap", graph.Float32(1e-30)), in: ts(f32([]float32{1}, 1, 1, 1, 1), f32([]float32{0, 9}, 1, 1, 2, 1), f32([]float32{1, 3}, 1, 1, 2, 1)), want: ts(f32([]float32{2}, 1, 1, 1, 1))},
	{name: "ON11 heads", op: "Attention", in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{1, 2}, 1, 2, 1), f32([]float32{1, 3}, 1, 2, 1)), wantErr: graph.ErrModel},
	{name: "ON11 keys", op: "Attention", in: ts(f32([]float32{1, 2}, 1, 1, 1, 2), f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "ON11 mask", op: "Attention", in: ts(f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1), vec(1, 2)), wantErr: graph.ErrModel},
	{name: "window below -1", op: "Attention", attrs: attrs("left_window_size", graph.Int(-2)), in: ts(f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "double precision", op: "Attention", attrs: attrs("softmax_precision", graph.Int(11)), in: ts(f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1)), wantErr: graph.ErrUnsupported},
	{name: "rows first", domain: graph.DomainFused, op: "Attention", attrs: zeroScale(ops.AttrRowsFirst, graph.Str("qvy")), in: ts(f32([]float32{1, 2}, 1, 1, 2, 1), f32([]float32{1, 2, 3, 4}, 1, 2, 2, 1), f32([]float32{1, 2, 3, 4}, 1, 2, 2, 1), f32([]float32{0}, 1, 1, 1, 1)), want: ts(f32([]float32{2, 3}, 1, 1, 2, 1))},
}

var rotaryCases = []opCase{
	{name: "halves", op: "RotaryEmbedding", attrs: attrs("num_heads", graph.Int(1)), in: ts(f32([]float32{1, 2, 3, 4}, 1, 1, 4), f32([]float32{9, 9, 0, 1}, 2, 2), f32([]float32{9, 9, 1, 0}, 2, 2), i64([]int64{1}, 1, 1)), want: ts(f32([]float32{-3, 2, 1, 4}, 1, 1, 4))},
	{name: "pairs of rank 4, a table of each row", op: "RotaryEmbedding", attrs: attrs("interleaved", graph.Int(1), "rotary_embedding_dim", graph.Int(2)), in: ts(f32([]float32{1, 2, 3}, 1, 1, 1, 3), f32([]float32{0}, 1, 1, 1), f32([]float32{1}, 1, 1, 1)), want: ts(f32([]float32{-2, 1, 3}, 1, 1, 1, 3))},
	{name: "first position", domain: graph.DomainMicrosoft, op: "RotaryEmbedding", in: ts(f32([]float32{1, 2, 3, 4}, 1, 1, 4), i64([]int64{1}, 1), f32([]float32{9, 0}, 2, 1), f32([]float32{9, 1}, 2, 1)), want: ts(f32([]float32{-2, 1, -4, 3}, 1, 1, 4))},
	{name: "position", op: "RotaryEmbedding", attrs: attrs("num_heads", graph.Int(1)), in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{1}, 1, 1), f32([]float32{0}, 1, 1), i64([]int64{1}, 1, 1)), wantErr: graph.ErrInput},
	{name: "ON11 tables", op: "RotaryEmbedding", attrs: attrs("num_heads", graph.Int(1)), in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{1, 1}, 1, 2), f32([]float32{0, 0}, 1, 2), i64([]int64{0}, 1, 1)), wantErr: graph.ErrModel},
	{name: "scale", domain: graph.DomainMicrosoft, op: "RotaryEmbedding", attrs: attrs("scale", graph.Float32(2)), in: ts(f32([]float32{1, 2}, 1, 1, 2), i64([]int64{0}, 1), f32([]float32{1}, 1, 1), f32([]float32{0}, 1, 1)), wantErr: graph.ErrUnsupported},
}
