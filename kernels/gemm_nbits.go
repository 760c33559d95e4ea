package kernels

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// NBits is a K×N matrix in blocks of Block weights along K that share a scale and a zero point, as ONNX MatMulNBits (com.microsoft) lays it
// out: B[k][n] = (q − zero)·scale with q unsigned in Bits bits.
type NBits struct {
	K, N, Bits, Block int
	Q                 []uint8   // [N][blocks][Block·Bits/8], k ascending from the low bits
	Scale             []float32 // [N][blocks]
	Zero              []uint8   // [N][⌈blocks·Bits/8⌉], blocks ascending from the low bits; nil: 2^(Bits−1)
}

// Blocks returns the number of blocks of a column.
func (b *NBits) Blocks() int { return (b.K + b.Block - 1) / b.Block }

// Check returns an error unless Bits is 4 or 8, Block a power of two from 16 to 256, and every slice has the length that follows.
func (b *NBits) Check() error {
	switch {
	case b.Bits != 4 && b.Bits != 8:
		return fmt.Errorf("%d bits, expected 4 or 8", b.Bits)
	case b.Block < 16 || b.Block > 256 || b.Block&(b.Block-1) != 0:
		return fmt.Errorf("blocks of %d, expected a power of two from 16 to 256", b.Block)
	case b.K < 1 || b.N < 1:
		return fmt.Errorf("a %d×%d matrix, expected 1×1 at least", b.K, b.N)
	}
	for _, s := range []struct {
		name        string
		length, col int
	}{{"weights", len(b.Q), b.Blocks() * b.Block * b.Bits / 8}, {"scales", len(b.Scale), b.Blocks()}, {"zero points", len(b.Zero), b.zeroBytes()}} {
		if s.name == "zero points" && b.Zero == nil {
			continue
		}
		if s.length%b.N != 0 || s.length/b.N != s.col { // without b.N·s.col, which may overflow
			return fmt.Errorf("%d %s for %d columns of %d rows, expected %d each", s.length, s.name, b.N, b.K, s.col)
		}
	}
	return nil
}

func (b *NBits) zeroBytes() int { return (b.Blocks()*b.Bits + 7) / 8 }

// zero is the zero point of a block.
func (b *NBits) zero(n, block int) int {
	row := b.Zero[n*b.zeroBytes():]
	if b.Bits == 8 {
		return int(row[block])
	}
	return int(row[block/2] >> (block % 2 * 4) & 15)
}

// PackedNBits is an NBits packed for GemmF32NBits: [panel of 16 columns][block], each block 16 scales, if there are zero points 16
// offsets, then words [k/fields][16] of fields = 32/Bits weights. A weight is (q − 2^(Bits−1))·scale + offset. Columns past N are zero.
// The layout is the same on all tiers; a GGUF block format is another way to fill it.
type PackedNBits struct {
	K, N, Bits, Block int
	Offsets           bool
	Data              []uint8
}

// PackNBits packs b. It panics where b.Check fails.
func PackNBits(b *NBits) *PackedNBits {
	if err := b.Check(); err != nil {
		panic("kernels: PackNBits: " + err.Error())
	}
	p := &PackedNBits{K: b.K, N: b.N, Bits: b.Bits, Block: b.Block, Offsets: b.Zero != nil}
	blocks, words, size := b.Blocks(), b.Block*b.Bits/32, p.panel()*((b.N+panelCols-1)/panelCols)
	p.Data = make([]uint8, size)
	hugePages(unsafe.Pointer(unsafe.SliceData(p.Data)), size)
	for j := range b.N {
		lane := j % panelCols * 4
		for i := range blocks {
			out := p.Data[j/panelCols*p.panel()+i*p.blockBytes():][lane:]
			scale := b.Scale[j*blocks+i]
			binary.LittleEndian.PutUint32(out, math.Float32bits(scale))
			out = out[panelBytes:]
			if p.Offsets {
				offset := float32(1<<(b.Bits-1)-b.zero(j, i)) * scale
				binary.LittleEndian.PutUint32(out, math.Float32bits(offset))
				out = out[panelBytes:]
			}
			in := b.Q[(j*blocks+i)*words*4:]
			for w := range words {
				copy(out[w*panelBytes:][:4], in[4*w:])
			}
		}
	}
	return p
}

