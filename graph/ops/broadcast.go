package ops

import (
	"sync"
	"unsafe"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

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
// have as many as dst, or one that stands for all. Where the stretching leaves short runs, it stretches the operands itself, a piece at a
// time.
func broadcast[D any, T tensor.Numeric](dst []D, a, b []T, shape, sa, sb []int, f func(dst []D, a, b []T)) {
	first, run, _, _ := innerRun(shape, sa, sb)
	if len(dst) == 0 || first == 0 || run > shortRun {
		broadcastRuns(dst, a, b, shape, sa, sb, f)
		return
	}
	left, right, from, count := readStretch(shape, sa, first, run), readStretch(shape, sb, first, run), first, 1
	for from > 0 && left.extends(shape, sa, from-1) && right.extends(shape, sb, from-1) {
		from--
		count *= shape[from]
	}
	space := stretches.Get().(*[2]stretched)
	most := min(count, len(space[0])/run) // runs at a time: elements have at most 8 bytes
	for at := 0; at < len(dst); at += count * run {
		outer := at / (count * run)
		xa, xb := a[offset(outer, shape, sa, from)*left.size(count):], b[offset(outer, shape, sb, from)*right.size(count):]
		ra, rb := repeated(left, xa, &space[0], run, most), repeated(right, xb, &space[1], run, most)
		for i := 0; i < count; i += most {
			n := min(most, count-i)
			f(dst[at+i*run:at+(i+n)*run], runsOf(left, xa, ra, i, n, run), runsOf(right, xb, rb, i, n, run))
		}
	}
	stretches.Put(space)
}

// shortRun elements and fewer are not worth a call: on 16 it took five times as long as the arithmetic.
const shortRun = 128

// stretched is memory for an operand that is brought to the size of the output: 8 KiB, so that two and the output stay in the L1 cache.
type stretched [1024]uint64

var stretches = sync.Pool{New: func() any { return new([2]stretched) }}

// operand says how an operand of a broadcast goes through runs, and through the axes before them.
type operand struct {
	inner int  // elements in a run: all of it, or one
	moves bool // from run to run, instead of repeating
}

func readStretch(shape, s []int, first, run int) operand {
	o := operand{inner: 1}
	for axis := first; axis < len(shape); axis++ {
		o.inner *= dimFromEnd(s, len(shape)-axis)
	}
	o.moves = dimFromEnd(s, len(shape)-first+1) != 1
	return o
}

// extends reports whether the operand goes through an axis as it goes through the last one before the runs.
func (o operand) extends(shape, s []int, axis int) bool {
	d := dimFromEnd(s, len(shape)-axis)
	return shape[axis] == 1 || o.moves && d == shape[axis] || !o.moves && d == 1
}

// size is the number of elements in count runs.
func (o operand) size(count int) int {
	if o.moves {
		return o.inner * count
	}
	return o.inner
}

// repeated fills space with most copies of a run that repeats; other operands have none.
func repeated[T tensor.Numeric](o operand, x []T, space *stretched, run, most int) []T {
	r := unsafe.Slice((*T)(unsafe.Pointer(space)), len(space))[:most*run]
	if !o.moves && o.inner > 1 {
		for n := copy(r, x[:run]); n < len(r); n *= 2 {
			copy(r[n:], r[:n])
		}
	}
	return r
}

// runsOf is the operand for n runs from run i on.
func runsOf[T tensor.Numeric](o operand, x, space []T, i, n, run int) []T {
	switch {
	case !o.moves && o.inner == 1:
		return x[:1]
	case !o.moves:
		return space[:n*run]
	case o.inner == run:
		return x[i*run : (i+n)*run]
	}
	for j, v := range x[i : i+n] {
		for k := range run {
			space[j*run+k] = v
		}
	}
	return space[:n*run]
}

// broadcastRuns is broadcast that calls f for every run.
func broadcastRuns[D, T any](dst []D, a, b []T, shape, sa, sb []int, f func(dst []D, a, b []T)) {
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
		switch {
		case len(a) == len(dst) && len(b) == len(dst):
			for i, v := range a {
				dst[i] = f(v, b[i])
			}
		case len(a) == len(dst):
			one := b[0]
			for i, v := range a {
				dst[i] = f(v, one)
			}
		default:
			one := a[0]
			for i := range dst {
				dst[i] = f(one, element(b, i))
			}
		}
	}
}
