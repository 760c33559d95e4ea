package kernelbench

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// sequence has attention of MiniLM, of long prompts and of one token behind a cache, rotary embedding, and the cells of recurrent networks at
// the size of a voice-activity model.
func sequence() []Case {
	product := func(cpu.Tier) string { return "gemm_f32" }
	var cases []Case
	for _, s := range []struct{ heads, kv, rows, keys, dim, right int }{
		{12, 12, 128, 128, 32, -1}, {12, 12, 512, 512, 64, -1}, {8, 8, 2048, 2048, 64, 0}, {32, 8, 1, 4096, 128, -1},
	} {
		pairs := float64(s.heads * s.rows * s.keys)
		if s.right == 0 {
			pairs = float64(s.heads) * float64(s.rows) * float64(s.rows+1) / 2
		}
		cases = append(cases, Case{
			Op: "attention_f32", Shape: fmt.Sprintf("%dx%dx%dx%dx%d", s.heads, s.kv, s.rows, s.keys, s.dim), Flops: 4 * pairs * float64(s.dim),
			Bytes: float64(8 * s.dim * (s.heads*s.rows + s.kv*s.keys)), peak: kernels.PeakF32, family: product, slow: true,
			prepare: func(p *kernels.Pool) func() {
				a := &kernels.Attention{Batch: 1, Heads: s.heads, KVHeads: s.kv, Rows: s.rows, Keys: s.keys, Dim: s.dim, ValueDim: s.dim, Scale: 0.125,
					Q: kernels.HeadStrides{Head: s.rows * s.dim, Row: s.dim}, K: kernels.HeadStrides{Head: s.keys * s.dim, Row: s.dim}, Left: -1, Right: s.right}
				a.Out, a.V = a.Q, a.K
				q, k, v := randomF32(s.heads*s.rows*s.dim), randomF32(s.kv*s.keys*s.dim), randomF32(s.kv*s.keys*s.dim)
				out, scratch := make([]float32, len(q)), make([]float32, a.Scratch(p.Threads()))
				return func() { kernels.AttentionF32(p, out, q, k, v, a, scratch) }
			},
		})
	}
	for _, s := range []struct {
		cell                        kernels.Cell
		batch, steps, input, hidden int
	}{{kernels.CellLSTM, 1, 32, 64, 128}, {kernels.CellLSTM, 16, 32, 128, 256}, {kernels.CellGRU, 1, 32, 64, 128}} {
		weights := s.cell.Gates() * s.hidden * (s.input + s.hidden)
		cases = append(cases, Case{
			Op: []string{"rnn_f32", "gru_f32", "lstm_f32"}[s.cell], Shape: fmt.Sprintf("%dx%dx%dx%d", s.batch, s.steps, s.input, s.hidden),
			Flops: 2 * float64(s.batch*s.steps*weights), Bytes: float64(4 * weights), peak: kernels.PeakF32, family: product, slow: true,
			prepare: func(p *kernels.Pool) func() {
				n := s.cell.Gates() * s.hidden
				net := kernels.NewRecurrent(kernels.RecurrentOptions{Cell: s.cell, F: kernels.SigmoidF32, G: kernels.TanhF32, H: kernels.TanhF32}, s.input, s.hidden,
					randomF32(n*s.input), randomF32(n*s.hidden), randomF32(2*n), nil)
				q := &kernels.Sequence{Steps: s.steps, Batch: s.batch, X: randomF32(s.steps * s.batch * s.input), XStep: s.batch * s.input, XRow: s.input,
					Y: make([]float32, s.steps*s.batch*s.hidden), YStep: s.batch * s.hidden, YRow: s.hidden}
				scratch := make([]float32, net.Scratch(s.batch))
				return func() { net.Run(p, q, scratch) }
			},
		})
	}
	for _, d := range kernels.Dispatchers() {
		const rows, scores, dim = 64, 512, 64 // a block of attention
		switch f := d.Func.(type) {
		case func(x, sums []float32, rows, cols, ld int):
			cases = append(cases, Case{
				Op: d.Family, Shape: fmt.Sprintf("%dx%d", rows, scores), Bytes: 8 * rows * scores, family: func(cpu.Tier) string { return d.Family },
				prepare: func(*kernels.Pool) func() {
					x, sums := randomF32(rows*scores), make([]float32, rows)
					return func() { f(x, sums, rows, scores, scores) }
				},
			})
		case func(dst, x, factors []float32, rows, cols, ldd, ldx int):
			cases = append(cases, Case{
				Op: d.Family, Shape: fmt.Sprintf("%dx%d", rows, dim), Bytes: 8 * rows * dim, family: func(cpu.Tier) string { return d.Family },
				prepare: func(*kernels.Pool) func() {
					dst, x, factors := make([]float32, rows*dim), randomF32(rows*dim), randomF32(rows)
					return func() { f(dst, x, factors, rows, dim, dim, dim) }
				},
			})
		}
	}
	for _, op := range []string{"rotary_f32", "rotary_pairs_f32"} {
		for _, n := range []int{64, 4096} {
			cases = append(cases, Case{
				Op: op, Shape: fmt.Sprint(n), Bytes: float64(16 * n), family: func(cpu.Tier) string { return op },
				prepare: func(*kernels.Pool) func() {
					x, dst, cos, sin := randomF32(2*n), make([]float32, 2*n), randomF32(2*n), randomF32(2*n)
					if op == "rotary_f32" {
						return func() { kernels.RotaryF32(dst, x, cos[:n], sin[:n]) }
					}
					return func() { kernels.RotaryPairsF32(dst, x, cos, sin) }
				},
			})
		}
	}
	return append(cases, Case{
		Op: "blend_f32", Shape: "4096", Bytes: 20 * 4096, family: func(cpu.Tier) string { return "blend_f32" },
		prepare: func(*kernels.Pool) func() {
			dst, a, b, c, d := make([]float32, 4096), randomF32(4096), randomF32(4096), randomF32(4096), randomF32(4096)
			return func() { kernels.BlendF32(dst, a, b, c, d) }
		},
	})
}
