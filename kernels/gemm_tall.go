package kernels

import "github.com/hotpath/hotpath/internal/cpu"

const (
	// tallTile is the height of the tallest tile of gemm_tall_f32, tallQuad what heights are multiples of.
	tallTile, tallQuad = 28, 4
	// minTall rows from where A is packed for it: fewer are too few chains to hide the latency of a multiply-add.
	minTall = 9
	// tallShared elements of A, 1 MiB, are packed at once and stay in the second-level cache. More is cut into slabs of rows. Where those
	// were lower than wideRows, blocks of as many are packed by themselves, a segment of K at a time.
	tallShared = 256 << 10
	// tallSerial elements are packed by the caller alone, in 3 µs.
	tallSerial = 16 << 10
	// packTallCols columns of a tile are packed at a time: with more, source and destination do not fit the first-level cache.
	packTallCols = 128
)

// TakesTall reports whether products of m rows with packed weights go to gemm_tall_f32 on tier t. Against gemm_f32 it takes, with weights from the last level of the
// cache, 0.75 of the time at 16 rows; at 128 rows 0.8 to 0.9 beside a busy neighbour of the core and 0.96 to 1 without; at 1024 rows 0.96
// to 1.02 (K and N 384 and 1536, Emerald Rapids).
func TakesTall(t cpu.Tier, m int) bool { return t >= cpu.AVX512 && m >= minTall }

// tallHeight is the height of tiles that m rows are cut into evenly.
func tallHeight(m int) int {
	tiles := (m + tallTile - 1) / tallTile
	return roundUp((m+tiles-1)/max(1, tiles), tallQuad)
}

// tallA is what a product knows about A in tall tiles.
type tallA struct {
	height  int       // of tiles; 0: A is read in place
	shared  []float32 // all of A: [segment of K][tile][k][row of the tile]; nil: each chunk packs its own
	packing bool      // chunks pack shared
}

func (t *tallA) own() bool { return t.height > 0 && t.shared == nil }

// block returns rows from i0 on, which begins a tile, of the segment k0…k0+kc of m packed rows.
func (t *tallA) block(m, k0, kc, i0, rows int) []float32 {
	return t.shared[k0*roundUp(m, tallQuad)+i0*kc:][:roundUp(rows, tallQuad)*kc]
}

// runTall computes g by tall tiles.
func (g gemmF32) runTall(pool *Pool, m int) {
	n, k := g.b.N, g.b.K
	if most := tallShared / max(1, k) / tallQuad * tallQuad; m > most && most >= wideRows {
		slabs := (m + most - 1) / most
		g.runSlabs(pool, m, roundUp((m+slabs-1)/slabs, tallQuad))
		return
	}
	if !pool.worthwhile(m, n, k, gemmF32Rate) {
		pool = nil
	}
	job := gemmF32Jobs.Get().(*gemmF32)
	*job = g
	if size := roundUp(m, tallQuad) * k; size <= tallShared {
		s := scratches.Get().(*scratch)
		defer scratches.Put(s)
		s.f32 = grown(s.f32, size)
		height := tallHeight(m)
		job.tall = tallA{height: height, shared: s.f32, packing: true}
		job.blocks = blocks{m: m, n: n}
		packers := pool
		if size <= tallSerial {
			packers = nil
		}
		packers.Run((m+height-1)/height*((k+kSegment-1)/kSegment), job)
		job.tall.packing = false
		rows := height * max(1, wideRows/height)
		job.blocks = blocksOf(m, n, rows, blockCols, blockCols)
		cols := tallCall(min(m, rows))
		if threads := pool.Threads(); threads > 1 {
			even := (job.rowBlocks*n + chunksPerThread*threads - 1) / (chunksPerThread * threads)
			cols = min(cols, roundUp(max(even, minChunk/(min(m, rows)*k)), panelCols))
		}
		job.blocks = blocksOf(m, n, rows, cols, cols)
	} else {
		rows := wideRows
		if threads := pool.Threads(); threads > 1 {
			rows = min(rows, max(2*tallTile, roundUp((m+chunksPerThread*threads-1)/(chunksPerThread*threads), tallQuad)))
		}
		job.tall.height = tallHeight(rows)
		job.blocks = blocksOf(m, n, rows, stripCols, tallCall(rows))
	}
	pool.Run(job.count(), job)
	*job = gemmF32{}
	gemmF32Jobs.Put(job)
}

