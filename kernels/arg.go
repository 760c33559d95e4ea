package kernels

import "cmp"

// ArgMax finds the largest element along the middle axis of x [outer × n × inner], contiguous, n > 0:
//
//	dst[o·inner + i] = the k for which x[(o·n + k)·inner + i] is largest
//
// the first of equal ones, or the last. The search starts at that end and moves where an element is larger, so NaN is found only there.
// Comparisons are exact; plain Go on every tier.
func ArgMax[T cmp.Ordered](dst []int64, x []T, outer, n, inner int, last bool) {
	argBest(dst, x, outer, n, inner, last, func(v, best T) bool { return v > best })
}

// ArgMin is ArgMax for the smallest element.
func ArgMin[T cmp.Ordered](dst []int64, x []T, outer, n, inner int, last bool) {
	argBest(dst, x, outer, n, inner, last, func(v, best T) bool { return v < best })
}

func argBest[T cmp.Ordered](dst []int64, x []T, outer, n, inner int, last bool, better func(v, best T) bool) {
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
