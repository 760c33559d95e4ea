package kernels

// sumSegment is the length of a summation segment. It is part of the numerics contract and never changes.
const sumSegment = 4096

// SumF32 returns the sum of x, 0 when x is empty.
//
// x is cut into segments of 4096. Within a segment, element i is added to accumulator i mod 64, all starting from +0; the 64 are
// folded in halves (a[i] += a[i+32], then 16, 8, 4, 2, 1). Segment sums are added in ascending order.
func SumF32(x []float32) float32 {
	if len(x) <= sumSegment {
		return sum_f32(x)
	}
	total := sum_f32(x[:sumSegment])
	for x = x[sumSegment:]; len(x) > 0; x = x[min(len(x), sumSegment):] {
		total += sum_f32(x[:min(len(x), sumSegment)])
	}
	return total
}

// sum_f32_ref sums one segment.
func sum_f32_ref(x []float32) float32 {
	var acc [64]float32
	for i, v := range x {
		acc[i%64] += v
	}
	for half := 32; half > 0; half /= 2 {
		for i := range acc[:half] {
			acc[i] += acc[i+half]
		}
	}
	return acc[0]
}
