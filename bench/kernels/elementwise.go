package kernelbench

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// rows has what transformers do to whole rows, and the functions of elements between, at the activations of a small encoder and at one
// row far beyond the first-level cache.
func rows() []Case {
	var cases []Case
	for _, s := range []struct{ rows, cols int }{{128, 384}, {1, 262144}} {
		n := s.rows * s.cols
		for _, k := range []struct {
			op, family string
			f          func(dst, x, scale, bias []float32)
		}{
			{"softmax_f32", "exp_sum_f32", func(dst, x, _, _ []float32) { kernels.SoftmaxF32(dst, x, s.rows, s.cols) }},
			{"layer_norm_f32", "norm_f32", func(dst, x, scale, bias []float32) {
				kernels.LayerNormF32(nil, dst, x, scale, bias, s.rows, s.cols, 1e-5)
			}},
			{"rms_norm_f32", "norm_f32", func(dst, x, scale, _ []float32) { kernels.RMSNormF32(nil, dst, x, scale, s.rows, s.cols, 1e-5) }},
			{"gelu_f32", "gelu_f32", func(dst, x, _, _ []float32) { kernels.GeluF32(dst, x) }},
			{"gelu_tanh_f32", "gelu_tanh_f32", func(dst, x, _, _ []float32) { kernels.GeluTanhF32(dst, x) }},
			{"exp_f32", "exp_f32", func(dst, x, _, _ []float32) { kernels.ExpF32(dst, x) }},
		} {
			cases = append(cases, Case{
				Op: k.op, Shape: fmt.Sprintf("%dx%d", s.rows, s.cols), Bytes: float64(8 * n), slow: true,
				family: func(cpu.Tier) string { return k.family },
				prepare: func(*kernels.Pool) func() {
					x, dst, scale, bias := randomF32(n), make([]float32, n), randomF32(s.cols), randomF32(s.cols)
					return func() { k.f(dst, x, scale, bias) }
				},
			})
		}
	}
	return cases
}

// resize has both passes of doubling a 64 × 56 × 56 image by linear interpolation.
func resize() []Case {
	const planes, size = 64, 56
	from := func(o int) int { return min(max(o-1, 0)/2, size-2) }
	return []Case{
		{
			Op: "weighted_rows_f32", Shape: fmt.Sprintf("%dx%dx%d", planes, size, 2*size), Bytes: 4 * planes * size * 2 * size * 3,
			family: func(cpu.Tier) string { return "weighted_rows_f32" },
			prepare: func(*kernels.Pool) func() {
				x, dst, w, at := randomF32(planes*size*2*size), make([]float32, planes*4*size*size), []float32{0.25, 0.75}, make([]int64, 2)
				return func() {
					for p := range planes {
						for o := range 2 * size {
							at[0], at[1] = int64(from(o)*2*size), int64((from(o)+1)*2*size)
							to := (p*2*size + o) * 2 * size
							kernels.WeightedRowsF32(dst[to:to+2*size], x[p*2*size*size:(p+1)*2*size*size], w, at)
						}
					}
				}
			},
		},
		{
			Op: "weighted_taps_f32", Shape: fmt.Sprintf("%dx%dx%d", planes, size, size), Bytes: 4 * planes * size * size * 3,
			family: func(cpu.Tier) string { return "weighted_taps_f32" },
			prepare: func(*kernels.Pool) func() {
				x, dst, w, at := randomF32(planes*size*size), make([]float32, planes*size*2*size), randomF32(4*size), make([]int32, 4*size)
				for o := range 2 * size {
					at[o], at[2*size+o] = int32(from(o)), int32(from(o)+1)
				}
				return func() {
					for r := range planes * size {
						kernels.WeightedTapsF32(dst[r*2*size:(r+1)*2*size], x[r*size:(r+1)*size], w, at, 2)
					}
				}
			},
		},
	}
}
