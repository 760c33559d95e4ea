package kernels

import "math"

// LogF32 computes dst[i] = ln x[i] for i < len(x).
//
// Error at most 1 ULP (TestLogULP; 0.961 found exhaustively). ln ±0 = −Inf, NaN for x < 0 and NaN, ln +Inf = +Inf. dst may be x; len(dst) ≥ len(x).
func LogF32(dst, x []float32) { elementwise(dst, x, log_f32) }

// logBase is ⅔ in float32: x = m·2^e with ⅔ ≤ m < 4/3, so that e = 0 around 1.
const (
	logBase  = 0x3f2aaaab
	ln2      = 0.693147180559945309
	minimum  = 0x1p-126 // of the normal numbers
	exponent = 0xff800000
)

func log_f32_ref(dst, x []float32) { mapRef(dst, x, logRef) }

// logRef takes e and m apart by integer arithmetic on the bits; with f = m−1, exact, ln x = e·ln2 + (f + f²·Q(f)). Q is a minimax
// fit, 0.08 ULP.
func logRef(v float32) float32 {
	switch {
	case !(v >= 0):
		return float32(math.NaN())
	case v == 0:
		return float32(math.Inf(-1))
	case v > math.MaxFloat32:
		return v
	}
	e0 := float32(0)
	if v < minimum {
		v, e0 = v*(1<<23), -23
	}
	shifted := (math.Float32bits(v) - logBase) & exponent
	e := FMAF32(float32(int32(shifted)), 0x1p-23, e0)
	f := math.Float32frombits(math.Float32bits(v)-shifted) - 1
	q := hornerF32(f, -0.133116037, 0.140062377, -0.120781824, 0.140008226, -0.166895017, 0.200107709, -0.249995068, 0.333332092, -0.5)
	return FMAF32(e, ln2, FMAF32(f*f, q, f))
}
