package kernels

// DynamicQuantizeU8 quantises x by its own range, as ONNX DynamicQuantizeLinear does: with lo and hi the extremes of x and 0,
//
//	scale = (hi − lo) / 255, or 1 if that is 0    zero = roundeven(clamp(−lo/scale, 0, 255))    dst[i] as in QuantizeU8
//
// It returns scale and zero. A NaN in x makes the scale NaN. len(dst) ≥ len(x).
func DynamicQuantizeU8(dst []uint8, x []float32) (scale float32, zero uint8) {
	lo, hi := min(0, MinF32(x)), max(0, MaxF32(x))
	if scale = (hi - lo) / 255; scale == 0 {
		scale = 1
	}
	zero = uint8(roundClamped(-lo/scale, 0, 255))
	QuantizeU8(dst, x, scale, zero)
	return scale, zero
}
