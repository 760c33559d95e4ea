package kernels

// SeluF32 computes, for i < len(x),
//
//	dst[i] = gamma·(alpha·(e^x[i] − 1) if x[i] < 0, else x[i])
//
// (Klambauer et al., 2017), as EluF32 and one product more. NaN stays NaN. dst may be x; len(dst) ≥ len(x).
func SeluF32(dst, x []float32, alpha, gamma float32) {
	elementwise(dst, x, func(dst, x []float32) { selu_f32(dst, x, alpha, gamma) })
}

// CeluF32 computes, for i < len(x) and alpha > 0,
//
//	dst[i] = alpha·(e^(x[i]/alpha) − 1) if x[i] < 0, else x[i]
//
// (Barron, 2017). NaN stays NaN. dst may be x; len(dst) ≥ len(x).
func CeluF32(dst, x []float32, alpha float32) {
	elementwise(dst, x, func(dst, x []float32) { celu_f32(dst, x, alpha) })
}

// MishF32 computes dst[i] = x[i]·tanh(ln(1 + e^x[i])) for i < len(x) (Misra, 2019).
//
// Error at most 4.5 ULP for x ≥ −87 (TestMishULP); below, e^x is subnormal. −Inf gives NaN, as −Inf·0; NaN stays NaN. dst may be x;
// len(dst) ≥ len(x).
func MishF32(dst, x []float32) { elementwise(dst, x, mish_f32) }

// SoftsignF32 computes dst[i] = x[i]/(1 + |x[i]|) for i < len(x), a sum and a division; ±Inf give NaN. dst may be x; len(dst) ≥ len(x).
func SoftsignF32(dst, x []float32) { elementwise(dst, x, softsign_f32) }

// ThresholdedReluF32 computes dst[i] = x[i] if x[i] > alpha, else 0, for i < len(x). dst may be x; len(dst) ≥ len(x).
func ThresholdedReluF32(dst, x []float32, alpha float32) {
	elementwise(dst, x, func(dst, x []float32) { thresholded_relu_f32(dst, x, alpha) })
}

// ShrinkF32 computes, for i < len(x), dst[i] = x[i] + bias if x[i] < −lambda, x[i] − bias if x[i] > lambda, else 0; the first rule wins.
// dst may be x; len(dst) ≥ len(x).
func ShrinkF32(dst, x []float32, bias, lambda float32) {
	elementwise(dst, x, func(dst, x []float32) { shrink_f32(dst, x, bias, lambda) })
}

func selu_f32_ref(dst, x []float32, alpha, gamma float32) {
	elu_f32_ref(dst, x, alpha)
	mapRef(dst[:len(x)], dst[:len(x)], func(v float32) float32 { return v * gamma })
}

func celu_f32_ref(dst, x []float32, alpha float32) {
	mapRef(dst, x, func(v float32) float32 {
		if !(v < 0) {
			return v
		}
		return alpha * expm1Scaled(expReduce(clipRef(v/alpha, eluMin, 0)))
	})
}

// mish_f32_ref: with u = e^−|x|, tanh(ln(1 + e^x)) is (u² + 2u)/(u² + 2u + 2) for x < 0 and (1 + 2u)/(1 + 2u + 2u²) else.
func mish_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		u := expRef(-absRef(v))
		twice := u + u
		num := twice + 1
		den := FMAF32(twice, u, num)
		if v < 0 {
			num = FMAF32(u, u, twice)
			den = num + 2
		}
		return v * (num / den)
	})
}

func softsign_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 { return v / (1 + absRef(v)) })
}

func thresholded_relu_f32_ref(dst, x []float32, alpha float32) {
	mapRef(dst, x, func(v float32) float32 {
		if alpha < v {
			return v
		}
		return 0
	})
}

func shrink_f32_ref(dst, x []float32, bias, lambda float32) {
	mapRef(dst, x, func(v float32) float32 {
		switch {
		case v < -lambda:
			return v + bias
		case lambda < v:
			return v - bias
		}
		return 0
	})
}
