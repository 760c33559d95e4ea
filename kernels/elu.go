package kernels

// EluF32 computes, for i < len(x),
//
//	dst[i] = alpha·(e^x[i] − 1) if x[i] < 0, else x[i]
//
// (Clevert et al., 2015), without cancellation near 0. Error at most 1 ULP for alpha = 1 (TestEluULP; 0.940 found exhaustively). NaN stays NaN. dst may be x;
// len(dst) ≥ len(x).
func EluF32(dst, x []float32, alpha float32) {
	elementwise(dst, x, func(dst, x []float32) { elu_f32(dst, x, alpha) })
}

// SoftplusF32 computes dst[i] = ln(1 + e^x[i]) for i < len(x).
//
// Error at most 3 ULP (TestSoftplusULP; 2.797 found exhaustively). NaN stays NaN. dst may be x; len(dst) ≥ len(x).
func SoftplusF32(dst, x []float32) { elementwise(dst, x, softplus_f32) }

// eluMin: below it e^x − 1 rounds to −1.
const eluMin = -25

func elu_f32_ref(dst, x []float32, alpha float32) {
	mapRef(dst, x, func(v float32) float32 {
		if !(v < 0) {
			return v
		}
		return alpha * expm1Scaled(expReduce(clipRef(v, eluMin, 0)))
	})
}

// softplus_f32_ref is max(x, 0) + ln(1+u) with u = e^−|x| ≤ 1; with s = u/(2+u), ln(1+u) = 2·atanh s = 2s + s³·P(s²). P is a minimax
// fit on 0 ≤ s ≤ ⅓, 0.002 ULP.
func softplus_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		u := expRef(-absRef(v))
		s := u / (u + 2)
		z := s * s
		p := hornerF32(z, 0.243009388, 0.214276567, 0.286168844, 0.39998877, 0.666666746)
		return relu1(v) + FMAF32(s*z, p, s+s)
	})
}
