package kernels

import (
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
)

// stride returns the distance to the next bit pattern that is tested: every 1021st float32 (a prime, so that all exponents and many
// mantissas are met), or, with HOTPATH_EXHAUSTIVE=1, each one with 2⁻¹³ ≤ |x| < 128. Outside of it the functions are constant, or
// so near 1, ½ or x that nothing new happens.
func stride(bits uint64, exhaustive bool) uint64 {
	const sparse = 1021
	x := math.Abs(float64(math.Float32frombits(uint32(bits))))
	if exhaustive && x >= 0x1p-13-0x1p-20 && x < 128 {
		return 1
	}
	return sparse
}

// ulpError returns |got − want| in units of the distance between float32 values around want.
func ulpError(got float32, want float64) float64 {
	if float64(got) == want || got != got && want != want {
		return 0
	}
	rounded := float32(want)
	if math.IsInf(float64(rounded), 0) || math.IsInf(float64(got), 0) {
		if got == rounded {
			return 0
		}
		return math.Inf(1)
	}
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

// worstULP compares f with reference over the float32 values met by stride, and reports the largest error.
func worstULP(t *testing.T, f func(dst, x []float32), reference func(float64) float64, bound float64) {
	t.Helper()
	const batch = 4096
	x, y := make([]float32, 0, batch), make([]float32, batch)
	worst, at := 0.0, float32(0)
	exhaustive := os.Getenv("HOTPATH_EXHAUSTIVE") == "1"
	flush := func() {
		f(y[:len(x)], x)
		for i, v := range x {
			if e := ulpError(y[i], reference(float64(v))); e > worst {
				worst, at = e, v
			}
		}
		x = x[:0]
	}
	for bits := uint64(0); bits <= math.MaxUint32; bits += stride(bits, exhaustive) {
		if x = append(x, math.Float32frombits(uint32(bits))); len(x) == batch {
			flush()
		}
	}
	flush()
	t.Logf("largest error %.3f ULP at %g (%#08x)", worst, at, math.Float32bits(at))
	if worst > bound {
		t.Errorf("largest error %.3f ULP at %g, documented bound %g", worst, at, bound)
	}
}

// The float64 functions of package math err by less than 1e-15 relative, 1e-8 of a float32 ULP.
func TestExpULP(t *testing.T) { worstULP(t, ExpF32, math.Exp, 0.92) }
func TestLogULP(t *testing.T) { worstULP(t, LogF32, math.Log, 1) }
func TestSigmoidULP(t *testing.T) {
	worstULP(t, SigmoidF32, func(x float64) float64 {
		e := math.Exp(-math.Abs(x))
		if x < 0 {
			return e / (1 + e)
		}
		return 1 / (1 + e)
	}, 2.5)
}
func TestTanhULP(t *testing.T) { worstULP(t, TanhF32, math.Tanh, 1.5) }

// exactFMA is a·b+c in arbitrary precision, rounded once.
func exactFMA(a, b, c float32) float32 {
	exact := func(x float32) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(float64(x)) }
	sum := exact(a)
	sum.Mul(sum, exact(b)).Add(sum, exact(c))
	f, _ := sum.Float32()
	return f
}

// TestFMAExact compares FMAF32 with exact arithmetic: random values over all exponents, sums one float64 bit beside the middle of
// two floats, cancellation, subnormal results.
func TestFMAExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	random := func(exponents int) float32 {
		return math.Float32frombits(uint32(r.IntN(2))<<31 | uint32(127-exponents+r.IntN(2*exponents))<<23 | uint32(r.IntN(1<<23)))
	}
	check := func(a, b, c float32) {
		t.Helper()
		got, want := FMAF32(a, b, c), exactFMA(a, b, c)
		if got != want {
			t.Fatalf("FMAF32(%b, %b, %b) = %b, want %b", a, b, c, got, want)
		}
	}
	for range 200_000 {
		check(random(3), random(3), random(3))
		check(random(60), random(60), random(100))
	}
	// (h+δ)(h−δ) = h²−δ² lies just below h² = half an ulp of c.
	for range 50_000 {
		c := float32(1 + float64(r.IntN(1<<23))*0x1p-23)
		for _, d := range []float32{0x1p-35, 0x1p-34, -0x1p-35} {
			check(0x1p-12+d, 0x1p-12-d, c)
			check(-(0x1p-12 + d), 0x1p-12-d, c)
			check(0x1p-12+d, 0x1p-12+d, c)
		}
		check(c, -c, float32(float64(c)*float64(c)))
		check(c*0x1p-75, 0x1p-74, random(20)*0x1p-120)
	}
	inf := float32(math.Inf(1))
	for _, v := range [][4]float32{{inf, 1, 1, inf}, {inf, 1, -1, inf}, {1, 1, -inf, -inf}, {math.MaxFloat32, 2, -1, inf}, {-math.MaxFloat32, 2, 1, -inf}} {
		if got := FMAF32(v[0], v[1], v[2]); got != v[3] {
			t.Errorf("FMAF32(%g, %g, %g) = %g, want %g", v[0], v[1], v[2], got, v[3])
		}
	}
	for _, v := range [][3]float32{{inf, 0, 1}, {inf, 1, -inf}, {float32(math.NaN()), 1, 1}} {
		if got := FMAF32(v[0], v[1], v[2]); got == got {
			t.Errorf("FMAF32(%g, %g, %g) = %g, want NaN", v[0], v[1], v[2], got)
		}
	}
}

func BenchmarkFMAF32(b *testing.B) {
	x, acc := float32(1.0001), float32(0)
	for b.Loop() {
		acc = FMAF32(x, x, acc)
	}
	runtime.KeepAlive(acc)
}
