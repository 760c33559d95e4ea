//go:build unix

package contract

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

type size struct{ m, n, k int }

// gemmSizes covers all row tails and column tails at small K, all segment edges at few shapes, and the block edges.
func gemmSizes() []size {
	ms := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 23, 29}
	ns := []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 129, 145}
	ks := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 64, 255, 256, 257, 512, 513}
	var sizes []size
	for _, m := range ms {
		for _, n := range ns {
			sizes = append(sizes, size{m, n, 5})
		}
	}
	for _, k := range ks {
		sizes = append(sizes, size{1, 1, k}, size{1, 130, k}, size{2, 40, k}, size{3, 66, k}, size{7, 19, k}, size{15, 35, k})
	}
	return append(sizes, size{97, 33, 9}, size{6, 259, 12}, size{101, 258, 6})
}

// product is the definition of GemmF32: c[i][j] from the unpacked b (k×n, row major).
func product(s size, a []float32, lda int, b []float32, c []float32, ldc int, bias []float32, act kernels.Activation) {
	for i := range s.m {
		for j := range s.n {
			var total float32
			for k0 := 0; k0 < s.k; k0 += 256 {
				var sum float32
				for k := k0; k < min(k0+256, s.k); k++ {
					sum = kernels.FMAF32(a[i*lda+k], b[k*s.n+j], sum)
				}
				if k0 == 0 {
					total = sum
				} else {
					total += sum
				}
			}
			if bias != nil {
				total += bias[j]
			}
			if act == kernels.ActRelu && total < 0 {
				total = 0
			}
			c[i*ldc+j] = total
		}
	}
}

// lengthOf returns the elements of a rows×cols matrix with leading dimension ld.
func lengthOf(rows, cols, ld int) int {
	if rows == 0 {
		return 0
	}
	return (rows-1)*ld + cols
}

func checkGemmF32(c *checker) {
	for i, s := range gemmSizes() {
		// Variants of a case go round with coprime periods.
		atStart, special, transposed, wide := i%2 == 1, i%5 == 4, i%3 == 1, i%7 < 3
		act := kernels.Activation(i % 2)
		lda, ldc := s.k, s.n
		if wide {
			lda, ldc = lda+3, ldc+5
		}
		c.name = fmt.Sprintf("m=%d n=%d k=%d lda=%d ldc=%d act=%d special=%v transposed=%v", s.m, s.n, s.k, lda, ldc, act, special, transposed)
		a := buffer[float32](c, "a", lengthOf(s.m, s.k, lda), atStart)
		b := make([]float32, s.k*s.n)
		got := buffer[float32](c, "c", lengthOf(s.m, s.n, ldc), atStart)
		var bias []float32
		if i%3 > 0 {
			bias = buffer[float32](c, "bias", s.n, atStart)
			c.fillF32(bias, 1, special)
		}
		c.fillF32(a, 1, special)
		c.fillF32(b, 1, special)
		packed := pack(s, b, transposed)
		// Kernels get the packed panels in guarded memory too.
		guarded := buffer[float32](c, "b", len(packed.Data), atStart)
		copy(guarded, packed.Data)
		packed.Data = guarded

		for j := range got {
			got[j] = testkit.Canary
		}
		want, aBefore, bBefore := slices.Clone(got), slices.Clone(a), slices.Clone(guarded)
		product(s, a, lda, b, want, ldc, bias, act)
		c.run(func() { kernels.GemmF32(nil, s.m, a, lda, packed, got, ldc, bias, &kernels.Epilogue{Act: act}) })
		testkit.EqualF32(c.t, c.name, got, want)
		testkit.EqualF32(c.t, c.name+": a", a, aBefore)
		testkit.EqualF32(c.t, c.name+": b", guarded, bBefore)
	}
	checkCopied(c)
}

// checkCopied runs a product large enough for blocks of A to be copied, each side one past its threshold, and the last segment of K
// one element long. It is too large for the guarded areas.
func checkCopied(c *checker) {
	s := size{49, 1025, 1025}
	c.name = fmt.Sprintf("copied m=%d n=%d k=%d", s.m, s.n, s.k)
	a, b, bias := make([]float32, s.m*s.k), make([]float32, s.k*s.n), make([]float32, s.n)
	c.fillF32(a, 1, false)
	c.fillF32(b, 1, false)
	c.fillF32(bias, 1, false)
	got, want := make([]float32, s.m*s.n), make([]float32, s.m*s.n)
	product(s, a, s.k, b, want, s.n, bias, kernels.ActRelu)
	packed := pack(s, b, false)
	c.run(func() {
		kernels.GemmF32(nil, s.m, a, s.k, packed, got, s.n, bias, &kernels.Epilogue{Act: kernels.ActRelu})
	})
	testkit.EqualF32(c.t, c.name, got, want)
}

func pack(s size, b []float32, transposed bool) *kernels.PackedF32 {
	if !transposed {
		return kernels.PackF32(s.k, s.n, b, s.n, 1)
	}
	bt := make([]float32, len(b))
	for k := range s.k {
		for j := range s.n {
			bt[j*s.k+k] = b[k*s.n+j]
		}
	}
	return kernels.PackF32(s.k, s.n, bt, 1, s.k)
}

// checkHalfway multiplies (1+2⁻²³)·1 + (2⁻¹²+2⁻³⁵)·(2⁻¹²−2⁻³⁵): 2⁻⁷⁰ below the middle between two floats, so it rounds down; rounded to
// float64 first, it is the middle and rounds up. Random data never meets such a sum.
func checkHalfway(c *checker) {
	for _, m := range []int{1, 2, 3, 6, 14} {
		for _, n := range []int{1, 16, 33, 128} {
			a, b := make([]float32, 2*m), make([]float32, 2*n)
			for i := range m {
				a[2*i], a[2*i+1] = 1+0x1p-23, 0x1p-12+0x1p-35
			}
			for j := range n {
				b[j], b[n+j] = 1, 0x1p-12-0x1p-35
			}
			packed, got := kernels.PackF32(2, n, b, n, 1), make([]float32, m*n)
			c.name = fmt.Sprintf("m=%d n=%d", m, n)
			c.run(func() { kernels.GemmF32(nil, m, a, 2, packed, got, n, nil, nil) })
			for i, v := range got {
				if v != 1+0x1p-23 {
					c.t.Fatalf("%s: element %d is %g, want 1+2⁻²³: rounded twice", c.name, i, v)
				}
			}
		}
	}
}