// runSlabs computes g by slabs of rows.
func (g gemmF32) runSlabs(pool *Pool, m, rows int) {
	for i := 0; i < m; i += rows {
		slab := g
		slab.a, slab.c = g.a[i*g.lda:], g.c[i*g.ldc:]
		if g.epilogue.Residual != nil {
			slab.epilogue.Residual = g.epilogue.Residual[i*g.epilogue.ResidualRow:]
		}
		slab.runTall(pool, min(rows, m-i))
	}
}

// tallCall is how many columns a call covers with so many rows.
func tallCall(rows int) int {
	call := blockCols
	for rows*call*kSegment > maxCall && call > 64 {
		call /= 2
	}
	return call
}

// packTile packs tile i of A, counted through the segments of K.
func (g *gemmF32) packTile(i int) {
	tiles := (g.m + g.tall.height - 1) / g.tall.height
	k0, r := i/tiles*kSegment, i%tiles*g.tall.height
	kc, rows := min(kSegment, g.b.K-k0), min(g.tall.height, g.m-r)
	packTall(g.tall.block(g.m, k0, kc, r, rows), g.a[r*g.lda+k0:], g.lda, rows, kc)
}

// tallRows packs rows×k elements of a in tiles of this height.
func (s *scratch) tallRows(a []float32, lda, rows, k, height int) []float32 {
	s.f32 = grown(s.f32, roundUp(rows, tallQuad)*k)
	for i := 0; i < rows; i += height {
		m := min(height, rows-i)
		packTall(s.f32[i*k:][:roundUp(m, tallQuad)*k], a[i*lda:], lda, m, k)
	}
	return s.f32
}

// packTall packs one tile of m rows; rows up to the height of the tile are 0.
func packTall(dst, a []float32, lda, m, k int) {
	height := roundUp(m, tallQuad)
	m4, k4 := m/tallQuad*tallQuad, k/4*4
	if m4 > 0 {
		for i := 0; i < k4; i += packTallCols {
			n := min(packTallCols, k4-i)
			pack_tall_f32(dst[i*height:(i+n-1)*height+m4], a[i:(m4-1)*lda+i+n], m4, n, height, lda)
		}
	}
	for r := range height {
		first := 0
		if r < m4 {
			first = k4
		}
		for i := first; i < k; i++ {
			v := float32(0)
			if r < m {
				v = a[r*lda+i]
			}
			dst[i*height+r] = v
		}
	}
}

// gemm_tall_f32_ref is gemm_f32_ref, without gemmFrom, of rows packed in tiles: tile t holds element k of row t·rows+r at
// a[t·rows·kc + k·h + r], h being rows or, in the last tile, the rows left rounded up to a multiple of 4.
func gemm_tall_f32_ref(a, b, c, bias []float32, ldc, m, n, rows, kc, flags int) {
	tile := make([]float32, rows*kc)
	for i := 0; i < m; i += rows {
		height := min(rows, roundUp(m-i, tallQuad))
		for k := range kc {
			for r := range height {
				tile[r*kc+k] = a[i*kc+k*height+r]
			}
		}
		gemm_f32_ref(tile, b, c[i*ldc:], bias, kc, ldc, min(rows, m-i), n, kc, flags)
	}
}

// pack_tall_f32_ref is transpose_f32_ref.
func pack_tall_f32_ref(dst, src []float32, rows, cols, ldd, lds int) {
	transpose_f32_ref(dst, src, rows, cols, ldd, lds)
}
