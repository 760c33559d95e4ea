package ops

import "github.com/hotpath/hotpath/graph/tensor"

// volume is windows over three spatial axes. Axes that a value lacks come first and have one place.
type volume struct{ in, out, kernel, stride, dilation, before [3]int }

// volume gives the geometry of an input [batch, channels, …] of at most three spatial axes.
func (w *window) volume(shape []int) (v volume) {
	fill(v.in[:], 1)
	v.out, v.kernel, v.stride, v.dilation = v.in, v.in, v.in, v.in
	axes := len(shape) - 2
	for i, d := range shape[2:] {
		at := 3 - axes + i
		v.in[at], v.kernel[at], v.stride[at], v.dilation[at] = d, w.kernel[i], w.stride[i], w.dilation[i]
		v.out[at], v.before[at], _ = w.output(i, d)
	}
	return v
}

func product3(a [3]int) int { return a[0] * a[1] * a[2] }

// span is the taps first…last−1 of one output that lie inside the input along one axis, and the place of tap 0.
type span struct{ first, last, start int }

// inside returns the span of output o along an axis.
func (v *volume) inside(axis, o int) (s span) {
	d := v.dilation[axis]
	s.start = o*v.stride[axis] - v.before[axis]
	if s.start < 0 {
		s.first = min((-s.start+d-1)/d, v.kernel[axis])
	}
	s.last = s.first
	if room := v.in[axis] - s.start; room > 0 {
		s.last = max(s.first, min(v.kernel[axis], (room-1)/d+1))
	}
	return s
}

// outputs calls f for every output of a plane with the spans of its window.
func (v *volume) outputs(f func(i int, s [3]span)) {
	var s [3]span
	i := 0
	for z := range v.out[0] {
		s[0] = v.inside(0, z)
		for y := range v.out[1] {
			s[1] = v.inside(1, y)
			for x := range v.out[2] {
				s[2] = v.inside(2, x)
				f(i, s)
				i++
			}
		}
	}
}

// taps calls f for the taps of a window that lie inside the plane, ascending: the number of the tap and its place.
func (v *volume) taps(s [3]span, f func(tap, at int)) {
	for a := s[0].first; a < s[0].last; a++ {
		z := (s[0].start + a*v.dilation[0]) * v.in[1]
		for b := s[1].first; b < s[1].last; b++ {
			y := (z + s[1].start + b*v.dilation[1]) * v.in[2]
			tap := (a*v.kernel[1] + b) * v.kernel[2]
			for c := s[2].first; c < s[2].last; c++ {
				f(tap+c, y+s[2].start+c*v.dilation[2])
			}
		}
	}
}

// convOperands are the operands of a convolution in plain Go: x [batch × c × …] less zeroX, w [m × c/groups × …] less zeroW, of which
// there is none, one, or one for each output channel.
type convOperands[X, W, A number] struct {
	x           []X
	w           []W
	zeroX       A
	zeroW, bias []A // nil: 0
	batch, m, c int
	groups      int
	dst         []A
}

// convPlain computes one sum for each output: over channels, then taps inside the image, both ascending, one rounding for each product and
// each addition. It is for element types without a kernel.
func convPlain[X, W, A number](v *volume, p *convOperands[X, W, A]) {
	in, taps, out := product3(v.in), product3(v.kernel), product3(v.out)
	cg, mg := p.c/p.groups, p.m/p.groups
	for row := range p.batch * p.m {
		n, o := row/p.m, row%p.m
		var zw, bias A
		if p.zeroW != nil {
			zw = element(p.zeroW, o)
		}
		if p.bias != nil {
			bias = p.bias[o]
		}
		dst := p.dst[row*out : (row+1)*out]
		v.outputs(func(i int, s [3]span) {
			sum := A(0)
			for c := range cg {
				x := p.x[(n*p.c+o/mg*cg+c)*in:][:in]
				w := p.w[(o*cg+c)*taps:][:taps]
				v.taps(s, func(tap, at int) { sum += A((A(x[at]) - p.zeroX) * (A(w[tap]) - zw)) })
			}
			dst[i] = sum + bias
		})
	}
}

// integersOf reads a value of u8 or s8 as int32.
func integersOf(dst []int32, t *tensor.Tensor) {
	if t.DType == tensor.Int8 {
		for i, v := range tensor.Data[int8](t) {
			dst[i] = int32(v)
		}
		return
	}
	for i, v := range t.Bytes {
		dst[i] = int32(v)
	}
}

// count is the number of taps inside.
func (s span) count() int { return s.last - s.first }
