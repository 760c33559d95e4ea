package kernels

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/hotpath/hotpath/internal/testkit"
)

// matMulOf is a dense batch of products with random operands.
func matMulOf(m, n, k, batch int, transA, transB bool) *MatMul {
	p := &MatMul{M: m, N: n, K: k, LDA: k, TransA: transA, LDB: n, TransB: transB, LDC: n, Batch: batch, StrideA: m * k, StrideB: k * n, StrideC: m * n}
	if transA {
		p.LDA = m
	}
	if transB {
		p.LDB = k
	}
	p.A, p.B, p.C = randomF32(batch*m*k), randomF32(batch*k*n), make([]float32, batch*m*n)
	p.Epilogue = Epilogue{Act: ActGelu, Residual: randomF32(batch * m * n), ResidualRow: n, ResidualCol: 1}
	p.StrideResidual = m * n
	return p
}

// TestMatMulPool: several goroutines share a pool, with the collector running, and each product has the bits that it has alone.
func TestMatMulPool(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	var wg sync.WaitGroup
	for _, s := range []struct {
		m, n, k, batch int
		transA, transB bool
	}{{1, 1000, 520, 1, false, false}, {5, 700, 300, 2, false, true}, {30, 64, 128, 12, false, true}, {200, 300, 100, 1, true, false}, {128, 32, 128, 9, false, false}, {700, 1, 600, 1, false, false}} {
		if Tier() == 0 && s.m > 5 {
			continue // seconds on the reference
		}
		p := matMulOf(s.m, s.n, s.k, s.batch, s.transA, s.transB)
		MatMulF32(nil, p)
		wg.Go(func() {
			q := *p
			q.C = make([]float32, len(p.C))
			for range 20 {
				clear(q.C)
				MatMulF32(pool, &q)
				if !slices.Equal(p.C, q.C) {
					t.Errorf("m=%d n=%d k=%d batch=%d: the pool changes the result", s.m, s.n, s.k, s.batch)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		runtime.GC()
		select {
		case <-done:
			return
		default:
		}
	}
}

// TestEpiloguePool: the pool's blocks apply the epilogue once to each element.
func TestEpiloguePool(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	const m, n, k = 50, 500, 60
	a, b, bias, residual := randomF32(m*k), PackF32(k, n, randomF32(k*n), n, 1), randomF32(n), randomF32(m*n)
	alone, shared := make([]float32, m*n), make([]float32, m*n)
	for act := range numActivations {
		e := &Epilogue{Act: act, Alpha: 0.25, Beta: 0.5, Residual: residual, ResidualRow: n, ResidualCol: 1}
		GemmF32(nil, m, a, k, b, alone, n, bias, e)
		GemmF32(pool, m, a, k, b, shared, n, bias, e)
		if !slices.Equal(alone, shared) {
			t.Errorf("activation %d: the pool changes the result", act)
		}
	}
}

// TestGemmRows: rows of a tall product, which is computed in slabs, have the bits that they have alone.
func TestGemmRows(t *testing.T) {
	if Tier() == 0 {
		t.Skip("seconds on the reference")
	}
	const m, n, k = 1100, 33, 300
	a, b, bias, residual := randomF32(m*k), PackF32(k, n, randomF32(k*n), n, 1), randomF32(n), randomF32(m*n)
	whole, row := make([]float32, m*n), make([]float32, n)
	for _, ld := range []int{0, n} {
		e := Epilogue{Act: ActGelu, Residual: residual, ResidualRow: ld, ResidualCol: 1}
		GemmF32(nil, m, a, k, b, whole, n, bias, &e)
		for i := range m {
			e.Residual = residual[i*ld:]
			GemmF32(nil, 1, a[i*k:], k, b, row, n, bias, &e)
			if !slices.Equal(row, whole[i*n:][:n]) {
				t.Fatalf("residual of distance %d: row %d differs", ld, i)
			}
		}
	}
}

func TestMatMulAllocations(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes pools allocate")
	}
	pool := NewPool(2)
	defer pool.Close()
	for _, transposed := range []bool{false, true} {
		for _, m := range []int{1, 40} {
			p := matMulOf(m, 100, 300, 2, transposed, transposed)
			for _, pool := range []*Pool{nil, pool} {
				if allocs := testing.AllocsPerRun(3, func() { MatMulF32(pool, p) }); allocs != 0 {
					t.Errorf("m=%d transposed=%v: %v allocations a run", m, transposed, allocs)
				}
			}
		}
	}
}

// TestMatMulChecks: operands that are too short, and impossible strides, are refused before any kernel runs.
func TestMatMulChecks(t *testing.T) {
	for name, spoil := range map[string]func(p *MatMul){
		"a":        func(p *MatMul) { p.A = p.A[1:] },
		"b":        func(p *MatMul) { p.B = p.B[1:] },
		"c":        func(p *MatMul) { p.C = p.C[1:] },
		"bias":     func(p *MatMul) { p.Bias = p.A[:p.N-1] },
		"residual": func(p *MatMul) { p.Epilogue.Residual = p.Epilogue.Residual[1:] },
		"lda":      func(p *MatMul) { p.LDA-- },
		"stride":   func(p *MatMul) { p.StrideB = -1 },
		"act":      func(p *MatMul) { p.Epilogue.Act = numActivations },
		"packed":   func(p *MatMul) { p.Packed = PackF32(1, 1, p.B, 1, 1) },
	} {
		p := matMulOf(3, 5, 7, 2, false, true)
		spoil(p)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: not refused", name)
				}
			}()
			MatMulF32(nil, p)
		}()
	}
}
