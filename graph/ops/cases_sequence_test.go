package ops_test

import (
	"testing"

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
	{name: "precision", op: "Attention", attrs: zeroScale("softmax_precision", graph.Int(int64(tensor.Int8.ONNX()))), in: ts(count(1, 1, 1, 1), count(1, 1, 1, 1), count(1, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "scores", op: "Attention", attrs: attrs("scale", graph.Float32(0.5)), in: ts(f32([]float32{2, 4}, 1, 1, 2, 1), f32([]float32{3, 1}, 1, 1, 2, 1), count(1, 1, 2, 1)), want: ts(nil, nil, nil, f32([]float32{3, 1, 6, 2}, 1, 1, 2, 2))},
	{name: "scores, capped", op: "Attention", attrs: attrs("scale", graph.Float32(1), "softcap", graph.Float32(2), "qk_matmul_output_mode", graph.Int(1)), in: ts(f32([]float32{inf, 0}, 1, 1, 2, 1), f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1)), want: ts(nil, nil, nil, f32([]float32{2, 0}, 1, 1, 2, 1))},
	{name: "scores, masked", op: "Attention", attrs: attrs("scale", graph.Float32(1), "is_causal", graph.Int(1), "qk_matmul_output_mode", graph.Int(2)), in: ts(f32([]float32{2, 4}, 1, 1, 2, 1), f32([]float32{3, 1}, 1, 1, 2, 1), count(1, 1, 2, 1), f32([]float32{0, 10}, 1, 2)), want: ts(nil, nil, nil, f32([]float32{6, -inf, 12, 14}, 1, 1, 2, 2))},
	{name: "scores, shares of two heads to a key", op: "Attention", attrs: attrs("qk_matmul_output_mode", graph.Int(3)), in: ts(count(1, 2, 1, 1), f32([]float32{1, 1}, 1, 1, 2, 1), count(1, 1, 2, 1), tensor.Of([]bool{true, false, false, false}, 2, 1, 2)), want: ts(nil, nil, nil, f32([]float32{1, 0, 0, 0}, 1, 2, 1, 2))},
	{name: "scores, mode", op: "Attention", attrs: attrs("qk_matmul_output_mode", graph.Int(4)), in: ts(count(1, 1, 1, 1), count(1, 1, 1, 1), count(1, 1, 1, 1)), wantErr: graph.ErrModel},
	{name: "one for all", domain: graph.DomainFused, op: "Attention", attrs: zeroScale(), in: ts(f32([]float32{1}, 1, 1, 1, 1), f32([]float32{1, 2}, 1, 2, 1, 1), f32([]float32{1, 2, 3, 4}, 2, 2, 1, 1)), want: ts(f32([]float32{1, 2, 3, 4}, 2, 2, 1, 1))},
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

// affine makes a cell without curves: the first of its gates' activations is x, the others too.
func affine(cells int, more ...any) map[string]graph.Attr {
	names := make([]string, cells)
	for i := range names {
		names[i] = "Affine"
	}
	return attrs(append([]any{"activations", graph.Strs(names)}, more...)...)
}

// rnnIn are two steps of one row, x = 1 and 2, with W = 1 and R = 10 for every gate.
func rnnIn(gates int, more ...*tensor.Tensor) []*tensor.Tensor {
	w, r := make([]float32, gates), make([]float32, gates)
	for i := range w {
		w[i], r[i] = 1, 10
	}
	return append(ts(f32([]float32{1, 2}, 2, 1, 1), f32(w, 1, gates, 1), f32(r, 1, gates, 1)), more...)
}

var recurrentCases = []opCase{
	{name: "sum", op: "RNN", attrs: affine(1), consts: []int{1, 2}, in: rnnIn(1), want: ts(f32([]float32{1, 12}, 2, 1, 1, 1), f32([]float32{12}, 1, 1, 1))},
	{name: "reverse, bias, state", op: "RNN", attrs: affine(1, "direction", graph.Str("reverse"), "hidden_size", graph.Int(1)), consts: []int{1, 2, 3}, in: rnnIn(1, f32([]float32{100, 200}, 1, 2), nil, f32([]float32{1}, 1, 1, 1)), want: ts(f32([]float32{3421, 312}, 2, 1, 1, 1), f32([]float32{3421}, 1, 1, 1))},
	{name: "length", op: "RNN", attrs: affine(1), consts: []int{1, 2}, in: rnnIn(1, nil, tensor.Of([]int32{1}, 1)), want: ts(f32([]float32{1, 0}, 2, 1, 1, 1), f32([]float32{1}, 1, 1, 1))},
	{name: "clip", op: "RNN", attrs: affine(1, "clip", graph.Float32(5)), consts: []int{1, 2}, in: rnnIn(1), want: ts(f32([]float32{1, 5}, 2, 1, 1, 1))},
	{name: "both directions, batch first", op: "RNN", attrs: affine(2, "direction", graph.Str("bidirectional"), "layout", graph.Int(1)), consts: []int{1, 2}, in: ts(f32([]float32{1, 2, 3, 4}, 2, 2, 1), f32([]float32{1, 1}, 2, 1, 1), f32([]float32{10, 10}, 2, 1, 1)), want: ts(f32([]float32{1, 21, 12, 2, 3, 43, 34, 4}, 2, 2, 2, 1), f32([]float32{12, 21, 34, 43}, 2, 2, 1))},
	{name: "leaky", op: "RNN", attrs: attrs("activations", graph.Strs([]string{"LeakyRelu"}), "activation_alpha", graph.Floats([]float32{0.5})), consts: []int{1, 2}, in: ts(f32([]float32{-1, 2}, 2, 1, 1), f32([]float32{2}, 1, 1, 1), f32([]float32{0}, 1, 1, 1)), want: ts(f32([]float32{-1, 4}, 2, 1, 1, 1))},
	{name: "wave", op: "RNN", consts: []int{1, 2}, in: ts(f32([]float32{0, inf}, 2, 1, 1), f32([]float32{1}, 1, 1, 1), f32([]float32{0}, 1, 1, 1)), want: ts(f32([]float32{0, 1}, 2, 1, 1, 1))},
	// z = r = h~ = x + 10h: 1 and 0·1 + 1·0 = 0 first, as 1 − z = 0; then z = 2 and −1·2 + 2·0 = −2.
	{name: "straight", op: "GRU", attrs: affine(2), consts: []int{1, 2}, in: rnnIn(3), want: ts(f32([]float32{0, -2}, 2, 1, 1, 1), f32([]float32{-2}, 1, 1, 1))},
	// With h = 1: z = r = 11, h~ = 1 + 10·11 = 111, (1 − 11)·111 + 11 = −1099.
	{name: "reset before", op: "GRU", attrs: affine(2), consts: []int{1, 2}, in: ts(f32([]float32{1}, 1, 1, 1), rnnIn(3)[1], rnnIn(3)[2], nil, nil, f32([]float32{1}, 1, 1, 1)), want: ts(f32([]float32{-1099}, 1, 1, 1, 1))},
	// h~ = 11·(10 + 5) + 1 = 166.
	{name: "reset after", op: "GRU", attrs: affine(2, "linear_before_reset", graph.Int(1)), consts: []int{1, 2, 3}, in: ts(f32([]float32{1}, 1, 1, 1), rnnIn(3)[1], rnnIn(3)[2], f32([]float32{0, 0, 0, 0, 0, 5}, 1, 6), nil, f32([]float32{1}, 1, 1, 1)), want: ts(f32([]float32{-1649}, 1, 1, 1, 1))},
	// i = o = f = g = x + 10h: c = 1, h = 1; then all 12: c = 12 + 144, h = 12·156.
	{name: "straight", op: "LSTM", attrs: affine(3), consts: []int{1, 2}, in: rnnIn(4), want: ts(f32([]float32{1, 1872}, 2, 1, 1, 1), f32([]float32{1872}, 1, 1, 1), f32([]float32{156}, 1, 1, 1))},
	// Peepholes of 1, 2, 3 and c = 1: i = 2, f = 4, c = 4 + 2, o = 1 + 2·6, h = 13·6.
	{name: "peepholes and cell", op: "LSTM", attrs: affine(3), consts: []int{1, 2, 7}, in: ts(f32([]float32{1}, 1, 1, 1), rnnIn(4)[1], rnnIn(4)[2], nil, nil, nil, f32([]float32{1}, 1, 1, 1), f32([]float32{1, 2, 3}, 1, 3)), want: ts(f32([]float32{78}, 1, 1, 1, 1))},
	// f = 1 − i = 0: c = 1.
	{name: "coupled", op: "LSTM", attrs: affine(3, "input_forget", graph.Int(1)), consts: []int{1, 2}, in: ts(f32([]float32{1}, 1, 1, 1), rnnIn(4)[1], rnnIn(4)[2], nil, nil, nil, f32([]float32{9}, 1, 1, 1)), want: ts(f32([]float32{1}, 1, 1, 1, 1))},
	{name: "no steps", op: "LSTM", consts: []int{1, 2}, in: ts(f32(nil, 0, 1, 1), rnnIn(4)[1], rnnIn(4)[2]), want: ts(f32(nil, 0, 1, 1, 1), f32([]float32{0}, 1, 1, 1))},
	{name: "ON11 huge batch", op: "LSTM", consts: []int{1, 2}, in: ts(f32(nil, 0, 1<<60, 1), rnnIn(4)[1], rnnIn(4)[2]), wantErr: graph.ErrLimit},
	{name: "length", op: "GRU", consts: []int{1, 2}, in: rnnIn(3, nil, tensor.Of([]int32{3}, 1)), wantErr: graph.ErrInput},
	{name: "ON11 hidden size", op: "GRU", attrs: attrs("hidden_size", graph.Int(2)), consts: []int{1, 2}, in: rnnIn(3), wantErr: graph.ErrModel},
	{name: "ON11 weights", op: "LSTM", consts: []int{1, 2}, in: rnnIn(3), wantErr: graph.ErrModel},
	{name: "free weights", op: "LSTM", attrs: affine(3), consts: []int{1}, in: rnnIn(4), want: ts(f32([]float32{1, 1872}, 2, 1, 1, 1), f32([]float32{1872}, 1, 1, 1), f32([]float32{156}, 1, 1, 1))},
	{name: "float16", op: "RNN", attrs: attrs("activations", graph.Strs([]string{"Relu"})), consts: []int{1, 2}, in: ts(tensor.Of([]tensor.F16{halfOne, halfOne}, 2, 1, 1), tensor.Of([]tensor.F16{halfOne}, 1, 1, 1), tensor.Of([]tensor.F16{halfOne}, 1, 1, 1)), want: ts(tensor.Of([]tensor.F16{halfOne, halfTwo}, 2, 1, 1, 1), tensor.Of([]tensor.F16{halfTwo}, 1, 1, 1))},
	{name: "activation", op: "RNN", attrs: attrs("activations", graph.Strs([]string{"Sine"})), consts: []int{1, 2}, in: rnnIn(1), wantErr: graph.ErrUnsupported},
	{name: "direction", op: "RNN", attrs: attrs("direction", graph.Str("up")), consts: []int{1, 2}, in: rnnIn(1), wantErr: graph.ErrModel},
}

func i32(v ...int32) *tensor.Tensor { return tensor.Of(v, len(v)) }

// groupQuery attends equally: scale is next to nothing.
func groupQuery(more ...any) map[string]graph.Attr {
	return attrs(append([]any{"num_heads", graph.Int(2), "kv_num_heads", graph.Int(1), "scale", graph.Float32(1e-30)}, more...)...)
}

var groupQueryCases = []opCase{
	{name: "prompt", domain: graph.DomainMicrosoft, op: "GroupQueryAttention", attrs: groupQuery(), in: ts(f32([]float32{1, 1, 1, 1}, 1, 2, 2), f32([]float32{5, 6}, 1, 2, 1), f32([]float32{2, 4}, 1, 2, 1), nil, nil, i32(1), i32(2)), want: ts(f32([]float32{2, 2, 3, 3}, 1, 2, 2), f32([]float32{5, 6}, 1, 1, 2, 1), f32([]float32{2, 4}, 1, 1, 2, 1))},
	{name: "packed behind a past of two lengths", domain: graph.DomainMicrosoft, op: "GroupQueryAttention", attrs: groupQuery(), in: ts(f32([]float32{1, 1, 7, 6, 1, 1, 8, 6}, 2, 1, 4), nil, nil, f32([]float32{1, 2, 3, 4}, 2, 1, 2, 1), f32([]float32{0, 3, 0, 9}, 2, 1, 2, 1), i32(2, 1), i32(3)), want: ts(f32([]float32{3, 3, 3, 3}, 2, 1, 2), f32([]float32{1, 2, 7, 3, 8, 0}, 2, 1, 3, 1), f32([]float32{0, 3, 6, 0, 6, 0}, 2, 1, 3, 1))},
	{name: "rotary", domain: graph.DomainMicrosoft, op: "GroupQueryAttention", attrs: attrs("num_heads", graph.Int(1), "kv_num_heads", graph.Int(1), "do_rotary", graph.Int(1)), in: ts(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{3, 4}, 1, 1, 2), f32([]float32{5, 6}, 1, 1, 2), nil, nil, i32(0), i32(1), f32([]float32{0}, 1, 1), f32([]float32{1}, 1, 1)), want: ts(f32([]float32{5, 6}, 1, 1, 2), f32([]float32{-4, 3}, 1, 1, 1, 2), f32([]float32{5, 6}, 1, 1, 1, 2))},
	{name: "shared buffer", domain: graph.DomainMicrosoft, op: "GroupQueryAttention", attrs: groupQuery(), in: ts(f32([]float32{1, 1}, 1, 1, 2), f32([]float32{5}, 1, 1, 1), f32([]float32{2}, 1, 1, 1), f32([]float32{1, 0}, 1, 1, 2, 1), f32([]float32{1, 0}, 1, 1, 2, 1), i32(1), i32(2)), wantErr: graph.ErrInput},
	{name: "length", domain: graph.DomainMicrosoft, op: "GroupQueryAttention", attrs: groupQuery(), in: ts(f32([]float32{1, 1}, 1, 1, 2), f32([]float32{5}, 1, 1, 1), f32([]float32{2}, 1, 1, 1), nil, nil, i32(1), i32(1)), wantErr: graph.ErrInput},
	{name: "ON11 heads", domain: graph.DomainMicrosoft, op: "GroupQueryAttention", attrs: groupQuery("kv_num_heads", graph.Int(3)), in: ts(f32([]float32{1, 1}, 1, 1, 2), nil, nil, nil, nil, i32(0), i32(1)), wantErr: graph.ErrModel},
	{name: "sink", domain: graph.DomainMicrosoft, op: "GroupQueryAttention", attrs: groupQuery(), in: ts(f32([]float32{1, 1}, 1, 1, 2), f32([]float32{5}, 1, 1, 1), f32([]float32{2}, 1, 1, 1), nil, nil, i32(0), i32(1), nil, nil, nil, nil, vec(1, 1)), wantErr: graph.ErrUnsupported},
}

// TestHugeAndEmpty: a shape without elements may say any number of rows, which nothing loops over. Not among the cases, whose rows a test
// goes through.
func TestHugeAndEmpty(t *testing.T) {
	for _, c := range []opCase{
		{name: "ON11 huge and empty", op: "Attention", in: ts(f32(nil, 1<<60, 1, 0, 1), f32(nil, 1<<60, 1, 0, 1), f32(nil, 1<<60, 1, 0, 1)), want: ts(f32(nil, 1<<60, 1, 0, 1))},
		{name: "ON11 huge and empty cache", op: "Attention", in: ts(f32(nil, 1<<60, 1, 0, 1), f32(nil, 1<<60, 1, 0, 1), f32(nil, 1<<60, 1, 0, 1)), want: ts(f32(nil, 1<<60, 1, 0, 1), f32(nil, 1<<60, 1, 0, 1), f32(nil, 1<<60, 1, 0, 1))},
		{name: "ON11 huge and empty", op: "RotaryEmbedding", in: ts(f32(nil, 1<<60, 1, 0, 2), f32(nil, 0, 1), f32(nil, 0, 1), i64(nil, 1<<60, 0)), want: ts(f32(nil, 1<<60, 1, 0, 2))},
	} {
		got, err := c.run()
		if err != nil {
			t.Fatalf("%s %s: %v", c.op, c.name, err)
		}
		for i, want := range c.want {
			if d := diff(got[i], want); d != "" {
				t.Errorf("%s %s: output %d: %s", c.op, c.name, i, d)
			}
		}
	}
}
