package kernels

// PadMode says where elements outside the source come from.
type PadMode uint8

const (
	PadConstant PadMode = iota
	PadEdge             // the nearest element
	PadReflect          // mirrored at the edge, which is not repeated; at most n−1 elements
	PadWrap             // from the other end; at most n elements
)

// source returns the position in an axis of n elements that stands at i, which may lie outside; −1 for the constant.
func (m PadMode) source(i, n int) int {
	switch {
	case i >= 0 && i < n:
		return i
	case m == PadEdge:
		return min(max(i, 0), n-1)
	case m == PadReflect && i < 0:
		return -i
	case m == PadReflect:
		return 2*(n-1) - i
	case m == PadWrap && i < 0:
		return i + n
	case m == PadWrap:
		return i - n
	}
	return -1
}

// Pad writes dst, a dense array of shape out, from src of shape in: along axis a, position i of dst is position i − before[a] of src,
// which a negative before crops. size is the bytes of an element and of value, the constant. dst must not overlap src. Modes other than
// PadConstant need a source with elements.
func Pad(dst, src []byte, out, in, before []int, mode PadMode, value []byte, size int) {
	last := len(out) - 1
	if last < 0 {
		copy(dst, src)
		return
	}
	row := out[last] * size
	if row == 0 {
		return
	}
	for r := range len(dst) / row {
		from, step, rest := 0, in[last], r
		for a := last - 1; a >= 0 && from >= 0; a-- {
			at := mode.source(rest%out[a]-before[a], in[a])
			rest /= out[a]
			if at < 0 {
				from = -1
				break
			}
			from += at * step
			step *= in[a]
		}
		d := dst[r*row : (r+1)*row]
		if from < 0 {
			fill(d, value)
			continue
		}
		padRow(d, src[from*size:(from+in[last])*size], before[last], mode, value, size)
	}
}

// padRow is Pad along one axis.
func padRow(dst, src []byte, before int, mode PadMode, value []byte, size int) {
	out, n := len(dst)/size, len(src)/size
	first := min(max(before, 0), out)
	end := max(min(before+n, out), first)
	if first < end {
		copy(dst[first*size:end*size], src[(first-before)*size:])
	}
	outside := func(from, to int) {
		if from == to {
			return
		}
		d, at, step := dst[from*size:to*size], mode.source(from-before, n), 1
		switch mode {
		case PadConstant:
			fill(d, value)
			return
		case PadEdge:
			step = 0
		case PadReflect:
			step = -1
		}
		gatherElements(d, src, at, step, size)
	}
	outside(0, first)
	outside(end, out)
}

// fill repeats value over dst.
func fill[T any](dst, value []T) {
	for at := copy(dst, value); at < len(dst); at *= 2 {
		copy(dst[at:], dst[:at])
	}
}

// setAll sets all of x to v.
func setAll[T any](x []T, v T) {
	if len(x) > 0 {
		x[0] = v
		fill(x, x[:1])
	}
}
