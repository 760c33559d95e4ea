package kernelbench

import (
	"slices"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// gemmBF16 has the bf16 product, in the order of sums that each tier is fast at.
func gemmBF16() []Case {
	var cases []Case
	for _, s := range []struct{ m, n, k int }{
		{1, 128, 100}, {32, 128, 100}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048}, {4096, 4096, 4096},
		{128, 384, 384}, {128, 1536, 384}, {128, 384, 1536}, {1, 4096, 4096}, {8, 4096, 4096},
	} {
		c := gemmCase("gemm_bf16", s.m, s.n, s.k, 4, 2)
		c.peak = kernels.PeakBF16
		c.family = func(t cpu.Tier) string {
			switch {
			case t >= cpu.AMX:
				return "gemm_tile_bf16"
			case t >= cpu.VNNI && cpu.HasBF16():
				return "gemm_bf16dp"
			}
			return "gemm_bf16"
		}
		c.prepare = func(p *kernels.Pool) func() {
			a, out, bias := randomF32(s.m*s.k), make([]float32, s.m*s.n), randomF32(s.n)
			w := randomF32(s.k * s.n)
			var packed []*kernels.PackedBF16
			for range c.copies(2 * s.n * s.k) {
				packed = append(packed, kernels.PackBF16(s.k, s.n, w, s.n, 1))
			}
			i := 0
			return func() {
				packed[i].Tiles = kernels.Tier() >= cpu.AMX
				kernels.GemmBF16(p, s.m, a, s.k, packed[i], out, s.n, bias, &kernels.Epilogue{Act: kernels.ActRelu})
				i = (i + 1) % len(packed)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// gemmInteger has the product of signed matrices with a zero point for A, and with one for B too.
func gemmInteger() []Case {
	var cases []Case
	for _, s := range []struct{ m, n, k int }{{32, 128, 100}, {256, 256, 256}, {1024, 1024, 1024}, {128, 1536, 384}} {
		for _, zeroB := range []bool{false, true} {
			op := map[bool]string{false: "gemm_s8s8s32", true: "gemm_s8s8s32_zero"}[zeroB]
			c := gemmCase(op, s.m, s.n, s.k, 1, 1)
			c.peak = kernels.PeakU8S8
			c.family = func(t cpu.Tier) string {
				switch {
				case t >= cpu.AVX2 && t < cpu.VNNI:
					return "gemm_s16s8s32"
				case kernels.TakesTiles(t, s.m, s.n, s.k):
					return "gemm_tile_u8s8s32"
				}
				return "gemm_u8s8s32"
			}
			c.prepare = func(p *kernels.Pool) func() {
				a, w, dst := make([]uint8, s.m*s.k), make([]int8, s.k*s.n), make([]int32, s.m*s.n)
				for i := range a {
					a[i] = uint8(i * 7919 >> 3)
				}
				for i := range w {
					w[i] = int8(i * 7919 >> 4)
				}
				b, zero := kernels.PackS8(s.k, s.n, w, s.n, 1), kernels.ZeroPoints{A: []int32{3}}
				if zeroB {
					zero.B = slices.Repeat([]int32{5}, s.n)
				}
				return func() { kernels.GemmInteger(p, s.m, a, s.k, true, b, dst, s.n, zero) }
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// lowPrecisionForm has the signatures of the vector kernels around these products.
func lowPrecisionForm(f any) (form, bool) {
	switch f := f.(type) {
	case func(dst []uint16, x []float32):
		return form{6, func(n int) func() {
			x, dst := randomF32(n), make([]uint16, n)
			return func() { f(dst, x) }
		}}, true
	case func(dst, x []uint8, v uint32):
		return form{2, func(n int) func() {
			x, dst := make([]uint8, n), make([]uint8, n)
			return func() { f(dst, x, 0x80808080) }
		}}, true
	case func(c, x, y []int32, p, q int32):
		return form{16, func(n int) func() {
			c, x, y := make([]int32, n), make([]int32, n), make([]int32, n)
			return func() { f(c, x, y, 3, 5) }
		}}, true
	case func(dst, a []uint8, lda, m, k int, flip uint32):
		const rows = 32 // of A
		return form{2, func(n int) func() {
			a, dst := make([]uint8, n), make([]uint8, n)
			return func() { f(dst, a, n/rows, rows, n/rows, 0) }
		}}, true
	}
	return form{}, false
}
