package kernels

import (
	"fmt"
	"math"
	"sync"

	"github.com/hotpath/hotpath/internal/cpu"
)

// PackedBF16 is a K×N matrix rounded to bf16 and packed for GemmBF16: [panel of 16 columns][k/2][16][2], zero past K and N. The layout
// is the same on all tiers.
type PackedBF16 struct {
	K, N int
	Data []uint16
	// Tiles says in which order sums are formed; see GemmBF16. It is set to what the machine is fast at and may be changed: every tier
	// computes both.
	Tiles bool
}

// PackBF16 packs the k×n matrix whose element (i, j) is b[i·rowStride + j·colStride].
func PackBF16(k, n int, b []float32, rowStride, colStride int) *PackedBF16 {
	return PackBF16At(nil, k, n, b, rowStride, colStride)
}

// PackBF16At is PackBF16 to a place.
func PackBF16At(at Place, k, n int, b []float32, rowStride, colStride int) *PackedBF16 {
	p := &PackedBF16{K: k, N: n, Tiles: tier >= cpu.AMX}
	size := roundUp(k, 2) * roundUp(n, panelCols)
	p.Data = placed(at, fmt.Sprintf("gemm_bf16 %d %d %d %d", k, n, rowStride, colStride), size, func(dst []uint16) {
		checkStrided(k, n, len(b), rowStride, colStride)
		for j := range n {
			at := j/panelCols*panelCols*roundUp(k, 2) + j%panelCols*2
			for i := range k {
				dst[at+i/2*panelCols*2+i%2] = toBF16(b[i*rowStride+j*colStride])
			}
		}
	})
	return p
}

// panels returns the panels of columns j0…j1, j0 a multiple of 16.
func (p *PackedBF16) panels(j0, j1 int) []uint16 {
	depth := roundUp(p.K, 2)
	return p.Data[j0*depth : roundUp(j1, panelCols)*depth]
}

// GemmBF16 computes, for i < m and j < N, c[i·ldc+j] = epilogue(Σ_k bf16(a[i·lda+k]) · B[k][j] + bias[j]) with sums in f32.
//
// It is a fast mode, less exact than GemmF32. bf16() rounds to even; subnormals are zero throughout: in operands, after each step of a
// sum. A step is x·y + sum, rounded once, to even. The order is that of the processors' instructions, found by comparison with them:
//
//   - Tiles unset (VDPBF16PS): one chain, for each pair (2i, 2i+1) of k the odd one first.
//   - Tiles set (TDPBF16PS): for every 32 k two chains from zero, over the even and over the odd ones; their sum is added to the total.
//
// So the bits depend on B.Tiles and not on m, on the pool or on the tier. bias is nil or N long.
//
// lda ≥ K, ldc ≥ N. c must not overlap a, B or bias. pool may be nil.
func GemmBF16(pool *Pool, m int, a []float32, lda int, b *PackedBF16, c []float32, ldc int, bias []float32, e *Epilogue) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	if m == 0 || b.N == 0 {
		return
	}
	g := gemmBF16{a: a, lda: lda, b: b, c: c, ldc: ldc}
	if bias != nil {
		g.bias, g.flags = bias[:b.N], gemmBias
	}
	if e != nil {
		e.check(m, b.N)
		g.epilogue = *e
	}
	if g.epilogue.reluAlone() {
		g.flags, g.epilogue = g.flags|gemmRelu, Epilogue{}
	}
	if b.Tiles {
		g.blocks = tileBlocks(m, b.N, max(2*b.K, 1))
	} else {
		g.blocks = newBlocks(m, b.N, b.K, true)
	}
	if !pool.worthwhile(m, b.N, b.K, gemmU8S8Rate) {
		for i := range g.count() {
			g.Chunk(i)
		}
		return
	}
	g.blocks = g.split(b.K, pool.Threads())
	job := gemmBF16Jobs.Get().(*gemmBF16)
	*job = g
	pool.Run(g.count(), job)
	*job = gemmBF16{}
	gemmBF16Jobs.Put(job)
}

var gemmBF16Jobs = sync.Pool{New: func() any { return new(gemmBF16) }}

// gemmBF16 is one product, cut into blocks of C.
type gemmBF16 struct {
	blocks
	a, c, bias []float32
	b          *PackedBF16
	lda, ldc   int
	flags      int
	epilogue   Epilogue // what the flags do not say
}

