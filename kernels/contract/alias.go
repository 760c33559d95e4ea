//go:build unix

package contract

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkAlias covers what doc comments allow beyond writing over the first operand: a result over the second, one operand given twice, and
// all three the same.
func checkAlias(c *checker) {
	for _, k := range []struct {
		name string
		f    func(dst, a, b []float32)
	}{
		{"add_f32", kernels.AddF32},
		{"sub_f32", kernels.SubF32},
		{"mul_f32", kernels.MulF32},
		{"div_f32", kernels.DivF32},
		{"maximum_f32", kernels.MaximumF32},
		{"minimum_f32", kernels.MinimumF32},
		{"pow_f32", kernels.PowF32},
		{"affine_f32 of the second", func(dst, _, b []float32) { kernels.AffineF32(dst, b, 0.5, 2, -1) }},
	} {
		for i, n := range []int{1, 7, 8, 15, 33, 64, 67, 1009} {
			c.name = fmt.Sprintf("%s n=%d", k.name, n)
			a, b := buffer[float32](c, "a", n, i%2 == 1), buffer[float32](c, "b", n, i%2 == 0)
			c.fillF32(a, 3, i%3 > 0)
			c.fillF32(b, 3, i%3 > 0)
			want, twice, before := make([]float32, n), make([]float32, n), slices.Clone(b)
			k.f(want, a, b)
			k.f(twice, b, b)
			got := buffer[float32](c, "dst", n, i%2 == 1)
			c.run(func() { k.f(got, b, b) })
			testkit.EqualF32(c.t, c.name+" of one operand twice", got, twice)
			c.run(func() { k.f(b, a, b) })
			testkit.EqualF32(c.t, c.name+" over the second operand", b, want)
			copy(b, before)
			c.run(func() { k.f(b, b, b) })
			testkit.EqualF32(c.t, c.name+" over both", b, twice)
		}
	}
}
