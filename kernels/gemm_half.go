package kernels

import (
	"fmt"
	"math"
)

// PackedHalf is a K×N matrix of half floats packed for GemmF32Half: [panel of 16 columns], in it for F16 [k][16], for BF16 [k/2][16][2],
// zero past K and N. The layout is the same on all tiers.
type PackedHalf struct {
	K, N  int
	Brain bool // BF16, not F16
	Data  []uint16
}

// PackHalf packs the k×n matrix whose element (i, j) is b[i·rowStride + j·colStride]; brain says that they are BF16.
func PackHalf[T ~uint16](k, n int, b []T, rowStride, colStride int, brain bool) *PackedHalf {
	return PackHalfAt(nil, k, n, b, rowStride, colStride, brain)
}

// PackHalfAt is PackHalf to a place.
func PackHalfAt[T ~uint16](at Place, k, n int, b []T, rowStride, colStride int, brain bool) *PackedHalf {
	p := &PackedHalf{K: k, N: n, Brain: brain}
	size := p.panel() * ((n + panelCols - 1) / panelCols)
	p.Data = placed(at, fmt.Sprintf("gemm_half %d %d %d %d %v", k, n, rowStride, colStride, brain), size, func(dst []uint16) {
		checkStrided(k, n, len(b), rowStride, colStride)
		for j0 := 0; j0 < n; j0 += panelCols {
			out := dst[j0/panelCols*p.panel():]
			for i := range k {
				at, step := i*panelCols, 1
				if brain {
					at, step = i/2*2*panelCols+i%2, 2
				}
				for j := range min(panelCols, n-j0) {
					out[at+j*step] = uint16(b[i*rowStride+(j0+j)*colStride])
				}
			}
		}
	})
	return p
}

// panel is the number of elements of a panel.
func (p *PackedHalf) panel() int {
	if p.Brain {
		return roundUp(p.K, 2) * panelCols
	}
	return p.K * panelCols
}

// GemmF32Half computes, for i < m and j < N,
//
//	c[i·ldc+j] = act(Σ_k a[i·lda+k] · f32(B[k][j]) + bias[j])
//
// with the bits of GemmF32 on the widened B: chains of 256 along K.
//
// lda ≥ K, ldc ≥ N. c must not overlap a, B or bias. pool may be nil.
func GemmF32Half(pool *Pool, m int, a []float32, lda int, b *PackedHalf, c []float32, ldc int, bias []float32, act Activation) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	runWeights(pool, gemmWeights{m: m, n: b.N, k: b.K, a: a, lda: lda, c: c, ldc: ldc, bias: bias, act: act, half: b})
}

func gemm_f32f16_ref(a []float32, b []uint16, c, bias []float32, lda, ldc, m, n, k, stride, flags int) {
	gemmHalf(a, c, bias, lda, ldc, m, n, k, flags, func(i, j int) float32 {
		return F16ToF32(b[j/panelCols*stride/2+i*panelCols+j%panelCols])
	})
}

func gemm_f32bf16_ref(a []float32, b []uint16, c, bias []float32, lda, ldc, m, n, k, stride, flags int) {
	gemmHalf(a, c, bias, lda, ldc, m, n, k, flags, func(i, j int) float32 {
		return BF16ToF32(b[j/panelCols*stride/2+i/2*2*panelCols+j%panelCols*2+i%2])
	})
}

// gemmHalf is the reference with element (i, j) of B given by at. Panels are stride bytes apart.
func gemmHalf(a, c, bias []float32, lda, ldc, m, n, k, flags int, at func(i, j int) float32) {
	for i := range m {
		for j := range n {
			total := float32(math.Copysign(0, -1)) // neutral in additions
			if flags&gemmAdd != 0 {
				total = c[i*ldc+j]
			}
			for k0 := 0; k0 == 0 || k0 < k; k0 += kSegment {
				var sum float32
				for l := k0; l < min(k0+kSegment, k); l++ {
					sum = FMAF32(a[i*lda+l], at(l, j), sum)
				}
				total += sum
			}
			c[i*ldc+j] = finished(total, bias, j, flags)
		}
	}
}

// finished adds bias and applies relu as flagged.
func finished(v float32, bias []float32, j, flags int) float32 {
	if flags&gemmBias != 0 {
		v += bias[j]
	}
	if flags&gemmRelu != 0 {
		v = relu1(v)
	}
	return v
}
