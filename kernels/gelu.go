package kernels

import "math"

// The functions below are x·F(x) for a distribution function F, computed for either sign as max(x, 0) − a·F(−a) with a = |x|: the
// small upper tail keeps its relative accuracy, and one FMA rounds the rest. dst[i] = f(x[i]) for i < len(x). −Inf gives
// NaN, as the product −Inf·0 of graphs that write the function out; +Inf stays, NaN stays NaN. dst may be x; len(dst) ≥ len(x).

// GeluF32 computes x·Φ(x), Φ the normal distribution function (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
//
// Error at most 5.5 ULP for x ≥ −12 (TestGeluULP; 5.163 found exhaustively); below, results are subnormal or near it.
func GeluF32(dst, x []float32) { elementwise(dst, x, gelu_f32) }

// GeluTanhF32 computes x·½(1 + tanh(√(2/π)(x + 0.044715x³))), which is x·σ(w) with w twice the argument of tanh.
//
// Error at most 6 ULP for x ≥ −2 (TestGeluTanhULP; 5.773 found exhaustively), and 2|w| ULP below, where the rounding of w shows.
func GeluTanhF32(dst, x []float32) { elementwise(dst, x, gelu_tanh_f32) }

// SiluF32 computes x·σ(x) (Elfwing et al., 2017; also named Swish).
//
// Error at most 3.5 ULP for x ≥ −87 (TestSiluULP; 3.223 found exhaustively); below, e^x is subnormal.
func SiluF32(dst, x []float32) { elementwise(dst, x, silu_f32) }

func gelu_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		a := clipRef(absRef(v), 0, tailMax)
		half := -0.5 * a
		return FMAF32(half, gaussTail(a, half, a), weightRef(v))
	})
}

// w = a·(geluLinear + geluCubic·a²); σ(−w) underflows before geluTanhMax.
const (
	geluLinear  = 1.5957691216057308 // 2·√(2/π)
	geluCubic   = 0.07135481282701629
	geluTanhMax = 12
)

func gelu_tanh_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		a := clipRef(absRef(v), 0, geluTanhMax)
		p := FMAF32(a*a, geluCubic, geluLinear)
		return gatedRef(v, a, expProduct(-a, p))
	})
}

func silu_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		a := clipRef(absRef(v), 0, -expMin)
		return gatedRef(v, a, expRef(-a))
	})
}

// gatedRef returns max(x, 0) − a·σ(w), e = e^w.
func gatedRef(x, a, e float32) float32 {
	return FMAF32(-a, e/(1+e), weightRef(x))
}

// weightRef returns max(x, 0), NaN for −Inf.
func weightRef(x float32) float32 {
	if x < -math.MaxFloat32 {
		return float32(math.NaN())
	}
	return relu1(x)
}
