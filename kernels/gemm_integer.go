package kernels

import (
	"fmt"
	"unsafe"
)

// s8Sign is what an s8 is exclusive-or'ed with to be the u8 that is 128 larger.
const s8Sign = 0x80

// ZeroPoints are what GemmInteger subtracts from A and B before it multiplies, in the same signedness as they. A has one for the
// matrix or one for each row, B one for each column; nil is none.
type ZeroPoints struct{ A, B []int32 }

// GemmInteger computes c[i·ldc+j] = Σ_k (a[i·lda+k] − zero.A[i]) · (B[k][j] − zero.B[j]) for i < m, j < N in wrapping s32, which is exact
// where the sum fits.
//
// The bytes of a are s8 if signed is set, else u8. It is the u8·s8 product and a correction: with a' = a + 128 where a is signed and
// its zero point z',
//
//	Σ (a'−z')·(b−y) = Σ a'·b − z'·ColSum[j] + y·(K·z' − Σ a')
//
// lda ≥ K, ldc ≥ N. c must not overlap a or B. pool may be nil.
func GemmInteger(pool *Pool, m int, a []uint8, lda int, signed bool, b *PackedS8, c []int32, ldc int, zero ZeroPoints) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	if na := len(zero.A); na > 1 && na != m || zero.B != nil && len(zero.B) != b.N {
		panic(fmt.Sprintf("kernels: %d and %d zero points for %d rows and %d columns", len(zero.A), len(zero.B), m, b.N))
	}
	g := gemmU8S8{a: a, lda: lda, b: b, ldc: ldc, s32: c, zero: zero}
	if signed {
		g.flip = s8Sign
	}
	g.corrected = signed || zero.B != nil
	for _, z := range zero.A {
		g.corrected = g.corrected || z != 0
	}
	runU8S8(pool, g, m)
}

// GemmS8S8U8 is GemmU8S8U8 for signed a. The sums it requantises are of a + 128, so rq.Bias holds −(zeroA+128)·ColSum[n] where that of
// unsigned a holds −zeroA·ColSum[n].
func GemmS8S8U8(pool *Pool, m int, a []int8, lda int, b *PackedS8, c []uint8, ldc int, rq *Requant) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	g := requantisingGemm(b, c, ldc, rq)
	g.a, g.lda, g.flip = bytesOf(a), lda, s8Sign
	runU8S8(pool, g, m)
}

// GemmS8S8F32 is GemmU8S8F32 for signed a; of dq.Bias holds what GemmS8S8U8 says.
func GemmS8S8F32(pool *Pool, m int, a []int8, lda int, b *PackedS8, c []float32, ldc int, dq *Dequant) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	g := dequantisingGemm(b, c, ldc, dq)
	g.a, g.lda, g.flip = bytesOf(a), lda, s8Sign
	runU8S8(pool, g, m)
}

// correct applies the zero points to a block of C. a is the block's rows as they were given.
func (g *gemmU8S8) correct(a []uint8, i0, i1, j0, j1 int) {
	sums := g.b.ColSum[j0:j1]
	y := sums // times q = 0
	if g.zero.B != nil {
		y = g.zero.B[j0:j1]
	}
	for i := i0; i < i1; i++ {
		z := int32(g.flip)
		switch len(g.zero.A) {
		case 0:
		case 1:
			z += g.zero.A[0]
		default:
			z += g.zero.A[i]
		}
		q := int32(0)
		if g.zero.B != nil {
			q = int32(g.b.K) * z
			for _, v := range a[(i-i0)*g.lda:][:g.b.K] {
				q -= int32(v ^ g.flip)
			}
		}
		correct_s32(g.s32[i*g.ldc+j0:i*g.ldc+j1], sums, y, -z, q)
	}
}

// correct_s32_ref computes c[j] += p·x[j] + q·y[j] in wrapping s32; x and y are as long as c.
func correct_s32_ref(c, x, y []int32, p, q int32) {
	for j := range c {
		c[j] += p*x[j] + q*y[j]
	}
}

// flipped copies rows×k bytes of a, each exclusive-or flip, and returns them with their leading dimension.
func (s *scratch) flipped(a []uint8, lda, rows, k int, flip uint8) ([]uint8, int) {
	ld := roundUp(k, tileWidth) + tileWidth
	s.u8 = grown(s.u8, rows*ld)
	for i := range rows {
		XorU8(s.u8[i*ld:][:k], a[i*lda:][:k], flip)
	}
	return s.u8, ld
}

// XorU8 computes dst[i] = x[i] ^ v for i < len(x). With v = 128 it turns s8 into u8 that are 128 larger, and back. dst may be x.
func XorU8(dst, x []uint8, v uint8) {
	dst = dst[:len(x)]
	for len(x) > 4*elementwiseBlock {
		xor_u8(dst[:4*elementwiseBlock], x[:4*elementwiseBlock], uint32(v)*0x01010101)
		dst, x = dst[4*elementwiseBlock:], x[4*elementwiseBlock:]
	}
	whole := len(x) &^ 63
	xor_u8(dst[:whole], x[:whole], uint32(v)*0x01010101)
	xor_u8_ref(dst[whole:], x[whole:], uint32(v))
}

// xor_u8_ref writes x ^ the low byte of v, whose four bytes are equal; len(x) is a multiple of 64 where assembly runs.
func xor_u8_ref(dst, x []uint8, v uint32) {
	for i, b := range x {
		dst[i] = b ^ uint8(v)
	}
}

// bytesOf returns the memory of x.
func bytesOf(x []int8) []uint8 {
	return unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

func bytesOfWords(x []uint16) []uint8 {
	return unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(x))), 2*len(x))
}
