package kernels

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/internal/testkit"
)

func TestErfULP(t *testing.T)  { worstULP(t, ErfF32, math.Erf, 1.3) }
func TestGeluULP(t *testing.T) { worstAbove(t, -12, GeluF32, gelu, 5.5) }
func TestSiluULP(t *testing.T) { worstAbove(t, -87, SiluF32, silu, 3.5) }
func TestEluULP(t *testing.T) {
	worstULP(t, func(dst, x []float32) { EluF32(dst, x, 1) }, func(x float64) float64 {
		if x < 0 {
			return math.Expm1(x)
		}
		return x
	}, 1)
}
func TestSoftplusULP(t *testing.T) {
	worstULP(t, SoftplusF32, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 3)
}

// worstAbove is worstULP for x ≥ lo and NaN; below, where results fade into subnormal numbers, it accepts what is within 1e-36.
func worstAbove(t *testing.T, lo float32, f func(dst, x []float32), reference func(float64) float64, bound float64) {
	t.Helper()
	worstULP(t, func(dst, x []float32) {
		f(dst, x)
		for i, v := range x {
			if v < lo && math.Abs(float64(dst[i])-reference(float64(v))) < 1e-30 {
				dst[i] = float32(reference(float64(v)))
			}
		}
	}, reference, bound)
}

// The limits at −Inf are taken apart: Go's product 0·Inf is NaN.
func gelu(x float64) float64 {
	if x < -40 {
		return 0
	}
	return x * 0.5 * math.Erfc(-x/math.Sqrt2)
}

func silu(x float64) float64 {
	if x < -200 {
		return 0
	}
	return x / (1 + math.Exp(-x))
}

// geluTanhArgument is w, the doubled argument of tanh.
func geluTanhArgument(x float64) float64 {
	return 2 * math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
}

func geluTanh(x float64) float64 {
	if x < -12 {
		return 0
	}
	return x / (1 + math.Exp(-geluTanhArgument(x)))
}

// TestGeluTanhULP: from −2 up, and below divided by the largest |w| of the range.
func TestGeluTanhULP(t *testing.T) {
	worstAbove(t, -2, func(dst, x []float32) {
		GeluTanhF32(dst, x)
		for i, v := range x {
			y := geluTanh(float64(v))
			if v < -2 && v > -9 && ulpError(dst[i], y) <= -2*geluTanhArgument(float64(v)) {
				dst[i] = float32(y)
			}
		}
	}, geluTanh, 6)
}

func TestPowULP(t *testing.T) {
	t.Setenv("HOTPATH_EXHAUSTIVE", "0") // its reference loop would take an hour
	for _, y := range []float32{0.5, 1.0 / 3, -20} {
		exponent := []float32{y}
		worstULP(t, func(dst, x []float32) { PowF32(dst, x, exponent) }, func(x float64) float64 { return math.Pow(x, float64(y)) }, 0.51)
	}
	base := []float32{1.0001}
	worstULP(t, func(dst, y []float32) { PowF32(dst, base, y) }, func(y float64) float64 { return math.Pow(float64(base[0]), y) }, 0.51)
	inf, nan, zero := float32(math.Inf(1)), float32(math.NaN()), float32(0)
	values := []float32{zero, -zero, 1, -1, 2, -2, 3, -3, 0.5, -0.5, inf, -inf, nan, 1e20, -1e20, 16777216, 16777215}
	for _, x := range values {
		for _, y := range values {
			got, want := powRef(x, y), math.Pow(float64(x), float64(y))
			if ulpError(got, want) > 0.51 {
				t.Errorf("%g^%g = %g, want %g", x, y, got, want)
			}
		}
	}
}

// TestGatesAtInfinity: a gate of 0 does not hide −Inf, whose product with 0 is NaN, in vectors and in the rest behind them.
func TestGatesAtInfinity(t *testing.T) {
	inf, zero := float32(math.Inf(1)), float32(math.Copysign(0, -1))
	for name, f := range map[string]func(dst, x []float32){"gelu": GeluF32, "gelu_tanh": GeluTanhF32, "silu": SiluF32, "mish": MishF32, "hard_swish": HardSwishF32} {
		for _, c := range []struct{ x, want float32 }{{-inf, float32(math.NaN())}, {inf, inf}, {zero, zero}, {0, 0}} {
			x, dst := slices.Repeat([]float32{c.x}, 37), make([]float32, 37)
			f(dst, x)
			testkit.EqualF32(t, fmt.Sprintf("%s(%v)", name, c.x), dst, slices.Repeat([]float32{c.want}, 37))
		}
	}
}