// Chunk computes block i of C.
func (g *gemmBF16) Chunk(i int) {
	i0, i1, j0, j1 := g.block(i)
	rows := i1 - i0
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	a, ld := s.roundRows(g.a[i0*g.lda:], g.lda, rows, g.b.K)
	var tiles []uint8
	if g.b.Tiles {
		tiles = s.tiles(bytesOfWords(a), 2*ld, rows, 2*roundUp(g.b.K, 2), 0)
		s.s32 = grown(s.s32, tileScratch)
	}
	pairs := (g.b.K + 1) / 2
	for j := j0; j < j1; j += g.call {
		end := min(j+g.call, j1)
		b, c := g.b.panels(j, end), g.c[i0*g.ldc+j:(i1-1)*g.ldc+end]
		var bias []float32
		if g.bias != nil {
			bias = g.bias[j:end]
		}
		switch {
		case g.b.Tiles:
			gemm_tile_bf16(tiles, b, c, s.s32, bias, g.ldc, rows, end-j, pairs, g.flags)
		case hasBF16():
			gemm_bf16dp(a, b, c, bias, ld, g.ldc, rows, end-j, pairs, g.flags)
		default:
			gemm_bf16(a, b, c, bias, ld, g.ldc, rows, end-j, pairs, g.flags)
		}
		if !g.epilogue.none() {
			g.epilogue.block(g.c, g.ldc, i0, i1, j, end)
		}
	}
}

// hasBF16 reports whether VDPBF16PS can run: not every CPU of its tier has it. The emulator does.
func hasBF16() bool { return tier >= cpu.VNNI && cpu.HasBF16() || emulated >= cpu.VNNI }

// roundRows rounds rows×cols elements of a to bf16, with a zero after an odd number of columns, and returns them with their leading
// dimension.
func (s *scratch) roundRows(a []float32, lda, rows, cols int) ([]uint16, int) {
	ld := roundUp(cols, wordPad) + wordPad
	s.u16 = grown(s.u16, rows*ld)
	for i := range rows {
		dst := s.u16[i*ld:][:roundUp(cols, 2)]
		RoundBF16(dst[:cols], a[i*lda:][:cols])
		clear(dst[cols:])
	}
	return s.u16[:(rows-1)*ld+roundUp(cols, 2)], ld
}

// RoundBF16 computes dst[i] = bf16(x[i]) for i < len(x): rounded to even, subnormals to zero of their sign, NaN quiet.
func RoundBF16(dst []uint16, x []float32) {
	dst = dst[:len(x)]
	for len(x) > elementwiseBlock {
		round_bf16(dst[:elementwiseBlock], x[:elementwiseBlock])
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	whole := len(x) &^ 15
	round_bf16(dst[:whole], x[:whole])
	round_bf16_ref(dst[whole:], x[whole:])
}

// round_bf16_ref is RoundBF16, len(x) a multiple of 16 where assembly runs.
func round_bf16_ref(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = toBF16(v)
	}
}

func toBF16(v float32) uint16 {
	u := math.Float32bits(v)
	switch {
	case v != v:
		return uint16(u>>16) | 0x40
	case u&(1<<31-1) < 1<<23:
		return uint16(u>>16) & 0x8000
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// stepBF16 returns a·b + sum, rounded once, with subnormal operands and results taken for zero.
func stepBF16(a, b uint16, sum float32) float32 {
	x, y := math.Float32frombits(uint32(a)<<16), math.Float32frombits(uint32(b)<<16)
	return flushed(FMAF32(flushed(x), flushed(y), flushed(sum)))
}

// flushed replaces a subnormal by zero of its sign.
func flushed(v float32) float32 {
	if u := math.Float32bits(v); u&(1<<31-1) < 1<<23 {
		return math.Float32frombits(u & (1 << 31))
	}
	return v
}

func gemm_bf16_ref(a, b []uint16, c, bias []float32, lda, ldc, m, n, pairs, flags int) {
	for i := range m {
		for j := range n {
			at := j/panelCols*panelCols*2*pairs + j%panelCols*2
			var sum float32
			for k := range pairs {
				x, y := a[i*lda+2*k:][:2], b[at+2*k*panelCols:][:2]
				sum = stepBF16(x[0], y[0], stepBF16(x[1], y[1], sum))
			}
			c[i*ldc+j] = finished(sum, bias, j, flags)
		}
	}
}

func gemm_bf16dp_ref(a, b []uint16, c, bias []float32, lda, ldc, m, n, pairs, flags int) {
	gemm_bf16_ref(a, b, c, bias, lda, ldc, m, n, pairs, flags)
}

// gemm_tile_bf16_ref takes A in tiles of 16 rows of 32 elements.
func gemm_tile_bf16_ref(a []uint8, b []uint16, c []float32, _ []int32, bias []float32, ldc, m, n, pairs, flags int) {
	steps := (pairs + 15) / 16
	for i := range m {
		for j := range n {
			at := j/panelCols*panelCols*2*pairs + j%panelCols*2
			var total float32
			for k0 := 0; k0 < pairs; k0 += 16 {
				var even, odd float32
				for k := k0; k < min(k0+16, pairs); k++ {
					x, y := a[tileAt(steps, i, 4*k):][:4], b[at+2*k*panelCols:][:2]
					even = stepBF16(uint16(x[0])|uint16(x[1])<<8, y[0], even)
					odd = stepBF16(uint16(x[2])|uint16(x[3])<<8, y[1], odd)
				}
				total = flushed(total + flushed(even+odd))
			}
			c[i*ldc+j] = finished(total, bias, j, flags)
		}
	}
}
