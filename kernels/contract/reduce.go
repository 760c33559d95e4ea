//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkReduceRows compares the reductions of contiguous elements with the reference, and SumF32 with its definition.
func checkReduceRows(c *checker) {
	for _, k := range []struct {
		name string
		f    func(x []float32) float32
	}{
		{"sum_f32", kernels.SumF32},
		{"sum_abs_f32", kernels.SumAbsF32},
		{"sum_square_f32", func(x []float32) float32 { return kernels.SumSquareF32(x, 0.25) }},
		{"prod_f32", kernels.ProdF32},
		{"max_f32", kernels.MaxF32},
		{"min_f32", kernels.MinF32},
		{"amax_f32", kernels.AmaxF32},
	} {
		for i, n := range lengths() {
			c.name = fmt.Sprintf("%s n=%d", k.name, n)
			x := buffer[float32](c, "x", n, i%2 == 1)
			c.fillF32(x, 1, i%5 == 4)
			want := k.f(x)
			if k.name == "sum_f32" {
				want = stripedSum(x)
			}
			var got float32
			c.run(func() { got = k.f(x) })
			testkit.EqualF32(c.t, c.name, []float32{got}, []float32{want})
		}
	}
}

// checkReduceAxis covers chains, segments of them, and blocks of columns.
func checkReduceAxis(c *checker) {
	for r := kernels.ReduceSum; r <= kernels.ReduceMin; r++ {
		for i, s := range []struct{ outer, n, inner int }{
			{2, 0, 3}, {1, 1, 2}, {3, 5, 1}, {2, 7, 33}, {1, 3, 1029}, {1, 4096, 2}, {1, 8195, 3}, {0, 4, 4},
		} {
			if s.n > 100 && r != kernels.ReduceSum {
				continue // they share the loops
			}
			c.name = fmt.Sprintf("reduction %d %v", r, s)
			atStart := i%2 == 1
			x, got := buffer[float32](c, "x", s.outer*s.n*s.inner, atStart), buffer[float32](c, "dst", s.outer*s.inner, atStart)
			scratch := make([]float32, kernels.ReduceScratch(s.n, s.inner))
			c.fillF32(x, 1, i%3 == 2)
			want := make([]float32, len(got))
			kernels.ReduceF32(r, want, x, s.outer, s.n, s.inner, scratch)
			if r == kernels.ReduceSum && s.inner > 1 {
				testkit.EqualF32(c.t, c.name+" definition", want, chainedSum(x, s.outer, s.n, s.inner))
			}
			c.run(func() { kernels.ReduceF32(r, got, x, s.outer, s.n, s.inner, scratch) })
			testkit.EqualF32(c.t, c.name, got, want)
		}
	}
}

// chainedSum is the definition of a sum over another than the last axis.
func chainedSum(x []float32, outer, n, inner int) []float32 {
	dst := make([]float32, outer*inner)
	for i := range dst {
		for first := 0; first < n; first += 4096 {
			var chain float32
			for k := first; k < min(n, first+4096); k++ {
				chain += x[(i/inner*n+k)*inner+i%inner]
			}
			if first == 0 {
				dst[i] = chain
			} else {
				dst[i] += chain
			}
		}
	}
	return dst
}
