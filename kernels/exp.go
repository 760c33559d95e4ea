package kernels

import "math"

// Coefficients of e^r − 1 − r over r², |r| ≤ ln2/2 (Cephes expf, S. Moshier), and ln 2 in two parts of which n·ln2Hi is exact.
const (
	expMin = -104 // below: rounds to 0
	expMax = 89   // above: overflows to +Inf
	log2e  = 1.44269504088896341
	ln2Hi  = 0.693359375
	ln2Lo  = -2.12194440e-4
	exp5   = 1.9875691500e-4
	exp4   = 1.3981999507e-3
	exp3   = 8.3334519073e-3
	exp2   = 4.1665795894e-2
	exp1   = 1.6666665459e-1
	exp0   = 5.0000001201e-1
)

// ExpF32 computes dst[i] = e^x[i] for i < len(x).
//
// Error at most 1.02 ULP (TestExpULP; 1.010 found exhaustively), subnormal results included; +Inf above 88.7228, 0 below −103.972, NaN
// stays NaN. dst may be x; len(dst) ≥ len(x).
func ExpF32(dst, x []float32) { expSub(dst, x, 0) }

// expSub computes dst[i] = e^(x[i]−sub).
func expSub(dst, x []float32, sub float32) {
	dst = dst[:len(x)]
	for len(x) > elementwiseBlock {
		exp_f32(dst[:elementwiseBlock], x[:elementwiseBlock], sub)
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	exp_f32(dst, x, sub)
}

func exp_f32_ref(dst, x []float32, sub float32) {
	for i, v := range x {
		dst[i] = expRef(v - sub)
	}
}

// expRef returns e^x.
func expRef(x float32) float32 { return expSum(x, 0) }

// expSum returns e^(x+lo) for a small correction lo, where the sum would round.
func expSum(x, lo float32) float32 {
	if x > expMax {
		x = expMax
	}
	if x < expMin {
		x = expMin
	}
	n, p := expReduce(x, lo)
	p++
	if n != n {
		return p
	}
	k := int32(n)
	half := k >> 1
	return p * pow2(half) * pow2(k-half) // in two factors, so that subnormal results round once
}

// expReduce writes x+lo = n·ln2 + r and returns n and e^r − 1.
func expReduce(x, lo float32) (n, p float32) {
	n = roundEven(x * log2e)
	r := FMAF32(n, -ln2Hi, x)
	r = FMAF32(n, -ln2Lo, r) + lo
	p = FMAF32(exp5, r, exp4)
	p = FMAF32(p, r, exp3)
	p = FMAF32(p, r, exp2)
	p = FMAF32(p, r, exp1)
	p = FMAF32(p, r, exp0)
	return n, FMAF32(p, r*r, r)
}

// pow2 returns 2^k for −126 ≤ k ≤ 127.
func pow2(k int32) float32 { return math.Float32frombits(uint32(k+127) << 23) }
