package kernels

import "unsafe"

// MaxAxes is the number of axes a View can have. ONNX models of practice have up to 6; Tile needs two for each.
const MaxAxes = 16

// View describes how a dense array is read from another: element (i₀, i₁, …) is the one at Offset + Σ iₐ·Strideₐ of the source. Steps
// may be 0 (stretching) or negative (reversing).
type View struct {
	Size   int // bytes of an element: 1, 2, 4 or 8
	Offset int // in elements
	axes   int
	dims   [MaxAxes]int
	steps  [MaxAxes]int
}

// Axis appends an axis of n elements, step elements apart. Axes of one element are left out, and an axis that continues the one before
// is merged with it. It panics beyond MaxAxes.
func (v *View) Axis(n, step int) {
	if n == 1 {
		return
	}
	if v.axes > 0 && v.steps[v.axes-1] == n*step {
		v.dims[v.axes-1] *= n
		v.steps[v.axes-1] = step
		return
	}
	v.dims[v.axes], v.steps[v.axes] = n, step
	v.axes++
}

// CopyView writes the elements of v in src to dst, dense and row-major. dst must not overlap src. Every position of v lies in src, and
// dst has room for all; the slices' bounds are checked once for each run of the last axis.
func CopyView(dst, src []byte, v *View) {
	for _, n := range v.dims[:v.axes] {
		if n == 0 {
			return
		}
	}
	if v.axes == 0 {
		v.dims[0], v.steps[0], v.axes = 1, 1, 1
	}
	last := v.axes - 1
	if last > 0 && v.steps[last] != 1 && v.steps[last-1] == 1 && v.Size == 4 {
		v.copyTransposed(dst, src)
		return
	}
	if last > 0 && v.steps[last] > 1 && v.steps[last-1] == 1 && v.Size == 1 {
		rows, cols := v.dims[last-1], v.dims[last]
		for m := range v.runs(last - 1) {
			TransposeU8(dst[m*rows*cols:], src[v.at(m, last-1):], cols, rows, cols, v.steps[last])
		}
		return
	}
	at, n := v.Offset, v.dims[last]
	var position [MaxAxes]int
	for r := range v.runs(last) {
		v.copyRun(dst[r*n*v.Size:(r+1)*n*v.Size], src, at)
		for a := last - 1; a >= 0; a-- {
			at += v.steps[a]
			if position[a]++; position[a] < v.dims[a] {
				break
			}
			at -= v.dims[a] * v.steps[a]
			position[a] = 0
		}
	}
}

// runs is the number of positions of the first axes axes.
func (v *View) runs(axes int) int {
	n := 1
	for _, d := range v.dims[:axes] {
		n *= d
	}
	return n
}

// at is the source position of the r-th position of the first axes axes.
func (v *View) at(r, axes int) int {
	at := v.Offset
	for a := axes - 1; a >= 0; a-- {
		at += r % v.dims[a] * v.steps[a]
		r /= v.dims[a]
	}
	return at
}

// copyRun writes one run of the last axis.
func (v *View) copyRun(dst, src []byte, at int) {
	n, step := v.dims[v.axes-1], v.steps[v.axes-1]
	if step == 1 {
		copy(dst, src[at*v.Size:(at+n)*v.Size])
		return
	}
	gatherElements(dst, src, at, step, v.Size)
}

// gatherElements is gatherRun for elements of size bytes.
func gatherElements(dst, src []byte, at, step, size int) {
	switch size {
	case 1:
		gatherRun(dst, src, at, step)
	case 2:
		gatherRun(elementsOf[uint16](dst), elementsOf[uint16](src), at, step)
	case 4:
		gatherRun(elementsOf[uint32](dst), elementsOf[uint32](src), at, step)
	default:
		gatherRun(elementsOf[uint64](dst), elementsOf[uint64](src), at, step)
	}
}

func gatherRun[T any](dst, src []T, at, step int) {
	for i := range dst {
		dst[i] = src[at]
		at += step
	}
}

// copyTransposed handles a last axis that is strided and one before it that is contiguous, of 4-byte elements: transposed matrices.
func (v *View) copyTransposed(dst, src []byte) {
	d, s := elementsOf[float32](dst), elementsOf[float32](src)
	rows, cols, step := v.dims[v.axes-2], v.dims[v.axes-1], v.steps[v.axes-1]
	for m := range v.runs(v.axes - 2) {
		at := v.at(m, v.axes-2)
		if step < 0 {
			for i := range rows {
				gatherRun(d[(m*rows+i)*cols:(m*rows+i+1)*cols], s, at+i, step)
			}
			continue
		}
		TransposeF32(d[m*rows*cols:], s[at:], cols, rows, cols, step)
	}
}

// elementsOf views bytes as elements of T. b is aligned for T.
func elementsOf[T any](b []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(zero)))
}
