package kernels

import "sync"

// kSegment is the length of the FMA chains along K. It is part of the numerics contract and never changes.
const kSegment = 256

// Flags of the gemm_f32 kernels.
const (
	gemmAdd  = 1 << iota // add to C: not the first K segment
	gemmBias             // add bias
	gemmRelu             // apply relu
	gemmFrom             // chains go on from C instead of zero: it has the sum of the segment so far
)

// GemmF32 computes, for i < m and j < N,
//
//	c[i·ldc+j] = epilogue(Σ_k a[i·lda+k] · B[k][j] + bias[j])
//
// K is cut into segments of 256; each is one FMA chain over ascending k from +0, and segment sums are added in ascending
// order; bias (nil, or N long) and epilogue (nil for none) follow. So the bits do not depend on m, on the pool or on the tier.
//
// lda ≥ K, ldc ≥ N. c must not overlap a, B, bias or the residual. pool may be nil.
//
// Segments of 256 against one chain for all of K cost nothing measurable up to K = 512 and 1 % at 1024³ (BenchmarkSegment, AVX2
// on Zen 3, one thread).
func GemmF32(pool *Pool, m int, a []float32, lda int, b *PackedF32, c []float32, ldc int, bias []float32, e *Epilogue) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	if m == 0 || b.N == 0 {
		return
	}
	gemmF32On(pool, m, a, lda, b, c, ldc, bias, e, 0)
}

// gemmF32On is GemmF32 that goes on from C, where other products left their sums: start is 0, gemmAdd or gemmFrom. With gemmFrom C and the
// first segment of B are one segment of K together, at most 256 long; so B is a segment at most.
func gemmF32On(pool *Pool, m int, a []float32, lda int, b *PackedF32, c []float32, ldc int, bias []float32, e *Epilogue, start int) {
	g := gemmF32{a: a, lda: lda, b: b, c: c, ldc: ldc, start: start, copied: m >= blockRows/2 && b.N >= copyCols && b.K >= copyDepth}
	if e != nil {
		e.check(m, b.N)
		g.epilogue = *e
	}
	if bias != nil {
		g.bias = bias[:b.N]
	}
	if TakesTall(max(tier, emulated), m) && start&gemmFrom == 0 {
		g.runTall(pool, m)
		return
	}
	g.blocks = newBlocks(m, b.N, kSegment, g.copied)
	if !pool.worthwhile(m, b.N, b.K, gemmF32Rate) {
		for i := range g.count() {
			g.Chunk(i)
		}
		return
	}
	g.blocks = g.split(b.K, pool.Threads())
	job := gemmF32Jobs.Get().(*gemmF32)
	*job = g
	pool.Run(g.count(), job)
	*job = gemmF32{}
	gemmF32Jobs.Put(job)
}

const (
	// From 1024 columns and a K of 1024 up, blocks of A are copied to rows that lie together: in place each row is on another page
	// and, with a power of two between them, in the same sets of the first-level cache. On Zen 3 the copy gains 2 % at 1024³, 4 %
	// at 2048³, nothing at 512³, and loses where fewer columns share it.
	copyCols, copyDepth = 1024, 1024
	// copyPad elements between copied rows spread them over the sets of the cache.
	copyPad = 16
)

var gemmF32Jobs = sync.Pool{New: func() any { return new(gemmF32) }}

// gemmF32 is one product, cut into blocks of C that are computed independently, each through all of K.
type gemmF32 struct {
	blocks
	a, c, bias []float32
	b          *PackedF32
	lda, ldc   int
	epilogue   Epilogue
	copied     bool // blocks of A are copied before use
	start      int  // flags of the first segment
	tall       tallA
}

