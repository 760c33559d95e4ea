package kernels

import "math"

// LogF32 computes dst[i] = ln x[i] for i < len(x).
//
// Error at most 0.51 ULP (TestLogULP). ln ±0 = −Inf, NaN for x < 0 and NaN, ln +Inf = +Inf. It serves training losses, so plain Go
// on every tier. dst may be x; len(dst) ≥ len(x).
func LogF32(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = logRef(v)
	}
}

// logRef works in float64: with x = m·2^e, √½ ≤ m < √2 and s = (m−1)/(m+1),
//
//	ln x = e·ln2 + 2(s + s³/3 + s⁵/5 + … + s¹⁷/17)
//
// truncated at 1e-14 relative. The conversions around products keep the compiler from fusing them.
func logRef(x float32) float32 {
	switch {
	case x < 0 || x != x:
		return float32(math.NaN())
	case x == 0:
		return float32(math.Inf(-1))
	case x > math.MaxFloat32:
		return x
	}
	m, e := math.Frexp(float64(x))
	if m < math.Sqrt2/2 {
		m, e = m+m, e-1
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	p := 1.0 / 17
	for _, odd := range [...]float64{15, 13, 11, 9, 7, 5, 3, 1} {
		p = float64(p*z) + 1/odd
	}
	return float32(float64(float64(e)*math.Ln2) + float64(2*float64(s*p)))
}
