package kernels

import "sync"

const (
	// weightRows rows of A share one reading of the weights from memory; more would grow the copy of A beyond the second-level cache.
	weightRows = 96
	// weightTile is the tallest register tile, so that cutting rows into calls leaves whole tiles.
	weightTile = 12
	// copyWeightRows rows or more are copied to lie together, as in GemmF32.
	copyWeightRows = 4
)

// gemmWeights is one product of f32 rows and packed weights of another type: half or nbits. A chunk is a range of columns.
type gemmWeights struct {
	m, n, k, lda, ldc, cols, callRows int
	a, c, bias, sums                  []float32
	act                               Activation
	half                              *PackedHalf
	nbits                             *PackedNBits
}

var (
	gemmWeightsJobs = sync.Pool{New: func() any { return new(gemmWeights) }}
	weightScratches = sync.Pool{New: func() any { return new(weightScratch) }}
)

// weightScratch holds a copy of some rows of A and the sums of their blocks.
type weightScratch struct{ rows, sums []float32 }

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
		if job.m >= copyWeightRows && g.n >= blockCols {
			job.copyRows(s)
		}
		if g.nbits != nil && g.nbits.Offsets {
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

// cut chooses columns of a chunk and rows of a call such that a call has at most maxCall multiply-adds, with whole groups of columns.
func (g *gemmWeights) cut(threads int) {
	g.cols = blockCols
	for g.cols > 64 && (g.n < g.cols*chunksPerThread*threads || min(g.m, weightTile)*g.cols*g.k > maxCall) {
		g.cols /= 2
	}
	for g.cols > panelCols && min(g.m, weightTile)*g.cols*g.k > maxCall {
		g.cols /= 2
	}
	g.callRows = max(1, maxCall/(g.cols*max(g.k, 1)*weightTile)) * weightTile
}

// Chunk computes the i-th range of columns.
func (g *gemmWeights) Chunk(i int) {
	j0 := i * g.cols
	j1 := min(j0+g.cols, g.n)
	flags := 0
	var bias []float32
	if g.bias != nil {
		flags, bias = flags|gemmBias, g.bias[j0:j1]
	}
	if g.act == ActRelu {
		flags |= gemmRelu
	}
	for i0 := 0; i0 < g.m; i0 += g.callRows {
		i1 := min(i0+g.callRows, g.m)
		a, c := g.a[i0*g.lda:(i1-1)*g.lda+g.k], g.c[i0*g.ldc+j0:(i1-1)*g.ldc+j1]
		if g.half != nil {
			g.half.gemm(a, c, bias, g.lda, g.ldc, i1-i0, j0, j1, flags)
		} else {
			g.nbits.gemm(a, g.sums, c, bias, g.lda, g.ldc, i0, i1-i0, g.m, j0, j1, flags)
		}
	}
}

// gemm runs the kernel on columns j0…j1, j0 a multiple of 16.
func (p *PackedHalf) gemm(a, c, bias []float32, lda, ldc, m, j0, j1, flags int) {
	panel := p.panel()
	b := p.Data[j0/panelCols*panel : roundUp(j1, panelCols)/panelCols*panel]
	if p.Brain {
		gemm_f32bf16(a, b, c, bias, lda, ldc, m, j1-j0, p.K, 2*panel, flags)
	} else {
		gemm_f32f16(a, b, c, bias, lda, ldc, m, j1-j0, p.K, 2*panel, flags)
	}
}

// gemm runs the kernel on rows i0…i0+m of lds and columns j0…j1, j0 a multiple of 16.
func (p *PackedNBits) gemm(a, sums, c, bias []float32, lda, ldc, i0, m, lds, j0, j1, flags int) {
	panel := p.panel()
	b := p.Data[j0/panelCols*panel : roundUp(j1, panelCols)/panelCols*panel]
	if p.Offsets {
		flags |= gemmOffset
		sums = sums[i0 : (p.blocks()-1)*lds+i0+m]
	}
	if p.Bits == 4 {
		gemm_f32q4(a, b, sums, c, bias, lda, ldc, lds, m, j1-j0, p.K, p.Block, panel, flags)
	} else {
		gemm_f32q8(a, b, sums, c, bias, lda, ldc, lds, m, j1-j0, p.K, p.Block, panel, flags)
	}
}
