package kernels

import (
	"math"
	"unsafe"
)

// Half floats: F16 is the IEEE 754 binary16, BF16 the upper half of a float32; both as bits in a uint16.

// F16ToF32 widens exactly. NaN becomes quiet and keeps its payload.
func F16ToF32(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch {
	case exp == 31 && frac != 0:
		return math.Float32frombits(sign | 0x1ff<<22 | frac<<13)
	case exp == 31:
		return math.Float32frombits(sign | 0xff<<23)
	case exp > 0:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	}
	// Subnormal: frac·2⁻²⁴, exact in f32.
	return math.Float32frombits(sign | math.Float32bits(float32(frac)*0x1p-24))
}

// F32ToF16 rounds to nearest, ties to even. NaN stays NaN, quiet, with the upper bits of its payload.
func F32ToF16(x float32) uint16 {
	bits := math.Float32bits(x)
	sign, a := uint16(bits>>16)&0x8000, bits&math.MaxInt32
	switch {
	case a > 0xff<<23:
		return sign | 0x7e00 | uint16(a>>13)&0x3ff
	case a >= 0x477ff000: // 65520 and up round to infinity
		return sign | 0x7c00
	case a >= 0x38800000: // normal: a carry out of the fraction is a larger exponent
		return sign | uint16((a-112<<23+0xfff+a>>13&1)>>13)
	}
	// Subnormal: adding 0.5 leaves |x|/2⁻²⁴, rounded to even, in the low bits.
	return sign | uint16(math.Float32bits(math.Float32frombits(a)+0.5)-0x3f000000)
}

// BF16ToF32 widens exactly.
func BF16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// F32ToBF16 rounds to nearest, ties to even. NaN stays NaN, quiet, with the upper bits of its payload.
func F32ToBF16(x float32) uint16 {
	bits := math.Float32bits(x)
	if bits&math.MaxInt32 > 0xff<<23 {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// ConvertF16F32 computes dst[i] = F16ToF32(x[i]) for i < len(x). len(dst) ≥ len(x).
func ConvertF16F32[T ~uint16](dst []float32, x []T) {
	convertBlocks(dst[:len(x)], halves(x), convert_f16f32, convert_f16f32_ref)
}

// ConvertF32F16 computes dst[i] = F32ToF16(x[i]) for i < len(x). len(dst) ≥ len(x).
func ConvertF32F16[T ~uint16](dst []T, x []float32) {
	convertBlocks(halves(dst[:len(x)]), x, convert_f32f16, convert_f32f16_ref)
}

// ConvertBF16F32 computes dst[i] = BF16ToF32(x[i]) for i < len(x). len(dst) ≥ len(x).
func ConvertBF16F32[T ~uint16](dst []float32, x []T) {
	convertBlocks(dst[:len(x)], halves(x), convert_bf16f32, convert_bf16f32_ref)
}

// ConvertF32BF16 computes dst[i] = F32ToBF16(x[i]) for i < len(x). len(dst) ≥ len(x).
func ConvertF32BF16[T ~uint16](dst []T, x []float32) {
	convertBlocks(halves(dst[:len(x)]), x, convert_f32bf16, convert_f32bf16_ref)
}

// halves views a named type of half floats as their bits.
func halves[T ~uint16](x []T) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// convertBlocks runs a kernel that takes multiples of 16 elements, on pieces short enough for preemption, and the reference on the rest.
func convertBlocks[D, S any](dst []D, x []S, kernel, ref func([]D, []S)) {
	for len(x) > elementwiseBlock {
		kernel(dst[:elementwiseBlock], x[:elementwiseBlock])
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	whole := len(x) &^ 15
	kernel(dst[:whole], x[:whole])
	ref(dst[whole:], x[whole:])
}

func convert_f16f32_ref(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = F16ToF32(v)
	}
}

func convert_f32f16_ref(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = F32ToF16(v)
	}
}

func convert_bf16f32_ref(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = BF16ToF32(v)
	}
}

func convert_f32bf16_ref(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = F32ToBF16(v)
	}
}
