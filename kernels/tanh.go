package kernels

import "math"

// Coefficients of (tanh x − x) / x³ in x² for |x| < tanhSmall (Cephes tanhf, S. Moshier).
const (
	tanhSmall = 0.625
	tanh4     = -5.70498872745e-3
	tanh3     = 2.06390887954e-2
	tanh2     = -5.37397155531e-2
	tanh1     = 1.33314422036e-1
	tanh0     = -3.33332819422e-1
)

// TanhF32 computes dst[i] = tanh x[i] for i < len(x).
//
// Error at most 1.5 ULP (TestTanhULP; 1.362 found exhaustively); NaN stays NaN, −0 stays −0. dst may be x; len(dst) ≥ len(x).
func TanhF32(dst, x []float32) {
	dst = dst[:len(x)]
	for len(x) > elementwiseBlock {
		tanh_f32(dst[:elementwiseBlock], x[:elementwiseBlock])
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	tanh_f32(dst, x)
}

// tanh_f32_ref works on a = |x|: an odd polynomial below tanhSmall, 1 − 2/(e^2a + 1) above; then restores the sign.
func tanh_f32_ref(dst, x []float32) {
	for i, v := range x {
		sign := math.Float32bits(v) & signBit
		a := math.Float32frombits(math.Float32bits(v) &^ signBit)
		var y float32
		if a < tanhSmall {
			z := a * a
			p := FMAF32(tanh4, z, tanh3)
			p = FMAF32(p, z, tanh2)
			p = FMAF32(p, z, tanh1)
			p = FMAF32(p, z, tanh0)
			y = FMAF32(a*z, p, a)
		} else {
			y = 1 - 2/(expRef(a+a)+1)
		}
		dst[i] = math.Float32frombits(math.Float32bits(y) | sign)
	}
}
