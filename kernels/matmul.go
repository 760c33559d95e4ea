package kernels

import (
	"fmt"
	"sync"
)

// MatMul is a batch of products of matrices as they lie in memory. Matrix t of A starts at A[t·StrideA], and so on; a stride of 0 lets
// one matrix serve the whole batch.
type MatMul struct {
	M, N, K int
	A       []float32 // [M × K] with rows LDA apart; TransA: [K × M]
	LDA     int
	TransA  bool
	B       []float32 // [K × N] with rows LDB apart; TransB: [N × K]. Unused with Packed.
	LDB     int
	TransB  bool
	Packed  *PackedF32  // one packed matrix for the whole batch
	BF16    *PackedBF16 // the same for the fast mode of GemmBF16; not with TransA
	C       []float32   // [M × N] with rows LDC apart
	LDC     int
	Bias    []float32 // nil, or N long

	Batch                                     int
	StrideA, StrideB, StrideC, StrideResidual int

	Epilogue Epilogue
}

// MatMulF32 computes, for t < Batch, i < M and j < N,
//
//	C[t][i][j] = epilogue(Σ_k A[t][i][k] · B[t][k][j] + Bias[j])
//
// in the order of GemmF32, so that a product has the same bits whether B is packed beforehand or not, transposed or not, whatever M, N
// and Batch. Strides are not negative and matrices of C do not overlap; C must not overlap
// any operand. pool may be nil. It panics where an operand is too short.
//
// Few rows read B where it lies; more rows share blocks of B that are packed as they are reached.
func MatMulF32(pool *Pool, p *MatMul) {
	p.check()
	if p.M == 0 || p.N == 0 || p.Batch == 0 {
		return
	}
	g := matMulF32{MatMul: *p}
	g.fold()
	if g.BF16 != nil {
		for t := range g.Batch {
			e := g.Epilogue
			if e.Residual != nil {
				e.Residual = e.Residual[t*g.StrideResidual:]
			}
			GemmBF16(pool, g.M, g.A[t*g.StrideA:], g.LDA, g.BF16, g.C[t*g.StrideC:], g.LDC, g.Bias, &e)
		}
		return
	}
	if g.Packed != nil && g.Batch == 1 && !g.TransA {
		GemmF32(pool, g.M, g.A, g.LDA, g.Packed, g.C, g.LDC, g.Bias, &g.Epilogue)
		return
	}
	g.direct = g.Packed == nil && !g.TransB && g.M <= directRows
	cols := blockCols
	if g.M <= directRows && !g.direct {
		cols = fewRowsCols
	}
	g.blocks = blocksOf(g.M, g.N, g.M, cols, cols)
	if !pool.worthwhile(g.Batch*g.M, g.N, g.K, gemmF32Rate) {
		for i := range g.Batch * g.count() {
			g.Chunk(i)
		}
		return
	}
	g.split(pool.Threads())
	job := matMulJobs.Get().(*matMulF32)
	*job = g
	pool.Run(g.Batch*g.count(), job)
	*job = matMulF32{}
	matMulJobs.Put(job)
}

const (
	// Up to directRows rows read B where it lies: a packed block would not be used often enough to pay for the packing. At 8 rows of a
	// 4096×4096 matrix, packing takes 9 ms where reading in place takes 25 (Emerald Rapids, AVX-512), at 4 both take 9.
	directRows = 4
	// fewRowsCols keeps a block of B that few rows use, and that must be transposed, in the first-level cache: 64 columns are 64 KiB of a
	// segment of K, passed once.
	fewRowsCols = 64
)

var matMulJobs = sync.Pool{New: func() any { return new(matMulF32) }}

// matMulF32 is a batch of products cut into blocks of C. Unlike those of gemmF32, blocks go through all rows if they can: that packs each
// block of B once.
type matMulF32 struct {
	MatMul
	blocks
	direct bool // B is read where it lies
}

// fold merges a batch that shares B into the rows.
func (g *matMulF32) fold() {
	e := &g.Epilogue
	if g.K == 0 { // A and B may be empty, whatever their distances
		g.A, g.B, g.LDA, g.LDB, g.StrideA, g.StrideB = nil, nil, 0, 0, 0, 0
	}
	if g.Batch > 1 && g.StrideB == 0 && !g.TransA && g.StrideA == g.M*g.LDA && g.StrideC == g.M*g.LDC &&
		(e.Residual == nil || g.StrideResidual == g.M*e.ResidualRow) {
		g.M, g.Batch = g.M*g.Batch, 1
	}
}

// split makes blocks smaller until there are enough for the threads: columns first, since a block of fewer rows packs B again.
func (g *matMulF32) split(threads int) {
	rows, cols := g.rows, g.cols
	for g.Batch*g.count() < chunksPerThread*threads && min(rows, g.M)*min(cols, g.N)*g.K > 2*minChunk {
		switch {
		case cols > 64 && g.N > 64:
			cols /= 2
		case rows > blockRows:
			rows = roundUp(rows/2, blockRows)
		default:
			return
		}
		g.blocks = blocksOf(g.M, g.N, rows, cols, cols)
	}
}

