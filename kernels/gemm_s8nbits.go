package kernels

import (
	"encoding/binary"
	"math"
)

// GemmS8NBits is GemmF32NBits with A quantised to signed bytes, block by block (see QuantizeBlocksS8 with the block of B):
//
//	c[i·ldc+j] = act(Σ_blocks f32(Σ_k qa[i][k]·(q[k][j] − 2^(Bits−1)))·(sa·scale[block][j]) + f32(Σ_k qa[i][k])·sa·offset[block][j] + bias[j])
//
// where sa is the scale of A's block. The inner sums are exact integers; the total is one FMA chain from +0 over ascending blocks, scale
// before offset, with factors rounded as written: (sa·scale) and (f32(Σ qa)·sa). Past K, qa is 0.
//
// lda ≥ K, ldc ≥ N. c must not overlap a, B or bias. pool may be nil.
func GemmS8NBits(pool *Pool, m int, a []float32, lda int, b *PackedNBits, c []float32, ldc int, bias []float32, act Activation) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	runWeights(pool, gemmWeights{m: m, n: b.N, k: b.K, a: a, lda: lda, c: c, ldc: ldc, bias: bias, act: act, nbits: b, dots: true})
}

// quantizeRows fills bytes with the quantised rows, in the order of the packed weights, and words with what the kernels add, [block][3][m]:
// −2^(Bits−1)·Σqa, sa, and f32(Σqa)·sa.
func (s *weightScratch) quantizeRows(a []float32, lda, m int, b *PackedNBits) {
	blocks := b.blocks()
	k := blocks * b.Block
	s.bytes, s.words = grown(s.bytes, m*k), grown(s.words, 3*blocks*m)
	s.rows, s.sums = grown(s.rows, b.Block), grown(s.sums, blocks)
	whole := b.K / b.Block * b.Block
	center := int32(1) << (b.Bits - 1)
	for i := range m {
		row, dst := a[i*lda:][:b.K], s.bytes[i*k:][:k]
		QuantizeBlocksS8(dst, s.sums, row[:whole], b.Block)
		if whole < k {
			clear(s.rows[copy(s.rows, row[whole:]):])
			QuantizeBlocksS8(dst[whole:], s.sums[blocks-1:], s.rows, b.Block)
		}
		for j, scale := range s.sums {
			var sum int32
			for _, q := range dst[j*b.Block:][:b.Block] {
				sum += int32(q)
			}
			w := s.words[3*j*m+i:]
			w[0] = uint32(-center * sum)
			w[m] = math.Float32bits(scale)
			w[2*m] = math.Float32bits(float32(sum) * scale)
		}
		if b.Bits == 4 {
			evenFirst(dst)
		}
	}
}

// evenFirst puts the even ones of each eight bytes before the odd ones: the order in which nibbles of a word become bytes.
func evenFirst(x []int8) {
	for ; len(x) >= 8; x = x[8:] {
		b := (*[8]int8)(x)
		*b = [8]int8{b[0], b[2], b[4], b[6], b[1], b[3], b[5], b[7]}
	}
}

func gemm_s8q4_ref(a []int8, b []uint8, sums []uint32, c, bias []float32, lda, ldc, m, n, k, block, stride, flags int) {
	gemmDots(4, a, b, sums, c, bias, lda, ldc, m, n, k, block, stride, flags)
}

func gemm_s8q8_ref(a []int8, b []uint8, sums []uint32, c, bias []float32, lda, ldc, m, n, k, block, stride, flags int) {
	gemmDots(8, a, b, sums, c, bias, lda, ldc, m, n, k, block, stride, flags)
}

// gemmDots is the reference. k and block count four elements each; for four bits, each eight of A are in the order of evenFirst.
func gemmDots(bits int, a []int8, b []uint8, sums []uint32, c, bias []float32, lda, ldc, m, n, k, block, stride, flags int) {
	header := panelBytes
	if flags&gemmOffset != 0 {
		header += panelBytes
	}
	for i := range m {
		for j := range n {
			at := j/panelCols*stride + j%panelCols*4
			float := func(at int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b[at:])) }
			var total float32
			if flags&gemmAdd != 0 {
				total = c[i*ldc+j]
			}
			for k0 := 0; k0 < k; k0 += block {
				w := sums[3*(k0/block)*m+i:]
				dot := int32(w[0])
				for l := range 4 * block {
					weight := 0
					if bits == 8 {
						weight = int(b[at+header+l/4*panelBytes+l%4])
					} else {
						weight = int(b[at+header+l/8*panelBytes+l%4] >> (l / 4 % 2 * 4) & 15)
					}
					dot += int32(a[i*lda+4*k0+l]) * int32(weight)
				}
				factor := math.Float32frombits(w[m]) * float(at)
				total = FMAF32(factor, float32(dot), total)
				if flags&gemmOffset != 0 {
					total = FMAF32(math.Float32frombits(w[2*m]), float(at+panelBytes), total)
				}
				at += header + 4*block*bits/8*panelCols
			}
			c[i*ldc+j] = finished(total, bias, j, flags)
		}
	}
}
