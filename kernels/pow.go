package kernels

import "math"

// PowF32 computes dst[i] = a[i]^b[i] for i < len(dst), by the special cases of IEEE 754 pow. Operands are those of AddF32.
//
// Error at most 0.51 ULP (TestPowULP). Plain Go on every tier, except for the one exponent 2, which is a product.
func PowF32(dst, a, b []float32) {
	if len(b) == 1 && b[0] == 2 {
		MulF32(dst, a, a)
		return
	}
	pairs(dst, a, b, func(dst, a, b []float32) { pairsRef(dst, a, b, powRef) })
}

// powRef works in float64: e^(y·ln|x|), then the sign.
func powRef(x, y float32) float32 {
	ax := absRef(x)
	integer, odd := parity(y)
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return x + y
	case y == 2:
		return x * x
	case ax == 1 && absRef(y) > math.MaxFloat32:
		return 1
	case x < 0 && !integer && ax <= math.MaxFloat32:
		return float32(math.NaN())
	}
	var r float32
	switch grows := (ax > 1) == (y > 0); {
	case ax == 0 || ax > math.MaxFloat32 || absRef(y) > math.MaxFloat32:
		if grows {
			r = float32(math.Inf(1))
		}
	default:
		r = float32(expF64(float64(y) * logF64(float64(ax))))
	}
	if odd && math.Signbit(float64(x)) {
		return -r
	}
	return r
}

// parity reports whether y is an integer, and whether an odd one.
func parity(y float32) (integer, odd bool) {
	if a := absRef(y); a >= 1<<24 {
		return true, false
	}
	n := int32(y)
	return float32(n) == y, float32(n) == y && n&1 != 0
}

// logF64 returns ln x, x > 0 and finite: with x = m·2^e, √½ ≤ m < √2 and s = (m−1)/(m+1),
//
//	ln x = e·ln2 + 2(s + s³/3 + s⁵/5 + … + s¹⁷/17)
//
// truncated at 1e-14 relative. The conversions around products keep the compiler from fusing them.
func logF64(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m+m, e-1
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	p := 1.0 / 17
	for _, odd := range [...]float64{15, 13, 11, 9, 7, 5, 3, 1} {
		p = float64(p*z) + 1/odd
	}
	return float64(float64(e)*math.Ln2) + float64(2*float64(s*p))
}

// expF64 returns e^x to 1e-14 relative, for results in the range of float32: x = n·ln2 + r, then the Taylor series to r¹¹.
func expF64(x float64) float64 {
	x = min(max(x, -150), 150)
	n := math.RoundToEven(x * math.Log2E)
	r := x - float64(n*math.Ln2)
	p := 1.0
	for k := 11.0; k > 0; k-- {
		p = float64(p*r)/k + 1
	}
	return math.Ldexp(p, int(n))
}
