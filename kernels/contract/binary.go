//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

func checkBinary(c *checker) {
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
		{"prelu_f32", kernels.PReluF32},
		{"pow_f32", kernels.PowF32},
	} {
		for i, n := range shortLengths() {
			if n > 1<<14 && k.name != "add_f32" { // they share one loop
				continue
			}
			for _, form := range []struct{ a, b int }{{n, n}, {n, 1}, {1, n}} {
				c.name = fmt.Sprintf("%s n=%d a=%d b=%d", k.name, n, form.a, form.b)
				atStart := i%2 == 1
				a, b := buffer[float32](c, "a", form.a, atStart), buffer[float32](c, "b", form.b, atStart)
				got, want := buffer[float32](c, "dst", n, atStart), make([]float32, n)
				c.fillF32(a, 3, i%3 > 0)
				c.fillF32(b, 3, i%3 > 0)
				k.f(want, a, b)
				c.run(func() { k.f(got, a, b) })
				testkit.EqualF32(c.t, c.name, got, want)
				for _, in := range [][]float32{a, b} {
					if len(in) == n && n > 1 {
						c.run(func() { k.f(in, a, b) })
						testkit.EqualF32(c.t, c.name+" in place", in, want)
						break
					}
				}
			}
		}
	}
}