// panelBytes are those of a row of a panel, 4 a column.
const panelBytes = 4 * panelCols

// blockBytes are those of a block of a panel.
func (p *PackedNBits) blockBytes() int {
	n := p.Block*p.Bits/8*panelCols + panelBytes
	if p.Offsets {
		n += panelBytes
	}
	return n
}

func (p *PackedNBits) blocks() int { return (p.K + p.Block - 1) / p.Block }

// panel is the bytes of a panel.
func (p *PackedNBits) panel() int { return p.blocks() * p.blockBytes() }

// gemmOffset says that blocks have offsets: a flag of the gemm_f32q kernels beside those of gemm_f32.
const gemmOffset = 2 * gemmRelu

// GemmF32NBits computes, for i < m and j < N,
//
//	c[i·ldc+j] = act(Σ_blocks (Σ_k a[i·lda+k]·(q[k][j] − 2^(Bits−1)))·scale[block][j] + (Σ_k a[i·lda+k])·offset[block][j] + bias[j])
//
// with offset = f32((2^(Bits−1) − zero)·scale), left out without zero points. Each inner sum of products is one FMA chain over ascending k
// from +0, each sum of A one chain of additions. The total is one FMA chain from +0 over ascending blocks, scale before offset; bias and
// activation follow. So the bits do not depend on m, on the pool or on the tier.
//
// lda ≥ K, ldc ≥ N. c must not overlap a, B or bias. pool may be nil.
func GemmF32NBits(pool *Pool, m int, a []float32, lda int, b *PackedNBits, c []float32, ldc int, bias []float32, act Activation) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	runWeights(pool, gemmWeights{m: m, n: b.N, k: b.K, a: a, lda: lda, c: c, ldc: ldc, bias: bias, act: act, nbits: b})
}

// blockSums writes Σ_k a[i·lda+k] of block b of row i to sums[b·m+i]. Four blocks at a time hide the latency of the additions.
func blockSums(sums, a []float32, lda, m, k, block int) {
	for i := range m {
		row := a[i*lda:][:k]
		b := 0
		for ; (b+4)*block <= k; b += 4 {
			x0, x1, x2, x3 := row[b*block:][:block], row[(b+1)*block:][:block], row[(b+2)*block:][:block], row[(b+3)*block:][:block]
			var s0, s1, s2, s3 float32
			for l, v := range x0 {
				s0 += v
				s1 += x1[l]
				s2 += x2[l]
				s3 += x3[l]
			}
			sums[b*m+i], sums[(b+1)*m+i], sums[(b+2)*m+i], sums[(b+3)*m+i] = s0, s1, s2, s3
		}
		for ; b*block < k; b++ {
			var s float32
			for _, v := range row[b*block : min((b+1)*block, k)] {
				s += v
			}
			sums[b*m+i] = s
		}
	}
}

func gemm_f32q4_ref(a []float32, b []uint8, sums, c, bias []float32, lda, ldc, m, n, k, block, stride, flags int) {
	gemmNBits(4, a, b, sums, c, bias, lda, ldc, m, n, k, block, stride, flags)
}

func gemm_f32q8_ref(a []float32, b []uint8, sums, c, bias []float32, lda, ldc, m, n, k, block, stride, flags int) {
	gemmNBits(8, a, b, sums, c, bias, lda, ldc, m, n, k, block, stride, flags)
}

// gemmNBits is the reference: panels of packed weights, stride bytes apart, and the sums of A, [block][m].
func gemmNBits(bits int, a []float32, b []uint8, sums, c, bias []float32, lda, ldc, m, n, k, block, stride, flags int) {
	fields, center := 32/bits, float32(int(1)<<(bits-1))
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
				var chain float32
				for l := range min(block, k-k0) {
					word := binary.LittleEndian.Uint32(b[at+header+l/fields*panelBytes:])
					q := word >> (l % fields * bits) & (1<<bits - 1)
					chain = FMAF32(a[i*lda+k0+l], float32(q)-center, chain)
				}
				total = FMAF32(chain, float(at), total)
				if flags&gemmOffset != 0 {
					total = FMAF32(sums[k0/block*m+i], float(at+panelBytes), total)
				}
				at += header + block*bits/8*panelCols
			}
			c[i*ldc+j] = finished(total, bias, j, flags)
		}
	}
}
