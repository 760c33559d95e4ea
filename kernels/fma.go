package kernels

import "math"

// FMAF32 returns a·b+c rounded once to float32, ties to even: what VFMADD231SS computes.
//
// The product of two float32 is exact in float64. Rounding the float64 sum again goes wrong only where that sum lies in the
// middle between two float32, or where the result is subnormal, so that the middle is elsewhere; those few go the long way.
func FMAF32(a, b, c float32) float32 {
	p, z := float64(float64(a)*float64(b)), float64(c)
	s := p + z
	if math.Float64bits(s)&(1<<29-1) != 1<<28 && math.Abs(s) >= 0x1p-126 {
		return float32(s)
	}
	return roundOdd(p, z, s)
}

// roundOdd returns p+z rounded once to float32, where s is the float64 sum. TwoSum (Knuth, TAOCP 4.2.2) gives the error of s;
// where there is one, s is truncated and its last bit set (round to odd), so that the conversion to float32 does not round twice
// (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008).
func roundOdd(p, z, s float64) float32 {
	t := s - p
	e := float64(p-float64(s-t)) + float64(z-t)
	if e == 0 || e != e { // exact, or an Inf or NaN whose bits must not be changed
		return float32(s)
	}
	bits := math.Float64bits(s)
	if (e > 0) != (s > 0) {
		bits--
	}
	return float32(math.Float64frombits(bits | 1))
}

// roundEven rounds to the nearest integer, ties to even.
func roundEven(x float32) float32 { return float32(math.RoundToEven(float64(x))) }
