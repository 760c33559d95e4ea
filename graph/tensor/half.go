package tensor

import "math"

// Float32 is the value of v, exactly; NaN keeps its upper bits.
func (v F16) Float32() float32 {
	sign, exponent, fraction := uint32(v)&0x8000<<16, uint32(v)>>10&0x1f, uint32(v)&0x3ff
	switch exponent {
	case 0: // ±fraction · 2^-24
		return math.Float32frombits(math.Float32bits(float32(fraction)*0x1p-24) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// ToF16 rounds v to the nearest binary16, ties to even; from 65520 on to Inf. NaN stays NaN.
func ToF16(v float32) F16 {
	b := math.Float32bits(v)
	sign, a := F16(b>>16&0x8000), b&^(1<<31)
	switch {
	case a > 0x7f800000:
		return sign | 0x7e00 | F16(a>>13&0x3ff)
	case a >= 0x47800000: // 2^16
		return sign | 0x7c00
	case a < 0x38800000: // subnormal: adding ½ puts the last place of the result where float32 rounds
		return sign | F16(math.Float32bits(math.Float32frombits(a)+0.5)-math.Float32bits(0.5))
	}
	return sign | F16((a+0xfff+a>>13&1-112<<23)>>13)
}

// Float32 is the value of v, exactly.
func (v BF16) Float32() float32 { return math.Float32frombits(uint32(v) << 16) }

// ToBF16 rounds v to the nearest bfloat16, ties to even. NaN stays NaN.
func ToBF16(v float32) BF16 {
	b := math.Float32bits(v)
	if b&^(1<<31) > 0x7f800000 {
		return BF16(b>>16 | 0x40)
	}
	return BF16((b + 0x7fff + b>>16&1) >> 16)
}
