package kernels

import (
	"fmt"
	"sync"

	"github.com/hotpath/hotpath/internal/cpu"
)

const (
	// A's block of 96×256 floats is a fifth of a 512 KiB L2, B's of 256×256 half of it. 48 and 192 rows, 128 and 512 columns were
	// within the noise of 5 % at 512³ and 1024³ (BenchmarkGemmF32, AVX2 on Zen 3).
	blockRows = 96
	blockCols = 256
	// wideRows is blockRows where tiles are 14 rows high and the L2 has 1 MiB or more: B is read from the last level 2.3 times less often.
	// 1024³ takes 0.973 [0.960, 0.986] of the time, 512³ 1.000 (bench compare, AVX-512 on Emerald Rapids).
	wideRows = 224
	// maxCall multiply-adds bound one kernel call, during which the goroutine cannot be preempted, to 130 µs of AVX2.
	maxCall = blockRows * blockCols * kSegment
	// stripCols columns share a copied block of A, so that the copy is under 1 % of the work.
	stripCols = 2048
)

// blocks cuts an m×n matrix into blocks, numbered down the columns so that neighbours share a block of B. A kernel call covers at
// most call columns of one.
type blocks struct{ m, n, rowBlocks, rows, cols, call int }

// newBlocks makes blocks for kernel calls that go through depth elements of K. With strips, a block is many calls wide.
func newBlocks(m, n, depth int, strips bool) blocks {
	rows, cols := blockRows, blockCols
	if tier >= cpu.AVX512 {
		rows = wideRows
	}
	for rows*cols*depth > maxCall && cols > 64 {
		cols /= 2
	}
	for rows*cols*depth > maxCall && rows > 12 {
		rows /= 2
	}
	if strips {
		return blocksOf(m, n, rows, stripCols, cols)
	}
	return blocksOf(m, n, rows, cols, cols)
}

func blocksOf(m, n, rows, cols, call int) blocks {
	return blocks{m: m, n: n, rowBlocks: (m + rows - 1) / rows, rows: rows, cols: cols, call: min(call, cols)}
}

const (
	// chunksPerThread evens out threads that start late or are slower: with 4 the last one ends a quarter late at worst.
	chunksPerThread = 4
	// minChunk multiply-adds, about 2 µs, keep the claim of a chunk (some 50 ns) and its reloading of A and B small.
	minChunk = 100_000
)

// split makes the blocks of an m×n×k product smaller until there are enough for the threads. It halves rows as long as
// they stay whole tiles, then columns.
func (s blocks) split(k, threads int) blocks {
	for s.count() < chunksPerThread*threads && min(s.rows, s.m)*min(s.cols, s.n)*k > 2*minChunk {
		switch {
		case s.rows > 24 && s.m > 24:
			s = blocksOf(s.m, s.n, s.rows/2, s.cols, s.call)
		case s.cols > 64:
			s = blocksOf(s.m, s.n, s.rows, s.cols/2, s.call)
		default:
			return s
		}
	}
	return s
}

func (s *blocks) count() int { return s.rowBlocks * ((s.n + s.cols - 1) / s.cols) }

// block returns rows i0…i1 and columns j0…j1 of block number i.
func (s *blocks) block(i int) (i0, i1, j0, j1 int) {
	i0, j0 = i%s.rowBlocks*s.rows, i/s.rowBlocks*s.cols
	return i0, min(i0+s.rows, s.m), j0, min(j0+s.cols, s.n)
}

// scratch is memory for a block of A in another form. Chunks borrow it for the time they run.
type scratch struct {
	f32   []float32
	s16   []int16
	u16   []uint16
	u8    []uint8
	s32   []int32
	right []float32 // packed block of B
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// grown returns x with n elements, their values undefined.
func grown[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n)
	}
	return x[:n]
}

// checkGemm panics unless m×k elements of A and m×n elements of C are in range.
func checkGemm(m, k, n, lenA, lda, lenC, ldc int) {
	if m < 0 || lda < k || ldc < n || m > 0 && ((m-1)*lda+k > lenA || (m-1)*ldc+n > lenC) {
		panic(fmt.Sprintf("kernels: gemm %d×%d×%d: A has %d elements with lda %d, C has %d with ldc %d", m, n, k, lenA, lda, lenC, ldc))
	}
}

// checkStrided panics unless a k×n matrix with these strides fits in length elements.
func checkStrided(k, n, length, rowStride, colStride int) {
	if k < 0 || n < 0 || rowStride < 0 || colStride < 0 || k > 0 && n > 0 && (k-1)*rowStride+(n-1)*colStride >= length {
		panic(fmt.Sprintf("kernels: a %d×%d matrix with strides %d, %d does not fit in %d elements", k, n, rowStride, colStride, length))
	}
}

func roundUp(x, to int) int { return (x + to - 1) / to * to }
