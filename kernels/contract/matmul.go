//go:build unix

package contract

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// matMulSizes has one column, row and step, the edges of panels, tiles and segments, both sides of the number of rows from which B is
// packed, and more rows than one call takes.
func matMulSizes() []size {
	sizes := []size{{0, 3, 4}, {3, 0, 4}, {3, 20, 0}, {1, 1, 1}, {1, 1, 300}, {5, 1, 7}, {40, 1, 70}, {101, 18, 9}}
	for _, m := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 18} {
		for _, n := range []int{1, 15, 16, 17, 32, 33, 47, 48, 65, 128, 130} {
			sizes = append(sizes, size{m, n, 5})
		}
	}
	for _, k := range []int{1, 2, 3, 4, 6, 31, 255, 256, 257, 513} {
		sizes = append(sizes, size{1, 33, k}, size{4, 48, k}, size{17, 19, k})
	}
	return append(sizes, size{2, 530, 3}, size{3, 257, 260})
}

// checkMatMul compares batches of plain matrices with the definition, in guarded memory.
func checkMatMul(c *checker) {
	i := 0
	for _, s := range matMulSizes() {
		for form := range 4 {
			i++
			c.matMul(s, form&1 != 0, form&2 != 0, i)
		}
	}
}

// matMul checks one size; what else varies goes round with coprime periods.
func (c *checker) matMul(s size, transA, transB bool, i int) {
	atStart, special, kind, packed := i%2 == 1, i%5 == 4, 0, i%11 == 3 && s.n != 1
	p := kernels.MatMul{M: s.m, N: s.n, K: s.k, TransA: transA, TransB: transB, LDA: s.k, LDB: s.n, LDC: s.n, Batch: 1 + i%3}
	rowsA, rowsB, colsA, colsB := s.m, s.k, s.k, s.n
	if transA {
		rowsA, colsA, p.LDA = s.k, s.m, s.m
	}
	if transB {
		rowsB, colsB, p.LDB = s.n, s.k, s.k
	}
	if i%7 < 3 {
		p.LDA, p.LDB, p.LDC = p.LDA+3, p.LDB+1, p.LDC+5
	}
	p.StrideA, p.StrideB, p.StrideC = rowsA*p.LDA, rowsB*p.LDB, s.m*p.LDC
	if i%4 == 1 {
		p.StrideA += 2
	}
	switch {
	case i%5 == 1 || packed:
		p.StrideB = 0
	case i%9 == 2:
		p.StrideA = 0
	}
	matrices := func(operand string, rows, cols, ld, stride int) []float32 {
		if rows == 0 || cols == 0 {
			return nil
		}
		return buffer[float32](c, operand, (p.Batch-1)*stride+lengthOf(rows, cols, ld), atStart)
	}
	p.A, p.B = matrices("a", rowsA, colsA, p.LDA, p.StrideA), matrices("b", rowsB, colsB, p.LDB, p.StrideB)
	got := matrices("c", s.m, s.n, p.LDC, p.StrideC)
	c.fillF32(p.A, 1, special)
	c.fillF32(p.B, 1, special)
	if i%3 == 1 {
		p.Bias = buffer[float32](c, "bias", s.n, atStart)
		c.fillF32(p.Bias, 1, special)
	}
	if i%4 == 2 {
		p.Epilogue.Act = kernels.ActRelu
	}
	if i%6 == 5 {
		kind = 1 + i/6%(len(residuals)-1)
		c.residual(&p.Epilogue, kind, s.m, s.n, atStart) // one for the whole batch
	}
	c.name = fmt.Sprintf("m=%d n=%d k=%d transA=%v transB=%v lda=%d ldb=%d ldc=%d batch=%d strides %d %d %d residual %s special=%v packed=%v", s.m, s.n, s.k,
		transA, transB, p.LDA, p.LDB, p.LDC, p.Batch, p.StrideA, p.StrideB, p.StrideC, residuals[kind].name, special, packed)
	for j := range got {
		got[j] = testkit.Canary
	}
	want, aBefore, bBefore := slices.Clone(got), slices.Clone(p.A), slices.Clone(p.B)
	for t := range p.Batch {
		if s.m == 0 || s.n == 0 {
			break
		}
		a, b := dense(p.A, t*p.StrideA, s.m, s.k, p.LDA, transA), dense(p.B, t*p.StrideB, s.k, s.n, p.LDB, transB)
		product(s, a, s.k, b, want[t*p.StrideC:], p.LDC, p.Bias, kernels.ActNone)
		finish(&p.Epilogue, s.m, s.n, want[t*p.StrideC:], p.LDC)
	}
	p.C = got
	if packed {
		p.Packed = pack(s, dense(p.B, 0, s.k, s.n, p.LDB, transB), false)
		p.B = nil
	}
	c.run(func() { kernels.MatMulF32(nil, &p) })
	testkit.EqualF32(c.t, c.name, got, want)
	testkit.EqualF32(c.t, c.name+": a", p.A, aBefore)
	if !packed {
		testkit.EqualF32(c.t, c.name+": b", p.B, bBefore)
	}
}

// dense copies a matrix of rows×cols that is stored, perhaps transposed, from at on.
func dense(x []float32, at, rows, cols, ld int, transposed bool) []float32 {
	out := make([]float32, rows*cols)
	for i := range rows {
		for j := range cols {
			from := at + i*ld + j
			if transposed {
				from = at + j*ld + i
			}
			out[i*cols+j] = x[from]
		}
	}
	return out
}