// Chunk computes block i, counted through the batch.
func (g *matMulF32) Chunk(i int) {
	t := i / g.count()
	i0, i1, j0, j1 := g.block(i % g.count())
	a, c, e := g.A[t*g.StrideA:], g.C[t*g.StrideC:], g.Epilogue
	var b []float32
	if g.Packed == nil {
		b = g.B[t*g.StrideB:]
	}
	if e.Residual != nil {
		e.Residual = e.Residual[t*g.StrideResidual:]
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	for k0 := 0; k0 == 0 || k0 < g.K; k0 += kSegment {
		kc := min(kSegment, g.K-k0)
		last, flags := k0+kc == g.K, 0
		if k0 > 0 {
			flags |= gemmAdd
		}
		if last && g.Bias != nil {
			flags |= gemmBias
		}
		panels, plain := g.right(s, b, k0, kc, j0, j1)
		for r0 := i0; r0 < i1; r0 += blockRows {
			r1 := min(r0+blockRows, i1)
			rows, lda := g.left(s, a, r0, r1, k0, kc)
			if plain > j0 {
				gemm_plain_f32(rows, g.rowsOfB(b, k0, kc, j0, plain), c[r0*g.LDC+j0:(r1-1)*g.LDC+plain], g.bias(flags, j0, plain),
					lda, g.LDB, g.LDC, r1-r0, plain-j0, kc, flags)
			}
			if plain < j1 {
				gemm_f32(rows, panels, c[r0*g.LDC+plain:(r1-1)*g.LDC+j1], g.bias(flags, plain, j1), lda, g.LDC, r1-r0, j1-plain, kc, flags)
			}
			if last && !e.none() {
				e.block(c, g.LDC, r0, r1, j0, j1)
			}
		}
	}
}

func (g *matMulF32) bias(flags, j0, j1 int) []float32 {
	if flags&gemmBias == 0 {
		return nil
	}
	return g.Bias[j0:j1]
}

// right returns the packed panels of columns plain…j1; those before plain are to be read from b.
func (g *matMulF32) right(s *scratch, b []float32, k0, kc, j0, j1 int) (panels []float32, plain int) {
	if g.Packed != nil {
		return g.Packed.segment(k0, kc, j0, j1), j0
	}
	plain = j0
	if g.direct {
		plain = j0 + (j1-j0)/panelCols*panelCols
	}
	rowStride, colStride := g.LDB, 1
	if g.TransB {
		rowStride, colStride = 1, g.LDB
	}
	s.right = grown(s.right, kc*roundUp(j1-plain, panelCols))
	packPanels(s.right, b, k0, kc, plain, j1, rowStride, colStride)
	return s.right, plain
}

// rowsOfB is the part of b that holds columns j0…j1 of one segment of K.
func (g *matMulF32) rowsOfB(b []float32, k0, kc, j0, j1 int) []float32 {
	if kc == 0 {
		return nil
	}
	return b[k0*g.LDB+j0 : (k0+kc-1)*g.LDB+j1]
}

// left returns rows r0…r1 of A for one segment of K, and their distance.
func (g *matMulF32) left(s *scratch, a []float32, r0, r1, k0, kc int) (rows []float32, lda int) {
	if !g.TransA {
		return a[r0*g.LDA+k0 : (r1-1)*g.LDA+k0+kc], g.LDA
	}
	ld := kc + copyPad
	s.f32 = grown(s.f32, (r1-r0)*ld)
	if kc > 0 {
		TransposeF32(s.f32, a[k0*g.LDA+r0:], kc, r1-r0, ld, g.LDA)
	}
	return s.f32, ld
}

// packed reports whether B was packed beforehand.
func (p *MatMul) packed() bool { return p.Packed != nil || p.BF16 != nil }

// check panics where the matrices do not lie in their slices.
func (p *MatMul) check() {
	if p.Batch < 0 || p.M < 0 || p.N < 0 || p.K < 0 || p.Packed != nil && (p.Packed.K != p.K || p.Packed.N != p.N) ||
		p.BF16 != nil && (p.BF16.K != p.K || p.BF16.N != p.N || p.TransA) {
		panic(fmt.Sprintf("kernels: a batch of %d products %d×%d×%d", p.Batch, p.M, p.N, p.K))
	}
	p.Epilogue.check(p.M, p.N)
	if p.Batch == 0 {
		return
	}
	fits := func(name string, length, rows, cols, ld, stride int, transposed bool) {
		if transposed {
			rows, cols = cols, rows
		}
		if ld < cols || stride < 0 || rows > 0 && cols > 0 && (p.Batch-1)*stride+(rows-1)*ld+cols > length {
			panic(fmt.Sprintf("kernels: matmul: %s has %d elements for %d matrices of %d×%d with row distance %d, %d apart",
				name, length, p.Batch, rows, cols, ld, stride))
		}
	}
	fits("A", len(p.A), p.M, p.K, p.LDA, p.StrideA, p.TransA)
	if !p.packed() {
		fits("B", len(p.B), p.K, p.N, p.LDB, p.StrideB, p.TransB)
	}
	fits("C", len(p.C), p.M, p.N, p.LDC, p.StrideC, false)
	if e := &p.Epilogue; e.Residual != nil && p.M > 0 && p.N > 0 &&
		(p.StrideResidual < 0 || (p.Batch-1)*p.StrideResidual+(p.M-1)*e.ResidualRow+(p.N-1)*e.ResidualCol >= len(e.Residual)) {
		panic(fmt.Sprintf("kernels: matmul: a residual of %d elements for %d matrices %d apart", len(e.Residual), p.Batch, p.StrideResidual))
	}
	if p.Bias != nil && len(p.Bias) < p.N {
		panic(fmt.Sprintf("kernels: matmul: a bias of %d elements for %d columns", len(p.Bias), p.N))
	}
}
