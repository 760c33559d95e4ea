//go:build unix

package contract

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// unary lists the functions dst[i] = f(x[i]).
var unary = []struct {
	name string
	f    func(dst, x []float32)
}{
	{"relu_f32", kernels.ReluF32},
	{"exp_f32", kernels.ExpF32},
	{"sigmoid_f32", kernels.SigmoidF32},
	{"tanh_f32", kernels.TanhF32},
	{"log_f32", kernels.LogF32},
	{"neg_f32", kernels.NegF32},
	{"abs_f32", kernels.AbsF32},
	{"sqrt_f32", kernels.SqrtF32},
	{"reciprocal_f32", kernels.ReciprocalF32},
	{"floor_f32", kernels.FloorF32},
	{"ceil_f32", kernels.CeilF32},
	{"round_f32", kernels.RoundF32},
	{"sign_f32", kernels.SignF32},
	{"erf_f32", kernels.ErfF32},
	{"gelu_f32", kernels.GeluF32},
	{"gelu_tanh_f32", kernels.GeluTanhF32},
	{"silu_f32", kernels.SiluF32},
	{"softplus_f32", kernels.SoftplusF32},
	{"hard_swish_f32", kernels.HardSwishF32},
	{"hard_sigmoid_f32", func(dst, x []float32) { kernels.HardSigmoidF32(dst, x, 0.2, 0.5) }},
	{"leaky_relu_f32", func(dst, x []float32) { kernels.LeakyReluF32(dst, x, 0.01) }},
	{"elu_f32", func(dst, x []float32) { kernels.EluF32(dst, x, 1.5) }},
	{"sin_f32", kernels.SinF32},
	{"cos_f32", kernels.CosF32},
	{"tan_f32", kernels.TanF32},
	{"atan_f32", kernels.AtanF32},
	{"mish_f32", kernels.MishF32},
	{"softsign_f32", kernels.SoftsignF32},
	{"selu_f32", func(dst, x []float32) { kernels.SeluF32(dst, x, 1.67326, 1.0507) }},
	{"celu_f32", func(dst, x []float32) { kernels.CeluF32(dst, x, 0.7) }},
	{"thresholded_relu_f32", func(dst, x []float32) { kernels.ThresholdedReluF32(dst, x, 0.5) }},
	{"shrink_f32", func(dst, x []float32) { kernels.ShrinkF32(dst, x, 0.25, 0.5) }},
	{"clip_f32", func(dst, x []float32) { kernels.ClipF32(dst, x, -1, 6) }},
}

// ownLoop lists the functions that cut long arrays themselves, and one of those that share a loop.
var ownLoop = []string{"relu_f32", "exp_f32", "sigmoid_f32", "tanh_f32", "neg_f32", "sin_f32"}

func checkUnary(c *checker) {
	for _, k := range unary {
		for i, n := range shortLengths() {
			if n > 1<<14 && !slices.Contains(ownLoop, k.name) {
				continue
			}
			c.name = fmt.Sprintf("%s n=%d", k.name, n)
			atStart := i%2 == 1
			x, got := buffer[float32](c, "x", n, atStart), buffer[float32](c, "dst", n, atStart)
			c.fillF32(x, []float64{10, 1, 1e-3}[i/2%3], i%3 > 0)
			want, before := make([]float32, n), slices.Clone(x)
			k.f(want, x)
			c.run(func() { k.f(got, x) })
			testkit.EqualF32(c.t, c.name, got, want)
			testkit.EqualF32(c.t, c.name+": x", x, before)
			c.run(func() { k.f(x, x) })
			testkit.EqualF32(c.t, c.name+" in place", x, want)
		}
	}
}
