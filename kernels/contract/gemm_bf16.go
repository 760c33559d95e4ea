//go:build unix

package contract

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// bf16 rounds x to the nearest number with 8 significant bits, ties to even; subnormals become zero.
func bf16(x float32) float32 {
	if math.Abs(float64(x)) < 0x1p-126 {
		return float32(math.Copysign(0, float64(x)))
	}
	if x != x || math.IsInf(float64(x), 0) {
		return x
	}
	fraction, exponent := math.Frexp(float64(x))
	return float32(math.Ldexp(math.RoundToEven(math.Ldexp(fraction, 8)), exponent-8))
}

// flushed takes subnormals for zero.
func flushed(x float32) float32 {
	if math.Abs(float64(x)) < 0x1p-126 {
		return float32(math.Copysign(0, float64(x)))
	}
	return x
}

// dotBF16 is the sum of GemmBF16 in either order; a and b are rounded already.
func dotBF16(k int, tiles bool, a, b func(k int) float32) float32 {
	step := func(sum float32, k int) float32 { return flushed(kernels.FMAF32(a(k), b(k), sum)) }
	var total float32
	if !tiles {
		for i := 0; i < k; i += 2 {
			if i+1 < k {
				total = step(total, i+1)
			}
			total = step(total, i)
		}
		return total
	}
	for k0 := 0; k0 < k; k0 += 32 {
		var chain [2]float32
		for i := k0; i < min(k0+32, k); i++ {
			chain[i%2] = step(chain[i%2], i)
		}
		total = flushed(total + flushed(chain[0]+chain[1]))
	}
	return total
}

func checkGemmBF16(c *checker) {
	i := -1
	for n, s := range append(gemmSizes(), tileSizes()...) {
		if s.k == 5 && n%3 > 0 { // the nest's tails, which other products go through too
			continue
		}
		i++
		atStart, special, tiles := i%2 == 1, i%5 == 4, i%3 > 0
		act, lda, ldc := kernels.Activation(i%2), s.k, s.n
		if i%7 < 3 {
			lda, ldc = lda+3, ldc+5
		}
		c.name = fmt.Sprintf("m=%d n=%d k=%d lda=%d ldc=%d act=%d special=%v tiles=%v", s.m, s.n, s.k, lda, ldc, act, special, tiles)
		a, b := buffer[float32](c, "a", lengthOf(s.m, s.k, lda), atStart), make([]float32, s.k*s.n)
		got := buffer[float32](c, "c", lengthOf(s.m, s.n, ldc), atStart)
		var bias []float32
		if i%4 > 0 {
			bias = buffer[float32](c, "bias", s.n, atStart)
			c.fillF32(bias, 1, special)
		}
		scale := 1.0
		if i%6 == 5 { // products around the smallest normal number
			scale = 0x1p-63
		}
		c.fillF32(a, scale, special)
		c.fillF32(b, scale, special)
		packed := kernels.PackBF16(s.k, s.n, b, s.n, 1)
		packed.Tiles = tiles
		guarded := buffer[uint16](c, "b", len(packed.Data), atStart)
		copy(guarded, packed.Data)
		packed.Data = guarded
		want := make([]float32, len(got))
		for j := range got {
			got[j] = testkit.Canary
			want[j] = testkit.Canary
		}
		ra, rb := make([]float32, len(a)), make([]float32, len(b))
		for j, v := range a {
			ra[j] = bf16(v)
		}
		for j, v := range b {
			rb[j] = bf16(v)
		}
		for r := range s.m {
			for j := range s.n {
				sum := dotBF16(s.k, tiles, func(k int) float32 { return ra[r*lda+k] }, func(k int) float32 { return rb[k*s.n+j] })
				if bias != nil {
					sum += bias[j]
				}
				if act == kernels.ActRelu && sum < 0 {
					sum = 0
				}
				want[r*ldc+j] = sum
			}
		}
		c.run(func() { kernels.GemmBF16(nil, s.m, a, lda, packed, got, ldc, bias, &kernels.Epilogue{Act: act}) })
		testkit.EqualF32(c.t, c.name, got, want)
	}
}

func checkRoundBF16(c *checker) {
	for i, n := range lengths() {
		c.name = fmt.Sprintf("n=%d", n)
		x, got := buffer[float32](c, "x", n, i%2 == 1), buffer[uint16](c, "dst", n, i%2 == 1)
		c.fillF32(x, 1, i%3 > 0)
		for j := range x {
			if j%5 == 0 { // any bits, many of them halves
				x[j] = math.Float32frombits(c.r.Uint32() &^ (0x7fff * (c.r.Uint32() & 1)))
			}
		}
		c.run(func() { kernels.RoundBF16(got, x) })
		for j, v := range x {
			have, want := math.Float32frombits(uint32(got[j])<<16), bf16(v)
			if math.Float32bits(have) != math.Float32bits(want) && !(have != have && want != want) {
				c.t.Fatalf("%s: element %d: %g (%#x) became %g, want %g", c.name, j, v, math.Float32bits(v), have, want)
			}
		}
	}
}
