package kernels

// Piecewise linear activations: dst[i] = f(x[i]) for i < len(x). NaN stays NaN. dst may be x; len(dst) ≥ len(x).

// HardSigmoidF32 computes min(max(alpha·x + beta, 0), 1), the first step as one FMA.
func HardSigmoidF32(dst, x []float32, alpha, beta float32) {
	elementwise(dst, x, func(dst, x []float32) { hard_sigmoid_f32(dst, x, alpha, beta) })
}

// HardSwishF32 computes x · min(max(x/6 + ½, 0), 1) (Howard et al., "Searching for MobileNetV3", 2019), x/6 + ½ as one FMA with ⅙
// rounded to float32. −Inf gives NaN, as the product −Inf·0 does.
func HardSwishF32(dst, x []float32) { elementwise(dst, x, hard_swish_f32) }

// LeakyReluF32 computes alpha·x for x < 0, else x.
func LeakyReluF32(dst, x []float32, alpha float32) {
	elementwise(dst, x, func(dst, x []float32) { leaky_relu_f32(dst, x, alpha) })
}

// ClipF32 computes min(max(x, lo), hi); where lo > hi the result is hi.
func ClipF32(dst, x []float32, lo, hi float32) {
	elementwise(dst, x, func(dst, x []float32) { clip_f32(dst, x, lo, hi) })
}

const sixth = 1.0 / 6

func hard_sigmoid_f32_ref(dst, x []float32, alpha, beta float32) {
	mapRef(dst, x, func(v float32) float32 { return clipRef(FMAF32(alpha, v, beta), 0, 1) })
}

func hard_swish_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 { return v * clipRef(FMAF32(sixth, v, 0.5), 0, 1) })
}

func leaky_relu_f32_ref(dst, x []float32, alpha float32) {
	mapRef(dst, x, func(v float32) float32 {
		if v < 0 {
			return alpha * v
		}
		return v
	})
}

func clip_f32_ref(dst, x []float32, lo, hi float32) {
	mapRef(dst, x, func(v float32) float32 { return clipRef(v, lo, hi) })
}

func clipRef(v, lo, hi float32) float32 {
	if v < lo {
		v = lo
	}
	if v > hi {
		v = hi
	}
	return v
}