// Chunk computes block i of C.
func (g *gemmF32) Chunk(i int) {
	if g.tall.packing {
		g.packTile(i)
		return
	}
	i0, i1, j0, j1 := g.block(i)
	k, rows := g.b.K, i1-i0
	var s *scratch
	if g.copied || g.tall.own() {
		s = scratches.Get().(*scratch)
		defer scratches.Put(s)
	}
	for k0 := 0; k0 == 0 || k0 < k; k0 += kSegment {
		kc := min(kSegment, k-k0)
		flags := g.start
		if k0 > 0 {
			flags = gemmAdd
		}
		if k0+kc == k {
			if g.bias != nil {
				flags |= gemmBias
			}
			if g.epilogue.reluAlone() {
				flags |= gemmRelu // the kernel does it
			}
		}
		a, lda := g.a[i0*g.lda+k0:(i1-1)*g.lda+k0+kc], g.lda
		switch {
		case g.tall.own():
			a = s.tallRows(a, lda, rows, kc, g.tall.height)
		case g.tall.height > 0:
			a = g.tall.block(g.m, k0, kc, i0, rows)
		case g.copied:
			a, lda = s.copyRows(a, lda, rows, kc)
		}
		for j := j0; j < j1; j += g.call {
			end := min(j+g.call, j1)
			var bias []float32
			if flags&gemmBias != 0 {
				bias = g.bias[j:end]
			}
			panels, out := g.b.segment(k0, kc, j, end), g.c[i0*g.ldc+j:(i1-1)*g.ldc+end]
			if g.tall.height > 0 {
				gemm_tall_f32(a, panels, out, bias, g.ldc, rows, end-j, g.tall.height, kc, flags)
			} else {
				gemm_f32(a, panels, out, bias, lda, g.ldc, rows, end-j, kc, flags)
			}
			if k0+kc == k && flags&gemmRelu == 0 && !g.epilogue.none() {
				g.epilogue.block(g.c, g.ldc, i0, i1, j, end)
			}
		}
	}
}

// copyRows copies rows×cols elements of a and returns them with their leading dimension.
func (s *scratch) copyRows(a []float32, lda, rows, cols int) ([]float32, int) {
	ld := cols + copyPad
	s.f32 = grown(s.f32, rows*ld)
	for i := range rows {
		copy(s.f32[i*ld:][:cols], a[i*lda:])
	}
	return s.f32, ld
}

// gemm_f32_ref computes one K segment of length kc of an m×n block:
//
//	c[i·ldc+j] = act(c[i·ldc+j] + Σ_k a[i·lda+k]·b[j/16][k][j%16] + bias[j])
//
// where flags say whether C is added or starts the chain, bias is present and act is relu.
func gemm_f32_ref(a, b, c, bias []float32, lda, ldc, m, n, kc, flags int) {
	for j := range n {
		gemmColumnRef(a, b[min(j/panelCols*panelCols*kc+j%panelCols, len(b)):], c[j:], bias, panelCols, lda, ldc, m, kc, j, flags)
	}
}

// gemm_plain_f32_ref is gemm_f32_ref with b a row-major matrix of n columns, n a multiple of 16, whose rows are ldb apart.
func gemm_plain_f32_ref(a, b, c, bias []float32, lda, ldb, ldc, m, n, kc, flags int) {
	for j := range n {
		gemmColumnRef(a, b[min(j, len(b)):], c[j:], bias, ldb, lda, ldc, m, kc, j, flags)
	}
}

// gemmColumnRef computes column j of C from the column of B whose elements are step apart.
func gemmColumnRef(a, b, c, bias []float32, step, lda, ldc, m, kc, j, flags int) {
	for i := range m {
		var sum float32
		if flags&gemmFrom != 0 {
			sum = c[i*ldc]
		}
		for k, v := range a[i*lda:][:kc] {
			sum = FMAF32(v, b[k*step], sum)
		}
		if flags&gemmAdd != 0 {
			sum = c[i*ldc] + sum
		}
		if flags&gemmBias != 0 {
			sum += bias[j]
		}
		if flags&gemmRelu != 0 {
			sum = relu1(sum)
		}
		c[i*ldc] = sum
	}
}
