package kernels

import "math"

// The hyperbolic functions and their inverses are plain Go on every tier, in float64, and rounded at the end: error at most 0.51 ULP
// (TestHyperbolicULP). Near 0, where differences of exponentials and logarithms of 1 + x cancel, they are Taylor series. NaN stays NaN,
// outside of the domain the result is NaN. dst may be x; len(dst) ≥ len(x).

// SinhF32 computes dst[i] = (e^x[i] − e^−x[i])/2.
func SinhF32(dst, x []float32) {
	mapRef(dst[:len(x)], x, func(v float32) float32 {
		w := float64(v)
		if math.Abs(w) < 0.5 {
			return float32(oddSeries(w, 1, 1.0/6, 1.0/120, 1.0/5040, 1.0/362880, 1.0/39916800))
		}
		e := expF64(w)
		return float32((e - 1/e) / 2)
	})
}

// CoshF32 computes dst[i] = (e^x[i] + e^−x[i])/2.
func CoshF32(dst, x []float32) {
	mapRef(dst[:len(x)], x, func(v float32) float32 {
		e := expF64(float64(v))
		return float32((e + 1/e) / 2)
	})
}

// AsinhF32 computes dst[i] = ln(x[i] + √(x[i]² + 1)).
func AsinhF32(dst, x []float32) {
	mapRef(dst[:len(x)], x, func(v float32) float32 {
		w := math.Abs(float64(v))
		switch {
		case w < 0.125:
			return float32(oddSeries(float64(v), 1, -1.0/6, 3.0/40, -15.0/336, 105.0/3456, -945.0/42240, 10395.0/599040, -135135.0/9676800))
		case !(w <= math.MaxFloat32):
			return v
		}
		return float32(math.Copysign(logF64(w+math.Sqrt(float64(w*w)+1)), float64(v)))
	})
}

// AcoshF32 computes dst[i] = ln(x[i] + √(x[i]² − 1)), x[i] ≥ 1.
func AcoshF32(dst, x []float32) {
	mapRef(dst[:len(x)], x, func(v float32) float32 {
		w := float64(v)
		switch {
		case !(w >= 1):
			return float32(math.NaN())
		case w > math.MaxFloat32:
			return v
		}
		return float32(logF64(w + math.Sqrt(float64(w*w)-1)))
	})
}

// AtanhF32 computes dst[i] = ½·ln((1 + x[i])/(1 − x[i])), |x[i]| ≤ 1; ±1 give ±Inf.
func AtanhF32(dst, x []float32) {
	mapRef(dst[:len(x)], x, func(v float32) float32 {
		w := float64(v)
		switch a := math.Abs(w); {
		case a < 0.0625:
			return float32(oddSeries(w, 1, 1.0/3, 1.0/5, 1.0/7, 1.0/9, 1.0/11))
		case a < 1:
			return float32(logF64((1+w)/(1-w)) / 2)
		case a == 1:
			return float32(math.Inf(int(v)))
		}
		return float32(math.NaN())
	})
}

// oddSeries returns c[0]·x + c[1]·x³ + c[2]·x⁵ + …
func oddSeries(x float64, c ...float64) float64 {
	z, p := float64(x*x), 0.0
	for i := len(c) - 1; i >= 0; i-- {
		p = float64(p*z) + c[i]
	}
	return x * p
}
