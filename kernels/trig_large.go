package kernels

import (
	"math"
	"math/bits"
)

// twoOverPiBits holds 64 zero bits, then the first 320 fraction bits of 2/π.
var twoOverPiBits = [...]uint64{0, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0}

// reduceLarge returns q = n mod 4 and r with a = n·π/2 + r, |r| ≤ π/4, for a > trigMax; NaN for NaN and Inf.
//
// With a = m·2^e, m of 24 bits, the bits of 2/π whose product with a is a multiple of 4 are left out, and the next 128 times m give n mod
// 4 in two bits and the fraction in 126, of which the first 102 are exact (Payne and Hanek, "Radian reduction for trigonometric
// functions", 1983). No float32 is nearer than 2^-30 to a multiple of π/2, so r is correctly rounded but for 2^-30 ULP.
func reduceLarge(a float32) (q int32, r float32) {
	if !(a <= math.MaxFloat32) {
		return 0, float32(math.NaN())
	}
	b := math.Float32bits(a)
	m, e := uint64(b&(1<<23-1)|1<<23), int(b>>23)-150
	at := e + 62 // of the bit of weight 2^(1-e)
	word := func(i int) uint64 {
		w, s := i/64, uint(i%64)
		return twoOverPiBits[w]<<s | twoOverPiBits[w+1]>>1>>(63-s)
	}
	high, low := bits.Mul64(word(at+64), m)
	high += word(at) * m
	fraction := high<<2 | low>>62
	q = int32(high >> 62)
	if fraction>>63 != 0 { // nearest multiple
		q++
	}
	return q, float32(float64(int64(fraction)) * (math.Pi / 2 * 0x1p-64))
}
