package kernels

// QuantizeU8 computes, for i < len(x),
//
//	dst[i] = saturate(roundeven(x[i] / scale) + zp)
//
// with a division as in ONNX QuantizeLinear. NaN becomes 0. len(dst) ≥ len(x).
func QuantizeU8(dst []uint8, x []float32, scale float32, zp uint8) {
	dst = dst[:len(x)]
	for len(x) > elementwiseBlock {
		quantize_f32u8(dst[:elementwiseBlock], x[:elementwiseBlock], scale, int32(zp))
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	quantize_f32u8(dst, x, scale, int32(zp))
}

func quantize_f32u8_ref(dst []uint8, x []float32, scale float32, zp int32) {
	for i, v := range x {
		dst[i] = uint8(roundClamped(v/scale, float32(-zp), float32(255-zp)) + zp)
	}
}

// roundClamped returns y clamped to lo…hi, which are integers, then rounded to even. NaN becomes lo.
func roundClamped(y, lo, hi float32) int32 {
	if !(y > lo) {
		y = lo
	}
	if !(y < hi) {
		y = hi
	}
	return int32(roundEven(y))
}

// DequantizeU8 computes dst[i] = float32(x[i] − zp) · scale for i < len(x). len(dst) ≥ len(x).
func DequantizeU8(dst []float32, x []uint8, scale float32, zp uint8) {
	dst = dst[:len(x)]
	for len(x) > elementwiseBlock {
		dequantize_u8f32(dst[:elementwiseBlock], x[:elementwiseBlock], scale, int32(zp))
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	dequantize_u8f32(dst, x, scale, int32(zp))
}

func dequantize_u8f32_ref(dst []float32, x []uint8, scale float32, zp int32) {
	for i, v := range x {
		dst[i] = float32(int32(v)-zp) * scale
	}
}
