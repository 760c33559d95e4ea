package kernels

import "math"

// elementwise calls f on consecutive pieces of dst and x of at most elementwiseBlock elements, len(x) in all.
func elementwise(dst, x []float32, f func(dst, x []float32)) {
	dst = dst[:len(x)]
	for len(x) > elementwiseBlock {
		f(dst[:elementwiseBlock], x[:elementwiseBlock])
		dst, x = dst[elementwiseBlock:], x[elementwiseBlock:]
	}
	f(dst, x)
}

// mapRef computes dst[i] = f(x[i]).
func mapRef(dst, x []float32, f func(float32) float32) {
	for i, v := range x {
		dst[i] = f(v)
	}
}

// absRef clears the sign bit.
func absRef(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ signBit) }

// hornerF32 returns (…(c[0]·x + c[1])·x + …)·x + c[last], one FMA per step.
func hornerF32(x float32, c ...float32) float32 {
	p := c[0]
	for _, v := range c[1:] {
		p = FMAF32(p, x, v)
	}
	return p
}
