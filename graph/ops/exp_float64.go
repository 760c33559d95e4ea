package ops

import "math"

// The exponential and the logarithm of float64, the only ones of this package: package math differs between machines. One rounding per
// operation; the errors found in TestFloat64 are below 4 ulp.

// ln 2, its upper bits and the rest.
const (
	ln2Hi = 0x1.62e42feep-1
	ln2Lo = 0x1.a39ef35793c76p-33
)

func expF64(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709.8:
		return math.Inf(1)
	case x < -745.2:
		return 0
	}
	n := math.RoundToEven(x / math.Ln2)
	r := x - float64(n*ln2Hi)
	r -= float64(n * ln2Lo)
	y := 1.0
	for i := 14.0; i > 0; i-- { // Taylor: |r| is at most ln(2)/2, so that the rest is below 2^-58
		y = 1 + float64(y*r)/i
	}
	return math.Ldexp(y, int(n))
}

func logF64(x float64) float64 {
	switch {
	case x != x || x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case math.IsInf(x, 1):
		return x
	}
	m, exponent := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, exponent = 2*m, exponent-1
	}
	s := (m - 1) / (m + 1)
	z, sum := float64(s*s), 0.0
	for i := 23.0; i > 0; i -= 2 { // 2·artanh(s): z is below 0.03
		sum = 1/i + float64(sum*z)
	}
	e := float64(exponent)
	return float64(e*ln2Hi) + (float64(2*s*sum) + float64(e*ln2Lo))
}
