package kernels

import "math"

// AtanF32 computes dst[i] = arctan x[i] for i < len(x).
//
// Error at most 2 ULP (TestAtanULP). ±Inf gives ±π/2, NaN stays NaN, −0 stays −0. dst may be x; len(dst) ≥ len(x).
func AtanF32(dst, x []float32) { elementwise(dst, x, atan_f32) }

// atan_f32_ref works on a = |x|, on −1/a where a > 1 with π/2 added in two parts: t + t³·P(t²), P a minimax fit on 0 ≤ t ≤ 1, 0.3 ULP.
func atan_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		t := absRef(v)
		beyond := t > 1
		if beyond {
			t = -1 / t
		}
		z := t * t
		y := FMAF32(t*z, hornerF32(z, -0.00179359387, 0.0109144812, -0.031177612, 0.0579573587, -0.0840343684, 0.109521814, -0.142642409, 0.199985489, -0.333332986), t)
		if beyond {
			y = halfPi1 + (y + halfPi2)
		}
		return withSign(y, v)
	})
}

// The functions below are plain Go on every tier, in float64, and rounded at the end: error at most 0.51 ULP (TestInverseULP). NaN stays
// NaN, outside of the domain the result is NaN. dst may be x; len(dst) ≥ len(x).

// AsinF32 computes dst[i] = arcsin x[i].
func AsinF32(dst, x []float32) {
	mapRef(dst[:len(x)], x, func(v float32) float32 {
		w := float64(v)
		return float32(atanF64(w / math.Sqrt((1-w)*(1+w))))
	})
}

// AcosF32 computes dst[i] = arccos x[i].
func AcosF32(dst, x []float32) {
	mapRef(dst[:len(x)], x, func(v float32) float32 {
		w := float64(v)
		return float32(2 * atanF64(math.Sqrt((1-w)/(1+w))))
	})
}

// atanF64 returns arctan x to 1e-13 relative: the argument is brought to |t| ≤ tan(π/8), then t·P(t²), P a minimax fit.
func atanF64(x float64) float64 {
	t, base := math.Abs(x), 0.0
	if t > 1+math.Sqrt2 {
		t, base = -1/t, math.Pi/2
	} else if t > math.Sqrt2-1 {
		t, base = (t-1)/(t+1), math.Pi/4
	}
	z := float64(t * t)
	p := 0.02531956147770752
	for _, c := range [...]float64{0.01119033825782878, -0.052508431457251835, 0.074560505392119, -0.09067570257705256, 0.11109746667613084,
		-0.1428566930040962, 0.199999992555603, -0.3333333332859139, 0.9999999999999512} {
		p = float64(p*z) + c
	}
	return math.Copysign(base+float64(t*p), x)
}
