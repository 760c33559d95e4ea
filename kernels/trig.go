package kernels

import "math"

// The trigonometric functions write |x| = n·π/2 + r with |r| ≤ π/4 and evaluate a polynomial in r. Up to trigMax the reduction takes
// three parts of π/2 by FMA (Cody and Waite): n·halfPi1 leaves x without an error, the others round r to 1 ULP. Beyond it, and for NaN
// and Inf, reduceLarge does it by integers. ±Inf and NaN give NaN; −0 stays −0. dst may be x; len(dst) ≥ len(x).

// SinF32 computes dst[i] = sin x[i], x in radians, for i < len(x). Error at most 1.7 ULP for every x (TestSinULP).
func SinF32(dst, x []float32) { trig(dst, x, sin_f32, sinLarge) }

// CosF32 computes dst[i] = cos x[i], x in radians, for i < len(x). Error at most 1.7 ULP for every x (TestCosULP).
func CosF32(dst, x []float32) { trig(dst, x, cos_f32, cosLarge) }

// TanF32 computes dst[i] = tan x[i], x in radians, for i < len(x). Error at most 3 ULP for every x (TestTanULP).
func TanF32(dst, x []float32) { trig(dst, x, tan_f32, tanLarge) }

const (
	trigMax   = 65536
	twoOverPi = 2 / math.Pi
	halfPi1   = 1.57079637050628662109375
	halfPi2   = -4.371138828673793e-08
	halfPi3   = -1.7151245100058819e-15
)

// trigBlock keeps a block of both operands in the L1 cache for the two passes over it.
const trigBlock = 2048

// trig calls f on blocks, and on those with an element that f cannot reduce trigMixed.
func trig(dst, x []float32, f func(dst, x []float32), large func(float32) float32) {
	dst = dst[:len(x)]
	for at := 0; at < len(x); at += trigBlock {
		d, in := dst[at:min(at+trigBlock, len(x))], x[at:min(at+trigBlock, len(x))]
		if amax_f32(in) <= trigMax {
			f(d, in)
		} else {
			trigMixed(d, in, f, large)
		}
	}
}

// trigMixed calls f, then puts the results of large over those that f cannot give. dst may be x, so what large needs is kept.
func trigMixed(dst, x []float32, f func(dst, x []float32), large func(float32) float32) {
	var kept [256]float32
	for at := 0; at < len(x); at += len(kept) {
		n := copy(kept[:], x[at:])
		f(dst[at:at+n], x[at:at+n])
		for i, v := range kept[:n] {
			if !(absRef(v) <= trigMax) {
				dst[at+i] = large(v)
			}
		}
	}
}

func sin_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		q, r := reduceSmall(absRef(v))
		return withSign(sinQuadrant(q, r), v)
	})
}

func cos_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		q, r := reduceSmall(absRef(v))
		return sinQuadrant(q+1, r)
	})
}

func tan_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		q, r := reduceSmall(absRef(v))
		return withSign(tanQuadrant(q, r), v)
	})
}

func sinLarge(v float32) float32 {
	q, r := reduceLarge(absRef(v))
	return withSign(sinQuadrant(q, r), v)
}

func cosLarge(v float32) float32 {
	q, r := reduceLarge(absRef(v))
	return sinQuadrant(q+1, r)
}

func tanLarge(v float32) float32 {
	q, r := reduceLarge(absRef(v))
	return withSign(tanQuadrant(q, r), v)
}

// withSign negates y where x has its sign bit set.
func withSign(y, x float32) float32 {
	return math.Float32frombits(math.Float32bits(y) ^ math.Float32bits(x)&signBit)
}

// reduceSmall returns n and r for 0 ≤ a ≤ trigMax; what it returns for others is not used.
func reduceSmall(a float32) (n int32, r float32) {
	f := roundEven(a * twoOverPi)
	r = FMAF32(-f, halfPi1, a)
	r = FMAF32(-f, halfPi2, r)
	r = FMAF32(-f, halfPi3, r)
	if !(a <= trigMax) {
		return 0, r
	}
	return int32(f), r
}

// sinQuadrant returns sin(q·π/2 + r). The polynomials are minimax fits: 0.1 and 0.01 ULP.
func sinQuadrant(q int32, r float32) float32 {
	z := r * r
	y := FMAF32(r*z, hornerF32(z, -0.00019510054, 0.00833212305, -0.166666538), r)
	if q&1 != 0 {
		y = FMAF32(z*z, hornerF32(z, 2.44271814e-05, -0.00138872641, 0.0416666456), FMAF32(z, -0.5, 1))
	}
	return math.Float32frombits(math.Float32bits(y) ^ uint32(q)<<30&signBit)
}

// tanQuadrant returns tan(q·π/2 + r). The polynomial is a minimax fit, 0.05 ULP.
func tanQuadrant(q int32, r float32) float32 {
	z := r * r
	y := FMAF32(r*z, hornerF32(z, 0.00446379092, -8.44328097e-05, 0.010970152, 0.0212315507, 0.0540694781, 0.133325815, 0.333333522), r)
	if q&1 != 0 {
		y = -1 / y
	}
	return y
}
