package kernels

import "math"

// SigmoidF32 computes dst[i] = 1 / (1 + e^−x[i]) for i < len(x), as e^−|x| over or 1 over 1 + e^−|x|.
//
// Error at most 2.5 ULP (TestSigmoidULP; 2.402 found exhaustively); NaN stays NaN. dst may be x; len(dst) ≥ len(x).
func SigmoidF32(dst, x []float32) {
	dst = dst[:len(x)]
	for len(x) > elementwiseBlock {
		sigmoid_f32(dst[:elementwiseBlock], x[:elementwiseBlock])
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	sigmoid_f32(dst, x)
}

func sigmoid_f32_ref(dst, x []float32) {
	for i, v := range x {
		bits := math.Float32bits(v)
		e := expRef(math.Float32frombits(bits | signBit))
		num := float32(1)
		if bits&signBit != 0 {
			num = e
		}
		dst[i] = num / (1 + e)
	}
}

const signBit = 1 << 31
