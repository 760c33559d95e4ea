package kernels

import (
	"math"
	"math/big"
	"testing"
)

// Package math reduces by integers from 2^29 on, as reduceLarge does; that one is also compared with big integers (TestReduceLarge).
func TestSinULP(t *testing.T) { worstTrig(t, SinF32, math.Sin, 1.7) }
func TestCosULP(t *testing.T) { worstTrig(t, CosF32, math.Cos, 1.7) }
func TestTanULP(t *testing.T) { worstTrig(t, TanF32, math.Tan, 3) }

func worstTrig(t *testing.T, f func(dst, x []float32), reference func(float64) float64, bound float64) {
	t.Helper()
	worstULP(t, f, func(x float64) float64 {
		if math.IsInf(x, 0) {
			return math.NaN()
		}
		return reference(x)
	}, bound)
}

func TestAtanULP(t *testing.T) { worstULP(t, AtanF32, math.Atan, 2) }

func TestInverseULP(t *testing.T) {
	worstULP(t, AsinF32, math.Asin, 0.51)
	worstULP(t, AcosF32, math.Acos, 0.51)
}

func TestHyperbolicULP(t *testing.T) {
	worstULP(t, SinhF32, math.Sinh, 0.51)
	worstULP(t, CoshF32, math.Cosh, 0.51)
	worstULP(t, AsinhF32, math.Asinh, 0.51)
	worstULP(t, AcoshF32, math.Acosh, 0.51)
	worstULP(t, AtanhF32, math.Atanh, 0.51)
}

func TestMishULP(t *testing.T) {
	worstAbove(t, -87, MishF32, func(x float64) float64 {
		if x < -200 {
			return 0
		}
		return x * math.Tanh(math.Log1p(math.Exp(min(x, 500))))
	}, 4.5)
}

func TestSeluULP(t *testing.T) {
	const alpha, gamma = 1.75, 1.5
	worstULP(t, func(dst, x []float32) { SeluF32(dst, x, alpha, gamma) }, func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * math.Expm1(x)
		}
		return gamma * x
	}, 2.5)
	worstULP(t, func(dst, x []float32) { CeluF32(dst, x, 0.5) }, func(x float64) float64 {
		if x < 0 {
			return 0.5 * math.Expm1(x/0.5)
		}
		return x
	}, 1.5)
}

// halfPi is π/2 to 700 bits, by Machin's formula.
func halfPi() *big.Float {
	const prec = 700
	inverse := func(n int64) *big.Float { // arctan 1/n
		sum, x := new(big.Float).SetPrec(prec), new(big.Float).SetPrec(prec).Quo(big.NewFloat(1), big.NewFloat(float64(n)))
		x.SetPrec(prec)
		x.Quo(new(big.Float).SetPrec(prec).SetInt64(1), new(big.Float).SetPrec(prec).SetInt64(n))
		square := new(big.Float).SetPrec(prec).SetInt64(n * n)
		for k := int64(1); x.Sign() != 0 && x.MantExp(nil) > -prec; k += 2 {
			term := new(big.Float).SetPrec(prec).Quo(x, new(big.Float).SetPrec(prec).SetInt64(k))
			if k%4 == 1 {
				sum.Add(sum, term)
			} else {
				sum.Sub(sum, term)
			}
			x.Quo(x, square)
		}
		return sum
	}
	a, b := inverse(5), inverse(239)
	a.Mul(a, new(big.Float).SetInt64(8))
	b.Mul(b, new(big.Float).SetInt64(2))
	return a.Sub(a, b)
}

// TestReduceLarge compares with arbitrary precision, over all exponents.
func TestReduceLarge(t *testing.T) {
	half := halfPi()
	if f, _ := half.Float64(); f != math.Pi/2 {
		t.Fatalf("π/2 = %v", f)
	}
	worst := 0.0
	for bits := math.Float32bits(trigMax) + 1; bits < math.Float32bits(float32(math.Inf(1))); bits += 50021 {
		a := math.Float32frombits(bits)
		q, r := reduceLarge(a)
		x := new(big.Float).SetPrec(700).SetFloat64(float64(a))
		n, _ := new(big.Float).SetPrec(700).Quo(x, half).Int(nil)
		rest := new(big.Float).SetPrec(700).Sub(x, new(big.Float).SetPrec(700).Mul(half, new(big.Float).SetPrec(700).SetInt(n)))
		if rest.Cmp(new(big.Float).Quo(half, big.NewFloat(2))) > 0 {
			n.Add(n, big.NewInt(1))
			rest.Sub(rest, half)
		}
		if want := int32(new(big.Int).And(n, big.NewInt(3)).Int64()); q&3 != want {
			t.Fatalf("%g: quadrant %d, expected %d", a, q&3, want)
		}
		want, _ := rest.Float64()
		worst = max(worst, ulpError(r, want))
	}
	t.Logf("largest error %.4f ULP", worst)
	if worst > 0.501 {
		t.Errorf("largest error %.4f ULP, expected rounding only", worst)
	}
}
