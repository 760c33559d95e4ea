package kernels

import "encoding/binary"

// wide computes rows i0…i1 and columns j0…j1 of C from rows of words, zero up to a multiple of four.
func (g *gemmU8S8) wide(a []int16, lda, i0, i1, j0, j1 int) {
	b, rows, cols, k := g.b.panels(j0, j1), i1-i0, j1-j0, roundUp(g.b.K, 4)
	from, to := i0*g.ldc+j0, (i1-1)*g.ldc+j1
	switch {
	case g.s32 != nil:
		gemm_s16s8s32(a, b, g.s32[from:to], lda, g.ldc, rows, cols, k)
	case g.u8 != nil:
		gemm_s16s8u8(a, b, g.u8[from:to], g.bias[j0:j1], g.scale[j0:j1], lda, g.ldc, rows, cols, k,
			float32(g.lo-g.zp), float32(g.hi-g.zp), g.zp)
	default:
		gemm_s16s8f32(a, b, g.f32[from:to], g.bias[j0:j1], g.scale[j0:j1], lda, g.ldc, rows, cols, k, int(g.act))
	}
}

// wordPad elements between widened rows spread them over the sets of the cache.
const wordPad = 32

// widenRows widens rows×cols bytes of a as widen_u8s16 does, with zeros up to a multiple of four columns, and returns them with their
// leading dimension.
func (s *scratch) widenRows(a []uint8, lda, rows, cols int) ([]int16, int) {
	ld := roundUp(cols, wordPad) + wordPad
	s.s16 = grown(s.s16, rows*ld)
	whole := cols &^ 15
	for i := range rows {
		x, dst := a[i*lda:][:cols], s.s16[i*ld:]
		widen_u8s16(dst[:whole], x[:whole])
		var last [16]uint8
		n := roundUp(copy(last[:], x[whole:]), 4)
		widen_u8s16_ref(dst[whole:whole+n], last[:n])
	}
	return s.s16, ld
}

// widen_u8s16_ref copies bytes to words, len(x) a multiple of 16 where assembly runs and of 4 here: of each four, the second and third
// change places, because kernels multiply words of even and of odd k apart.
func widen_u8s16_ref(dst []int16, x []uint8) {
	for i := 0; i < len(x); i += 4 {
		w := binary.LittleEndian.Uint32(x[i:])
		dst[i], dst[i+1], dst[i+2], dst[i+3] = int16(w&0xff), int16(w>>16&0xff), int16(w>>8&0xff), int16(w>>24)
	}
}

// dotS16S8 returns Σ_k row[k] · B[k][j] from widened A and the packed panels.
func dotS16S8(row []int16, b []int8, j int) int32 {
	at := j/panelCols*panelCols*len(row) + j%panelCols*4
	var sum int32
	for k, v := range row {
		sum += int32(v) * int32(b[at+k/4*panelCols*4+[4]int{0, 2, 1, 3}[k%4]])
	}
	return sum
}

func gemm_s16s8s32_ref(a []int16, b []int8, c []int32, lda, ldc, m, n, k int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = dotS16S8(a[i*lda:][:k], b, j)
		}
	}
}

func gemm_s16s8u8_ref(a []int16, b []int8, c []uint8, bias []int32, mult []float32, lda, ldc, m, n, k int, lo, hi float32, zp int32) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = requantised(dotS16S8(a[i*lda:][:k], b, j)+bias[j], mult[j], lo, hi, zp)
		}
	}
}

func gemm_s16s8f32_ref(a []int16, b []int8, c []float32, bias []int32, scale []float32, lda, ldc, m, n, k, relu int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = dequantised(dotS16S8(a[i*lda:][:k], b, j)+bias[j], scale[j], relu)
		}
	}
}
