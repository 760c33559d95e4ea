package kernels

import "math"

// MaxF32 returns the largest element, −Inf when x is empty. NaN wins; a zero is +0.
func MaxF32(x []float32) float32 { return extreme(x, maxOf) }

// MinF32 returns the smallest element, +Inf when x is empty. NaN wins; a zero is +0.
func MinF32(x []float32) float32 { return extreme(x, minOf) }

// AmaxF32 returns the largest |x[i]|, 0 when x is empty. NaN wins.
func AmaxF32(x []float32) float32 {
	var m float32
	for len(x) > 0 {
		n := min(len(x), elementwiseBlock)
		if v := amax_f32(x[:n]); !(v <= m) {
			m = v
		}
		if m != m {
			return m
		}
		x = x[n:]
	}
	return m
}

// extreme is f where no element is NaN.
func extreme(x []float32, f func([]float32) float32) float32 {
	if m := AmaxF32(x); m != m {
		return m
	}
	return f(x) + 0 // −0 becomes +0: which of two zeros is met first depends on the tier
}

// maxOf returns the largest element. What it does with NaN and the sign of a zero is left open; softmax shows neither. It goes through
// the last block first, so that what comes next finds the first elements in the cache.
func maxOf(x []float32) float32 {
	m := float32(math.Inf(-1))
	for len(x) > elementwiseBlock {
		last := (len(x) - 1) / elementwiseBlock * elementwiseBlock
		m = max(m, max_f32(x[last:]))
		x = x[:last]
	}
	return max(m, max_f32(x))
}

func minOf(x []float32) float32 {
	m := float32(math.Inf(1))
	for len(x) > elementwiseBlock {
		m = min(m, min_f32(x[:elementwiseBlock]))
		x = x[elementwiseBlock:]
	}
	return min(m, min_f32(x))
}

func max_f32_ref(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

func min_f32_ref(x []float32) float32 {
	m := float32(math.Inf(1))
	for _, v := range x {
		if v < m {
			m = v
		}
	}
	return m
}

// amax_f32_ref compares |x| as integers, which puts NaN above all numbers.
func amax_f32_ref(x []float32) float32 {
	var m uint32
	for _, v := range x {
		m = max(m, math.Float32bits(v)&^signBit)
	}
	return math.Float32frombits(m)
}
