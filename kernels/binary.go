package kernels

// The binary functions below compute dst[i] = f(a[i], b[i]) for i < len(dst), each result rounded once. a and b hold len(dst) elements
// or one, which then stands for all. dst may be a or b, or overlap neither. They panic when a length is another.

// AddF32 computes a + b.
func AddF32(dst, a, b []float32) { pairs(dst, a, b, add_f32) }

// SubF32 computes a − b.
func SubF32(dst, a, b []float32) { pairs(dst, a, b, sub_f32) }

// MulF32 computes a · b.
func MulF32(dst, a, b []float32) { pairs(dst, a, b, mul_f32) }

// DivF32 computes a / b.
func DivF32(dst, a, b []float32) { pairs(dst, a, b, div_f32) }

// MaximumF32 computes a if a > b or a is NaN, else b: NaN wins, as in NumPy.
func MaximumF32(dst, a, b []float32) { pairs(dst, a, b, maximum_f32) }

// MinimumF32 computes a if a < b or a is NaN, else b: NaN wins, as in NumPy.
func MinimumF32(dst, a, b []float32) { pairs(dst, a, b, minimum_f32) }

// PReluF32 computes a·b if a < 0, else a (He et al., 2015): b is the slope. NaN stays NaN.
func PReluF32(dst, a, b []float32) { pairs(dst, a, b, prelu_f32) }

// pairs calls f on consecutive pieces of at most elementwiseBlock elements.
func pairs(dst, a, b []float32, f func(dst, a, b []float32)) {
	n := len(dst)
	if len(a) != n && len(a) != 1 || len(b) != n && len(b) != 1 {
		panic("kernels: operands of a binary function differ in length")
	}
	if len(a) == 1 && len(b) == 1 && n > 1 { // kernels take one operand that stands for all
		f(dst[:1], a, b)
		for i := range dst {
			dst[i] = dst[0]
		}
		return
	}
	for at := 0; at < n; at += elementwiseBlock {
		end := min(at+elementwiseBlock, n)
		f(dst[at:end], piece(a, at, end), piece(b, at, end))
	}
}

func piece(x []float32, at, end int) []float32 {
	if len(x) == 1 {
		return x
	}
	return x[at:end]
}

func pairsRef(dst, a, b []float32, f func(a, b float32) float32) {
	for i := range dst {
		dst[i] = f(a[i%len(a)], b[i%len(b)])
	}
}

func add_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 { return a + b })
}

func sub_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 { return a - b })
}

func mul_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 { return a * b })
}

func div_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 { return a / b })
}

func maximum_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 {
		if a > b || a != a {
			return a
		}
		return b
	})
}

func minimum_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 {
		if a < b || a != a {
			return a
		}
		return b
	})
}

func prelu_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 {
		if a < 0 {
			return a * b
		}
		return a
	})
}
