//go:build unix

package contract

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkRotary runs both layouts of pairs: interleaved pairs rotate to the same numbers.
func checkRotary(c *checker) {
	for i, n := range lengths() {
		if n > 4100 {
			continue
		}
		c.name = fmt.Sprintf("rotary n=%d", n)
		atStart := i%2 == 1
		x, got := buffer[float32](c, "x", 2*n, atStart), buffer[float32](c, "dst", 2*n, atStart)
		cos, sin := buffer[float32](c, "cos", n, atStart), buffer[float32](c, "sin", n, atStart)
		for _, v := range [][]float32{x, cos, sin} {
			c.fillF32(v, 1, i%3 > 0)
		}
		want, before := make([]float32, 2*n), slices.Clone(x)
		for j := range n {
			want[j] = kernels.FMAF32(x[j], cos[j], -(x[n+j] * sin[j]))
			want[n+j] = kernels.FMAF32(x[n+j], cos[j], x[j]*sin[j])
		}
		c.run(func() { kernels.RotaryF32(got, x, cos, sin) })
		testkit.EqualF32(c.t, c.name, got, want)
		testkit.EqualF32(c.t, c.name+": x", x, before)
		c.run(func() { kernels.RotaryF32(x, x, cos, sin) })
		testkit.EqualF32(c.t, c.name+" in place", x, want)

		cos2, sin2 := buffer[float32](c, "cos2", 2*n, atStart), buffer[float32](c, "sin2", 2*n, atStart)
		kernels.RotaryTables(cos2, sin2, cos, sin)
		pairs := make([]float32, 2*n)
		for j := range n {
			x[2*j], x[2*j+1], pairs[2*j], pairs[2*j+1] = before[j], before[n+j], want[j], want[n+j]
		}
		c.run(func() { kernels.RotaryPairsF32(got, x, cos2, sin2) })
		testkit.EqualF32(c.t, c.name+" pairs", got, pairs)
		c.run(func() { kernels.RotaryPairsF32(x, x, cos2, sin2) })
		testkit.EqualF32(c.t, c.name+" pairs in place", x, pairs)
	}
}

func checkBlend(c *checker) {
	for i, n := range lengths() {
		if n > 4100 {
			continue
		}
		c.name = fmt.Sprintf("blend n=%d", n)
		in := make([][]float32, 4)
		for j := range in {
			in[j] = buffer[float32](c, string(rune('a'+j)), n, i%2 == 1)
			c.fillF32(in[j], 1, i%3 > 0)
		}
		got, want := buffer[float32](c, "dst", n, i%2 == 1), make([]float32, n)
		for j := range want {
			want[j] = kernels.FMAF32(in[0][j], in[1][j], in[2][j]*in[3][j])
		}
		c.run(func() { kernels.BlendF32(got, in[0], in[1], in[2], in[3]) })
		testkit.EqualF32(c.t, c.name, got, want)
		c.run(func() { kernels.BlendF32(in[i%4], in[0], in[1], in[2], in[3]) })
		testkit.EqualF32(c.t, c.name+" in place", in[i%4], want)
	}
}
