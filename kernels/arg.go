package kernels

// ArgMaxF32 finds the largest element along the middle axis of x [outer × n × inner], contiguous, n > 0:
//
//	dst[o·inner + i] = the k for which x[(o·n + k)·inner + i] is largest
//
// the first of equal ones, or the last. The search starts at that end and moves where an element is larger, so NaN is found only there.
// Comparisons are exact; plain Go on every tier.
func ArgMaxF32(dst []int64, x []float32, outer, n, inner int, last bool) {
	argBest(dst, x, outer, n, inner, last, func(v, best float32) bool { return v > best })
}

// ArgMinF32 is ArgMaxF32 for the smallest element.
func ArgMinF32(dst []int64, x []float32, outer, n, inner int, last bool) {
	argBest(dst, x, outer, n, inner, last, func(v, best float32) bool { return v < best })
}

func argBest(dst []int64, x []float32, outer, n, inner int, last bool, better func(v, best float32) bool) {
	start, step := 0, 1
	if last {
		start, step = n-1, -1
	}
	for o := range outer {
		for i := range inner {
			at := o*n*inner + i
			best := start
			value := x[at+best*inner]
			for k := start + step; k >= 0 && k < n; k += step {
				if v := x[at+k*inner]; better(v, value) {
					best, value = k, v
				}
			}
			dst[o*inner+i] = int64(best)
		}
	}
}
