package kernelbench

import (
	"fmt"
	"strings"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// weights has products of f32 rows with weights of four and eight bits in blocks of 32 (the second with zero points) and of half floats, gemm_s8 with A quantised to bytes on the way, from
// one row, where reading the weights from memory counts, to 64. Flops are those of the multiply-adds; making the weights is not counted.
func weights() []Case {
	const n, k, block = 4096, 4096, 32
	var cases []Case
	for _, kind := range []struct {
		op, family string
		bits       int
		zero       bool
	}{
		{"gemm_f32q4", "gemm_f32q4", 4, false}, {"gemm_f32q4_zero", "gemm_f32q4", 4, true}, {"gemm_f32q8", "gemm_f32q8", 8, false},
		{"gemm_s8q4", "gemm_s8q4", 4, false}, {"gemm_s8q8", "gemm_s8q8", 8, false},
		{"gemm_f32f16", "gemm_f32f16", 16, false}, {"gemm_f32bf16", "gemm_f32bf16", 16, false},
	} {
		for _, m := range []int{1, 2, 4, 8, 16, 64} {
			size := n * k * kind.bits / 8
			if kind.bits < 16 {
				size += n * k / block * 4
			}
			if kind.zero {
				size += n * k / block * 4
			}
			c := Case{Op: kind.op, Shape: fmt.Sprintf("%dx%dx%d", m, n, k), Flops: 2 * float64(m) * n * k,
				Bytes: float64(size + 4*m*(n+k)), Cold: m <= 16, slow: true,
				peak: kernels.PeakF32, family: func(cpu.Tier) string { return kind.family }}
			gemm := kernels.GemmF32NBits
			if strings.HasPrefix(kind.op, "gemm_s8") {
				gemm, c.peak = kernels.GemmS8NBits, kernels.PeakU8S8
			}
			c.prepare = func(p *kernels.Pool) func() {
				a, out := randomF32(m*k), make([]float32, m*n)
				if kind.bits == 16 {
					var packed []*kernels.PackedHalf
					w := make([]uint16, n*k)
					for i := range w {
						w[i] = uint16(0x3000 + i*7919>>3&0xfff)
					}
					for range c.copies(size) {
						packed = append(packed, kernels.PackHalf(k, n, w, n, 1, kind.op == "gemm_f32bf16"))
					}
					return inTurn(len(packed), func(i int) { kernels.GemmF32Half(p, m, a, k, packed[i], out, n, nil, kernels.ActNone) })
				}
				b := &kernels.NBits{K: k, N: n, Bits: kind.bits, Block: block, Q: make([]uint8, n*k*kind.bits/8), Scale: randomF32(n * k / block)}
				for i := range b.Q {
					b.Q[i] = uint8(i * 7919 >> 3)
				}
				if kind.zero {
					b.Zero = b.Q[:n*(k/block*kind.bits/8)]
				}
				var packed []*kernels.PackedNBits
				for range c.copies(size) {
					packed = append(packed, kernels.PackNBits(b))
				}
				return inTurn(len(packed), func(i int) { gemm(p, m, a, k, packed[i], out, n, nil, kernels.ActNone) })
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// inTurn returns a function that calls f with 0, 1, … count−1 and again from the start.
func inTurn(count int, f func(i int)) func() {
	i := 0
	return func() {
		f(i)
		i = (i + 1) % count
	}
}
