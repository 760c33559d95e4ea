package ops

import "github.com/hotpath/hotpath/graph"

// broadcastShape is the NumPy rule: align at the last axis, 1 stretches.
func broadcastShape(n *graph.Node, a, b []int) ([]int, error) {
	rank := max(len(a), len(b))
	out := make([]int, rank)
	for i := range rank {
		da, db := dimFromEnd(a, rank-i), dimFromEnd(b, rank-i)
		switch {
		case da == db || db == 1:
			out[i] = da
		case da == 1:
			out[i] = db
		default:
			return nil, modelErr(n, "shapes %v and %v do not broadcast", a, b)
		}
	}
	return out, nil
}

func dimFromEnd(shape []int, fromEnd int) int {
	if fromEnd > len(shape) {
		return 1
	}
	return shape[len(shape)-fromEnd]
}

// broadcast computes dst = f(a, b) with a and b stretched to the shape of dst. It calls f for runs of elements: both operands of f
// have as many as dst, or one that stands for all. The runs are as long as the stretching allows.
func broadcast[D, T any](dst []D, a, b []T, shape, sa, sb []int, f func(dst []D, a, b []T)) {
	if len(dst) == 0 {
		return
	}
	first, run, runA, runB := innerRun(shape, sa, sb)
	for at := 0; at < len(dst); at += run {
		ia := offset(at/run, shape, sa, first) * runA
		ib := offset(at/run, shape, sb, first) * runB
		f(dst[at:at+run], a[ia:ia+runA], b[ib:ib+runB])
	}
}

// innerRun finds the longest suffix of axes, from first on, in which each operand is either whole or one element, and returns the
// number of elements of the output and of both operands in it.
func innerRun(shape, sa, sb []int) (first, run, runA, runB int) {
	first, run, runA, runB = len(shape), 1, 1, 1
	for first > 0 {
		d, fromEnd := shape[first-1], len(shape)-first+1
		a, b := runA*dimFromEnd(sa, fromEnd), runB*dimFromEnd(sb, fromEnd)
		if a != 1 && a != run*d || b != 1 && b != run*d {
			break
		}
		first, run, runA, runB = first-1, run*d, a, b
	}
	return first, run, runA, runB
}

// offset returns the position, in the axes before first of an operand of shape s, of the i-th element of those axes of shape.
func offset(i int, shape, s []int, first int) int {
	at, step := 0, 1
	for axis := first - 1; axis >= 0; axis-- {
		if d := dimFromEnd(s, len(shape)-axis); d != 1 {
			at += i % shape[axis] * step
			step *= d
		}
		i /= shape[axis]
	}
	return at
}

// element returns x[i], or the one element that stands for all.
func element[T any](x []T, i int) T {
	if len(x) == 1 {
		return x[0]
	}
	return x[i]
}

// eachPair makes a function of runs from one of elements.
func eachPair[D, T any](f func(a, b T) D) func(dst []D, a, b []T) {
	return func(dst []D, a, b []T) {
		for i := range dst {
			dst[i] = f(element(a, i), element(b, i))
		}
	}
}
