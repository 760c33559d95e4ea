package kernels

// ReluF32 computes, for i < len(x),
//
//	dst[i] = 0 if x[i] < 0, else x[i]
//
// so NaN stays NaN and −0 stays −0, as in ONNX Runtime's max(x, 0). dst may be x; len(dst) ≥ len(x).
func ReluF32(dst, x []float32) {
	dst = dst[:len(x)]
	for len(x) > elementwiseBlock {
		relu_f32(dst[:elementwiseBlock], x[:elementwiseBlock])
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	relu_f32(dst, x)
}

// elementwiseBlock bounds the elements of one assembly call, which cannot be preempted: 16 Ki elements of the slowest
// kernel (tanh) take about 20 µs.
const elementwiseBlock = 16 << 10

func relu_f32_ref(dst, x []float32) {
	for i, v := range x {
		dst[i] = relu1(v)
	}
}

func relu1(v float32) float32 {
	if v < 0 {
		return 0
	}
	return v
}
