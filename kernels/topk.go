package kernels

import (
	"cmp"
	"slices"
)

// TopK finds the k largest, or smallest, elements along the middle axis of x [outer × n × inner], contiguous, in order:
//
//	values[(o·k + j)·inner + i] is the j-th, indices the same place of its position along the axis
//
// Among equal ones the first comes first; NaN is above all numbers. order holds n elements of working memory. Comparisons are exact;
// plain Go on every tier.
func TopK[T cmp.Ordered](values []T, indices []int64, x []T, outer, n, inner, k int, largest bool, order []int32) {
	order = order[:n]
	for o := range outer {
		for i := range inner {
			lane := x[o*n*inner+i:]
			for j := range order {
				order[j] = int32(j)
			}
			slices.SortFunc(order, func(a, b int32) int {
				c := compareNaN(lane[int(a)*inner], lane[int(b)*inner])
				if largest {
					c = -c
				}
				if c == 0 {
					return int(a - b)
				}
				return c
			})
			for j, at := range order[:k] {
				to := (o*k+j)*inner + i
				values[to], indices[to] = lane[int(at)*inner], int64(at)
			}
		}
	}
}

// compareNaN orders numbers, then NaN.
func compareNaN[T cmp.Ordered](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b || a != a && b != b:
		return 0
	case a != a:
		return 1
	}
	return -1
}
