package kernels

// sumSegment is the length of a summation segment. It is part of the numerics contract and never changes.
const sumSegment = 4096

// The reductions below cut x into segments of 4096. Within a segment, element i goes to accumulator i mod 64; the 64 are folded in
// halves (a[i] and a[i+32], then 16, 8, 4, 2, 1). Segment results are combined in ascending order.

// SumF32 returns Σ x[i]; accumulators start from +0.
func SumF32(x []float32) float32 {
	return segments(x, sum_f32, addRef)
}

// SumAbsF32 returns Σ |x[i]|, with the order of SumF32.
func SumAbsF32(x []float32) float32 {
	return segments(x, sum_abs_f32, addRef)
}

// SumSquareF32 returns Σ (x[i] − sub)², with the order of SumF32: a subtraction, then an FMA into the accumulator.
func SumSquareF32(x []float32, sub float32) float32 {
	return segments(x, func(x []float32) float32 { return sum_square_f32(x, sub) }, addRef)
}

// ProdF32 returns Π x[i], with the order of SumF32; accumulators start from 1.
func ProdF32(x []float32) float32 {
	return segments(x, prod_f32, func(a, b float32) float32 { return a * b })
}

// segments reduces each segment of x and combines the results; an empty x is one empty segment.
func segments(x []float32, reduce func([]float32) float32, combine func(a, b float32) float32) float32 {
	if len(x) <= sumSegment {
		return reduce(x)
	}
	total := reduce(x[:sumSegment])
	for x = x[sumSegment:]; len(x) > 0; x = x[min(len(x), sumSegment):] {
		total = combine(total, reduce(x[:min(len(x), sumSegment)]))
	}
	return total
}

// stripedRef reduces one segment.
func stripedRef(x []float32, identity float32, step func(acc, v float32) float32, fold func(a, b float32) float32) float32 {
	var acc [64]float32
	for i := range acc {
		acc[i] = identity
	}
	for i, v := range x {
		acc[i%64] = step(acc[i%64], v)
	}
	for half := 32; half > 0; half /= 2 {
		for i := range acc[:half] {
			acc[i] = fold(acc[i], acc[i+half])
		}
	}
	return acc[0]
}

func addRef(a, b float32) float32 { return a + b }

func sum_f32_ref(x []float32) float32 { return stripedRef(x, 0, addRef, addRef) }

func sum_abs_f32_ref(x []float32) float32 {
	return stripedRef(x, 0, func(acc, v float32) float32 { return acc + absRef(v) }, addRef)
}

func sum_square_f32_ref(x []float32, sub float32) float32 {
	return stripedRef(x, 0, func(acc, v float32) float32 { return FMAF32(v-sub, v-sub, acc) }, addRef)
}

func prod_f32_ref(x []float32) float32 {
	multiply := func(a, b float32) float32 { return a * b }
	return stripedRef(x, 1, multiply, multiply)
}
