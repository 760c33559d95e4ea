package tensor

import "math"

// small describes a floating-point dtype of at most 8 bits: sign, exponent, fraction (OCP 8-bit Floating Point Specification, and
// Microscaling Formats v1.0 for E2M1; the UZ types are those of Noune et al., 2022).
type small struct {
	fraction, bias int
	largest        uint8 // code of the greatest finite number
	inf, nan       uint8 // codes; inf is 0 where there is none
	unsignedZero   bool  // the code of −0 is NaN
	finite         bool  // neither infinity nor NaN, which becomes −0
	sign           uint8
}

// smallFloats has a row for every such dtype but Float8E8M0, which is an exponent alone.
var smallFloats = map[DType]*small{
	Float8E4M3FN:   {fraction: 3, bias: 7, largest: 0x7e, nan: 0x7f, sign: 0x80},
	Float8E4M3FNUZ: {fraction: 3, bias: 8, largest: 0x7f, nan: 0x80, sign: 0x80, unsignedZero: true},
	Float8E5M2:     {fraction: 2, bias: 15, largest: 0x7b, inf: 0x7c, nan: 0x7e, sign: 0x80},
	Float8E5M2FNUZ: {fraction: 2, bias: 16, largest: 0x7f, nan: 0x80, sign: 0x80, unsignedZero: true},
	Float4E2M1:     {fraction: 1, bias: 1, largest: 0x7, nan: 0x8, sign: 0x8, finite: true},
}

// IsSmallFloat reports whether d is a floating-point dtype of at most 8 bits.
func (d DType) IsSmallFloat() bool { return smallFloats[d] != nil || d == Float8E8M0 }

// SmallValues returns the value of every code of a floating-point dtype of at most 8 bits, exactly.
func SmallValues(d DType) *[256]float32 { return smallTables[d] }

var smallTables = func() map[DType]*[256]float32 {
	tables := map[DType]*[256]float32{Float8E8M0: {}}
	for i := range 0xff {
		tables[Float8E8M0][i] = float32(math.Ldexp(1, i-e8m0Bias))
	}
	tables[Float8E8M0][0xff] = float32(math.NaN())
	for d, s := range smallFloats {
		tables[d] = new([256]float32)
		for i := range tables[d] {
			tables[d][i] = float32(s.value(uint8(i)))
		}
	}
	return tables
}()

// value is what code stands for. Bits above the sign are ignored.
func (s *small) value(code uint8) float64 {
	a := code & (s.sign - 1)
	v := 0.0
	switch e, f := int(a>>s.fraction), int(a)&(1<<s.fraction-1); {
	case s.unsignedZero && code == s.nan, a > s.largest && a != s.inf:
		return math.NaN()
	case a > s.largest:
		v = math.Inf(1)
	case e == 0:
		v = math.Ldexp(float64(f), 1-s.bias-s.fraction)
	default:
		v = math.Ldexp(float64(f+1<<s.fraction), e-s.bias-s.fraction)
	}
	if code&s.sign != 0 {
		return -v
	}
	return v
}

// round returns the code of the nearest number, ties to even. What is beyond the greatest after rounding becomes that number if saturate,
// or where the type has nothing else, else infinity or NaN.
func (s *small) round(v float64, saturate bool) uint8 {
	sign := uint8(0)
	if math.Signbit(v) {
		sign = s.sign
	}
	if v != v {
		if s.unsignedZero || s.finite {
			return s.nan
		}
		return s.nan | sign
	}
	a := math.Abs(v)
	code := int(s.largest) + 1 // for what is too large
	if a < 1<<17 {             // beyond the greatest number of every type
		e := 1 - s.bias
		if a > 0 {
			e = max(e, math.Ilogb(a))
		}
		// With ulp = 2^(e−fraction): normal numbers count from 2^fraction on, which is the carry into the exponent.
		code = (e+s.bias-1)<<s.fraction + int(math.RoundToEven(math.Ldexp(a, s.fraction-e)))
	}
	switch {
	case code == 0 && s.unsignedZero:
		return 0
	case code <= int(s.largest):
		return uint8(code) | sign
	case saturate || s.finite:
		return s.largest | sign
	case s.inf != 0:
		return s.inf | sign
	case s.unsignedZero:
		return s.nan
	}
	return s.nan | sign
}

// Directions of rounding to Float8E8M0.
const (
	RoundUp      = "up"
	RoundDown    = "down"
	RoundNearest = "nearest" // ties up
)

// ToSmall returns the conversion to a floating-point dtype of at most 8 bits. Numbers beyond the greatest become that one if saturate, else
// infinity or, without one, NaN. direction is that of Float8E8M0, the others round to nearest, ties to even.
func ToSmall(d DType, saturate bool, direction string) func(float64) uint8 {
	if s := smallFloats[d]; s != nil {
		return func(v float64) uint8 { return s.round(v, saturate) }
	}
	return func(v float64) uint8 { return toE8M0(v, saturate, direction) }
}

const (
	e8m0Bias = 127
	e8m0NaN  = 0xff
)

// toE8M0 rounds to a power of two. Negative numbers have none and give NaN.
func toE8M0(v float64, saturate bool, direction string) uint8 {
	if v != v || v < 0 {
		return e8m0NaN
	}
	code := -1
	switch {
	case math.IsInf(v, 0):
		code = e8m0NaN
	case v > 0:
		f, e := math.Frexp(v) // f in [½, 1)
		code = e - 1 + e8m0Bias
		if direction == RoundUp && f > 0.5 || direction == RoundNearest && f >= 0.75 {
			code++
		}
	}
	if !saturate && (code < 0 || code >= e8m0NaN) {
		return e8m0NaN
	}
	return uint8(min(max(code, 0), e8m0NaN-1))
}
