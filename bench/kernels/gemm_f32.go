package kernelbench

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// gemmF32 has packed weights and a bias and relu: the 100-128-64-1 network, squares, the layers of MiniLM at 16, 128 and 1024 tokens, the
// classifier and 1×1 convolutions of ResNet-50 as products, and few rows by many weights.
func gemmF32() []Case {
	var cases []Case
	for _, s := range []struct{ m, n, k int }{
		{1, 128, 100}, {8, 128, 100}, {32, 128, 100}, {1, 64, 128}, {8, 64, 128}, {32, 64, 128}, {1, 1, 64}, {8, 1, 64}, {32, 1, 64},
		{64, 64, 64}, {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048}, {4096, 4096, 4096},
		{1, 1536, 384}, {2, 1536, 384}, {4, 1536, 384}, {8, 1536, 384},
		{16, 384, 384}, {16, 1536, 384}, {16, 384, 1536}, {128, 384, 384}, {128, 1536, 384}, {128, 384, 1536}, {1024, 1536, 384}, {1024, 384, 1536},
		{1, 1000, 2048}, {8, 1000, 2048}, {32, 1000, 2048}, {3136, 256, 64}, {784, 512, 128}, {196, 1024, 256}, {49, 2048, 512},
		{1, 4096, 4096}, {2, 4096, 4096}, {4, 4096, 4096}, {8, 4096, 4096}, {16, 4096, 4096}, {4096, 1, 4096},
	} {
		c := gemmCase("gemm_f32", s.m, s.n, s.k, 4, 4)
		c.peak = kernels.PeakF32
		c.family = func(t cpu.Tier) string {
			if kernels.TakesTall(t, s.m) {
				return "gemm_tall_f32"
			}
			return "gemm_f32"
		}
		c.prepare = func(p *kernels.Pool) func() {
			a, out, bias := randomF32(s.m*s.k), make([]float32, s.m*s.n), randomF32(s.n)
			w := randomF32(s.k * s.n)
			var packed []*kernels.PackedF32
			for range c.copies(4 * s.n * s.k) {
				packed = append(packed, kernels.PackF32(s.k, s.n, w, s.n, 1))
			}
			i := 0
			e := &kernels.Epilogue{Act: kernels.ActRelu}
			return func() {
				kernels.GemmF32(p, s.m, a, s.k, packed[i], out, s.n, bias, e)
				i = (i + 1) % len(packed)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// matMulF32 has both operands at run time: those of attention with 12 heads, few rows, a square; and B transposed.
func matMulF32() []Case {
	var cases []Case
	for _, s := range []struct {
		batch, m, n, k int
		transB         bool
	}{
		{12, 128, 128, 32, true}, {12, 128, 32, 128, false}, {1, 4, 512, 512, false}, {1, 8, 512, 512, false}, {1, 32, 512, 512, false}, {1, 8, 512, 512, true}, {1, 32, 512, 512, true},
		{1, 512, 512, 512, false}, {1, 512, 512, 512, true}, {1, 1, 4096, 4096, false}, {1, 4, 4096, 4096, false}, {1, 8, 4096, 4096, false}, {1, 1, 4096, 4096, true},
	} {
		op := "matmul_f32"
		if s.transB {
			op = "matmul_f32_transb"
		}
		c := gemmCase(op, s.batch*s.m, s.n, s.k, 4, 4)
		c.Bytes += 4 * float64((s.batch-1)*s.n*s.k)
		if s.batch > 1 {
			c.Shape = fmt.Sprintf("%dx%dx%dx%d", s.batch, s.m, s.n, s.k)
		}
		c.peak = kernels.PeakF32
		c.family = func(cpu.Tier) string {
			if s.m <= 4 && !s.transB {
				return "gemm_plain_f32"
			}
			return "gemm_f32"
		}
		c.prepare = func(p *kernels.Pool) func() {
			m := &kernels.MatMul{M: s.m, N: s.n, K: s.k, A: randomF32(s.batch * s.m * s.k), LDA: s.k, LDB: s.n, TransB: s.transB, C: make([]float32, s.batch*s.m*s.n), LDC: s.n,
				Batch: s.batch, StrideA: s.m * s.k, StrideB: s.n * s.k, StrideC: s.m * s.n}
			if s.transB {
				m.LDB = s.k
			}
			size := s.batch * s.n * s.k
			b, i := randomF32(size*c.copies(4*size)), 0
			return func() {
				m.B = b[i : i+size]
				kernels.MatMulF32(p, m)
				i = (i + size) % len(b)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// packF32 packs weights, from row-major and from transposed matrices.
func packF32() []Case {
	var cases []Case
	for _, s := range []struct {
		op, family string
		row, col   int
	}{{"pack_f32", "pack_f32", 512, 1}, {"pack_f32_transposed", "transpose_f32", 1, 512}} {
		const n = 512
		cases = append(cases, Case{
			Op: s.op, Shape: fmt.Sprintf("%dx%d", n, n), Bytes: 8 * n * n,
			family: func(cpu.Tier) string { return s.family },
			prepare: func(*kernels.Pool) func() {
				b, p := randomF32(n*n), new(kernels.PackedF32)
				return func() { p.Pack(n, n, b, s.row, s.col) }
			},
		})
	}
	return cases
}
