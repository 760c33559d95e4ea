package kernels

import "sync"

const (
	// weightRows rows of A share one reading of the weights from memory; more would grow the copy of A beyond the second-level cache.
	weightRows = 96
	// weightTile is the tallest register tile.
	weightTile = 12
	// copyWeightRows rows or more are copied to lie together, as in GemmF32.
	copyWeightRows = 4
)

// gemmWeights is one product of f32 rows and packed weights of another type: half or nbits. A chunk is a range of columns.
type gemmWeights struct {
	m, n, k, lda, ldc, cols, depth int
	a, c, bias, sums               []float32
	act                            Activation
	half                           *PackedHalf
	nbits                          *PackedNBits
	dots                           bool // with nbits: A is quantised, to bytes and what goes with them
	bytes                          []int8
	words                          []uint32
}

var (
	gemmWeightsJobs = sync.Pool{New: func() any { return new(gemmWeights) }}
	weightScratches = sync.Pool{New: func() any { return new(weightScratch) }}
)

// weightScratch holds a copy of some rows of A and the sums of their blocks, or the rows quantised.
type weightScratch struct {
	rows, sums []float32
	bytes      []int8
	words      []uint32
}

// runWeights computes g, weightRows rows of A at a time.
func runWeights(pool *Pool, g gemmWeights) {
	if g.m == 0 || g.n == 0 {
		return
	}
	if g.bias != nil {
		g.bias = g.bias[:g.n]
	}
	if !pool.worthwhile(min(g.m, weightRows), g.n, g.k, gemmF32Rate/2) {
		pool = nil
	}
	s := weightScratches.Get().(*weightScratch)
	job := gemmWeightsJobs.Get().(*gemmWeights)
	for i := 0; i < g.m; i += weightRows {
		*job = g
		job.m = min(weightRows, g.m-i)
		job.a, job.c = g.a[i*g.lda:], g.c[i*g.ldc:]
		if g.dots {
			s.quantizeRows(job.a, job.lda, job.m, g.nbits)
			job.bytes, job.words = s.bytes, s.words
		} else if job.m >= copyWeightRows && g.n >= blockCols {
			job.copyRows(s)
		}
		if !g.dots && g.nbits != nil && g.nbits.Offsets {
			s.sums = grown(s.sums, g.nbits.blocks()*job.m)
			blockSums(s.sums, job.a, job.lda, job.m, job.k, g.nbits.Block)
			job.sums = s.sums
		}
		job.cut(pool.Threads())
		pool.Run((g.n+job.cols-1)/job.cols, job)
	}
	*job = gemmWeights{}
	gemmWeightsJobs.Put(job)
	weightScratches.Put(s)
}

// copyRows makes a a copy of itself with rows that do not lie in the same sets of the cache.
func (g *gemmWeights) copyRows(s *weightScratch) {
	ld := g.k + copyPad
	s.rows = grown(s.rows, g.m*ld)
	for i := range g.m {
		copy(s.rows[i*ld:][:g.k], g.a[i*g.lda:])
	}
	g.a, g.lda = s.rows, ld
}

// cut chooses the columns of a chunk, whole groups of them, and the part of K that a call goes through: it keeps the rows of a tile in half
// of a first-level cache of 48 KiB, whole blocks and segments long.
func (g *gemmWeights) cut(threads int) {
	g.depth = max(kSegment, partFloats/min(g.m, weightTile)&^(kSegment-1))
	g.cols = blockCols
	for g.cols > 64 && (g.n < g.cols*chunksPerThread*threads || g.m*g.cols*g.depth > maxCall) {
		g.cols /= 2
	}
}

// partFloats of A are used by all columns of a chunk before the next ones.
const partFloats = 24 << 10 / 4

// Chunk computes the i-th range of columns.
func (g *gemmWeights) Chunk(i int) {
	j0 := i * g.cols
	j1 := min(j0+g.cols, g.n)
	for k0 := 0; k0 == 0 || k0 < g.k; k0 += g.depth {
		k1 := min(k0+g.depth, g.k)
		flags := 0
		var bias []float32
		if k0 > 0 {
			flags |= gemmAdd
		}
		if k1 == g.k {
			if g.bias != nil {
				flags, bias = flags|gemmBias, g.bias[j0:j1]
			}
			if g.act == ActRelu {
				flags |= gemmRelu
			}
		}
		c := g.c[j0 : (g.m-1)*g.ldc+j1]
		if g.dots {
			g.nbits.gemmDots(g.bytes, g.words, c, bias, g.ldc, g.m, j0, j1, k0, k1, flags)
			continue
		}
		a := g.a[k0 : (g.m-1)*g.lda+k1]
		if g.half != nil {
			g.half.gemm(a, c, bias, g.lda, g.ldc, g.m, j0, j1, k0, k1, flags)
		} else {
			g.nbits.gemm(a, g.sums, c, bias, g.lda, g.ldc, g.m, j0, j1, k0, k1, flags)
		}
	}
}

// gemm runs the kernel on columns j0…j1 and k0…k1, j0 a multiple of 16 and k0 of the segment.
func (p *PackedHalf) gemm(a, c, bias []float32, lda, ldc, m, j0, j1, k0, k1, flags int) {
	panel := p.panel()
	b := p.Data[j0/panelCols*panel+k0*panelCols : roundUp(j1, panelCols)/panelCols*panel]
	if p.Brain {
		gemm_f32bf16(a, b, c, bias, lda, ldc, m, j1-j0, k1-k0, 2*panel, flags)
	} else {
		gemm_f32f16(a, b, c, bias, lda, ldc, m, j1-j0, k1-k0, 2*panel, flags)
	}
}

// gemm runs the kernel on columns j0…j1 and k0…k1, j0 a multiple of 16 and k0 of the block.
func (p *PackedNBits) gemm(a, sums, c, bias []float32, lda, ldc, m, j0, j1, k0, k1, flags int) {
	panel := p.panel()
	b := p.Data[j0/panelCols*panel+k0/p.Block*p.blockBytes() : roundUp(j1, panelCols)/panelCols*panel]
	if p.Offsets {
		flags |= gemmOffset
		sums = sums[k0/p.Block*m:]
	}
	if p.Bits == 4 {
		gemm_f32q4(a, b, sums, c, bias, lda, ldc, m, j1-j0, k1-k0, p.Block, panel, flags)
	} else {
		gemm_f32q8(a, b, sums, c, bias, lda, ldc, m, j1-j0, k1-k0, p.Block, panel, flags)
	}
}

// gemmDots runs the kernel on quantised rows, columns j0…j1 and k0…k1, j0 a multiple of 16 and k0 of the block.
func (p *PackedNBits) gemmDots(a []int8, words []uint32, c, bias []float32, ldc, m, j0, j1, k0, k1, flags int) {
	panel, lda := p.panel(), p.blocks()*p.Block
	b := p.Data[j0/panelCols*panel+k0/p.Block*p.blockBytes() : roundUp(j1, panelCols)/panelCols*panel]
	if p.Offsets {
		flags |= gemmOffset
	}
	a, words = a[k0:], words[3*(k0/p.Block)*m:]
	k, block := roundUp(k1-k0, p.Block)/4, p.Block/4
	if p.Bits == 4 {
		gemm_s8q4(a, b, words, c, bias, lda, ldc, m, j1-j0, k, block, panel, flags)
	} else {
		gemm_s8q8(a, b, words, c, bias, lda, ldc, m, j1-j0, k, block, panel, flags)
	}
}
