package ops

import (
	"slices"
	"testing"
)

// TestBroadcast compares with a walk over single elements. The shapes have short and long runs, whole, repeated and single operands on both
// sides, and more runs than are stretched at a time.
func TestBroadcast(t *testing.T) {
	for _, c := range [][3][]int{
		{{2, 3, 50, 70, 16}, {2, 3, 50, 70, 16}, {2, 3, 1, 1, 16}},
		{{2, 3, 50, 70, 16}, {3, 1, 1, 16}, {2, 3, 50, 70, 16}},
		{{700, 3}, {700, 1}, {700, 3}},
		{{700, 3}, {700, 1}, {3}},
		{{5, 700, 3}, {5, 1, 3}, {700, 1}},
		{{4, 1, 2100, 1, 2}, {4, 1, 1, 1, 2}, {1, 1, 2100, 1, 1}},
		{{7, 5, 4, 3}, {7, 1, 4, 1}, {1, 5, 1, 3}},
		{{3, 4, 130}, {3, 4, 130}, {3, 1, 130}},
		{{3, 9000, 1}, {1}, {9000, 1}},
		{{3, 40, 2}, {1}, {40, 1}},
		{{3, 0, 2}, {3, 1, 2}, {0, 1}},
	} {
		shape, sa, sb := c[0], c[1], c[2]
		count := func(s []int) int { return strideOf(s, -1) }
		a, b := make([]int32, count(sa)), make([]int32, count(sb))
		for i := range a {
			a[i] = int32(i + 1)
		}
		for i := range b {
			b[i] = int32(7 * i)
		}
		want, got := make([]int64, count(shape)), make([]int64, count(shape))
		for i := range want {
			want[i] = int64(a[offset(i, shape, sa, len(shape))])<<32 + int64(b[offset(i, shape, sb, len(shape))])
		}
		broadcast(got, a, b, shape, sa, sb, eachPair(func(a, b int32) int64 { return int64(a)<<32 + int64(b) }))
		if !slices.Equal(got, want) {
			t.Errorf("%v and %v to %v: another result than that of single elements", sa, sb, shape)
		}
	}
}
