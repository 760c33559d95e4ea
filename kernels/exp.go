package kernels

import "math"

// Coefficients of (e^r − 1 − r)/r², |r| ≤ ln2/2: a minimax fit of e^r in relative error (Lawson's algorithm on 2,000 Chebyshev nodes),
// 0.03 ULP. ln 2 is in two parts of which n·ln2Hi is exact (Cody and Waite, "Software Manual for the Elementary Functions", 1980).
const (
	expMin   = -104     // below: rounds to 0
	expMax   = 89       // above: overflows to +Inf
	expRound = 0x1.8p23 // added to a number of less than 22 bits, it rounds that to an integer, ties to even
	log2e    = 1.44269504088896341
	ln2Hi    = 0.693359375
	ln2Lo    = -2.12194440e-4
	exp4     = 0.0013818296
	exp3     = 0.008368532
	exp2     = 0.041668292
	exp1     = 0.16666523
	exp0     = 0.49999994
)

// ExpF32 computes dst[i] = e^x[i] for i < len(x).
//
// Error at most 0.92 ULP (TestExpULP; 0.901 found exhaustively), subnormal results included; +Inf above 88.7228, 0 below −103.972, NaN
// stays NaN. dst may be x; len(dst) ≥ len(x).
func ExpF32(dst, x []float32) { elementwise(dst, x, exp_f32) }

func exp_f32_ref(dst, x []float32) { mapRef(dst, x, expRef) }

// expRef returns e^x.
func expRef(x float32) float32 { return expScaled(expReduce(clipRef(x, expMin, expMax))) }

// expProduct returns e^(a·b) for −170 < a·b ≤ 0 without rounding the product, which would cost up to six bits.
func expProduct(a, b float32) float32 {
	n := FMAF32(a*log2e, b, expRound) - expRound
	r := FMAF32(a, b, -(n * ln2Hi))
	return expScaled(n, FMAF32(n, -ln2Lo, r))
}

// expReduce writes x = n·ln2 + r.
func expReduce(x float32) (n, r float32) {
	n = FMAF32(x, log2e, expRound) - expRound
	r = FMAF32(n, -ln2Hi, x)
	return n, FMAF32(n, -ln2Lo, r)
}

// expScaled returns 2^n·e^r.
func expScaled(n, r float32) float32 {
	p := FMAF32(FMAF32(expTail(r), r, 1), r, 1)
	if n != n {
		return p
	}
	k := int32(n)
	half := k >> 1
	return p * pow2(half) * pow2(k-half) // in two factors, so that subnormal results round once
}

// expm1Scaled returns 2^n·e^r − 1 = 2^n·(e^r − 1) + (2^n − 1) for n ≤ 0: 2^n − 1 is exact or near it.
func expm1Scaled(n, r float32) float32 {
	scale := pow2(int32(n))
	return FMAF32(FMAF32(expTail(r), r*r, r), scale, scale-1)
}

// expTail returns (e^r − 1 − r)/r².
func expTail(r float32) float32 { return hornerF32(r, exp4, exp3, exp2, exp1, exp0) }

// pow2 returns 2^k for −126 ≤ k ≤ 127.
func pow2(k int32) float32 { return math.Float32frombits(uint32(k+127) << 23) }
