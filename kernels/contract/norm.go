//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkNorm runs every normalisation over [2 × 6 × n], apart and in place.
func checkNorm(c *checker) {
	const batch, channels = 2, 6
	for i, n := range []int{1, 2, 7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 130, 1009, 2731} {
		size := batch * channels * n
		x, got := buffer[float32](c, "x", size, i%2 == 1), buffer[float32](c, "dst", size, i%2 == 1)
		scale, bias := buffer[float32](c, "scale", channels*n, i%2 == 1), buffer[float32](c, "bias", channels*n, i%2 == 1)
		scratch := make([]float32, max(channels*n, kernels.SoftmaxScratch(n)))
		for _, k := range []struct {
			name string
			f    func(dst, x []float32)
		}{
			{"layer_norm_f32", func(dst, x []float32) { kernels.LayerNormF32(nil, dst, x, scale, bias, batch, channels*n, 1e-5) }},
			{"layer_norm_f32 without bias", func(dst, x []float32) { kernels.LayerNormF32(nil, dst, x, scale, nil, batch, channels*n, 1e-5) }},
			{"rms_norm_f32", func(dst, x []float32) { kernels.RMSNormF32(nil, dst, x, scale, batch, channels*n, 1e-5) }},
			{"group_norm_f32", func(dst, x []float32) { kernels.GroupNormF32(dst, x, scale, bias, batch, channels, 3, n, 1e-5) }},
			{"batch_norm_f32", func(dst, x []float32) { kernels.BatchNormF32(dst, x, scale, bias, batch, channels, n) }},
			{"log_softmax_f32", func(dst, x []float32) { kernels.LogSoftmaxF32(dst, x, batch, channels*n, scratch) }},
			{"softmax_axis_f32", func(dst, x []float32) { kernels.SoftmaxAxisF32(dst, x, batch, channels, n, false, scratch) }},
			{"log_softmax_axis_f32", func(dst, x []float32) { kernels.SoftmaxAxisF32(dst, x, batch, channels, n, true, scratch) }},
		} {
			c.name = fmt.Sprintf("%s n=%d", k.name, n)
			c.fillF32(x, 3, i%5 == 4)
			c.fillF32(scale, 1, i%5 == 3)
			c.fillF32(bias, 1, i%5 == 3)
			want := make([]float32, size)
			k.f(want, x)
			c.run(func() { k.f(got, x) })
			testkit.EqualF32(c.t, c.name, got, want)
			c.run(func() { k.f(x, x) })
			testkit.EqualF32(c.t, c.name+" in place", x, want)
		}
	}
}
