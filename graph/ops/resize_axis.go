package ops

import "math"

// resizeAxis is what a resize does along one axis. Coordinates are computed in float32, step by step as in ONNX Runtime, so that ties of
// nearest fall to the same side.
type resizeAxis struct {
	in, out  int
	scale    float32 // out over in, before rounding
	from, to float32 // region of interest, as fractions
}

// moves reports whether the axis does anything.
func (a *resizeAxis) moves(r *resizeConfig) bool {
	return a.in != a.out || r.coordinates == "tf_crop_and_resize"
}

// source is the coordinate in the input that output o lies at.
func (a *resizeAxis) source(r *resizeConfig, o int) float32 {
	x, in, out := float32(o), float32(a.in), float32(a.out)
	switch r.coordinates {
	case "asymmetric":
		return x / a.scale
	case "align_corners":
		if a.out == 1 {
			return 0
		}
		return float32(x*(in-1)) / (out - 1)
	case "pytorch_half_pixel":
		if a.out == 1 {
			return 0
		}
	case "tf_half_pixel_for_nn":
		return (x + 0.5) / a.scale
	case "half_pixel_symmetric":
		adjustment := out / float32(a.scale*in)
		offset := float32(in / 2 * (1 - adjustment))
		return offset + (x+0.5)/a.scale - 0.5
	case "tf_crop_and_resize":
		if a.out == 1 {
			return float32(0.5*(a.from+a.to)) * (in - 1)
		}
		return float32(a.from*(in-1)) + float32(float32(float32(x*(a.to-a.from))*(in-1))/(out-1))
	}
	return (x+0.5)/a.scale - 0.5
}

// outside reports whether output o is to be the extrapolation value.
func (a *resizeAxis) outside(r *resizeConfig, o int) bool {
	if r.coordinates != "tf_crop_and_resize" {
		return false
	}
	x := a.source(r, o)
	return x < 0 || x > float32(a.in-1)
}

// nearest is the input element that output o copies.
func (a *resizeAxis) nearest(r *resizeConfig, o int) int {
	x := float64(a.source(r, o))
	switch r.nearest {
	case "floor":
		x = math.Floor(x)
	case "ceil":
		x = math.Ceil(x)
	case "round_prefer_ceil":
		x = math.Floor(x + 0.5)
	case "simple": // before opset 11
		if a.scale < 1 {
			x = math.Ceil(x)
		} else {
			x = math.Floor(x)
		}
	default: // round_prefer_floor
		x = math.Ceil(x - 0.5)
	}
	return int(min(max(x, 0), float64(a.in-1)))
}

// taps is the number of input elements that an output is a weighted sum of.
func (a *resizeAxis) taps(r *resizeConfig) int {
	support := 1
	if r.cubic {
		support = 2
	}
	if r.antialias && a.scale < 1 {
		return 2*int(min(math.Ceil(float64(support)/float64(a.scale)), math.MaxInt32)) + 2
	}
	return 2 * support
}

// weights writes the positions and weights of output o; unused ones get weight 0.
func (a *resizeAxis) weights(r *resizeConfig, o int, set func(t, at int, w float32)) {
	last, x := a.in-1, a.source(r, o)
	switch {
	case r.antialias && a.scale < 1:
		a.filter(r, x, set)
	case r.cubic:
		a.cubic(r, x, set)
	default:
		x = min(max(x, 0), float32(last))
		first := int(x)
		w := x - float32(first)
		if first == last { // both taps are one, whose product with a weight of 0 would be NaN for Inf
			w = 0.5
		}
		set(0, first, 1-w)
		set(1, min(first+1, last), w)
	}
}

// cubic is the interpolation of Keys, "Cubic convolution interpolation for digital image processing", 1981.
func (a *resizeAxis) cubic(r *resizeConfig, x float32, set func(t, at int, w float32)) {
	floor := math.Floor(float64(x))
	s := float64(x) - floor
	var w [4]float64
	sum := 0.0
	for t := range w {
		at := floor + float64(t-1)
		if w[t] = keys(math.Abs(s-float64(t-1)), r.cubicA); r.exclude && (at < 0 || at > float64(a.in-1)) {
			w[t] = 0
		}
		sum += w[t]
	}
	if !r.exclude {
		sum = 1
	}
	for t := range w {
		at := min(max(floor+float64(t-1), 0), float64(a.in-1))
		set(t, int(at), float32(w[t]/sum))
	}
}

// keys is the cubic kernel at distance d.
func keys(d, a float64) float64 {
	switch {
	case d < 1:
		return float64((float64((a+2)*d)-(a+3))*float64(d*d)) + 1
	case d < 2:
		return float64((float64((float64(a*d)-float64(5*a))*d)+float64(8*a))*d) - float64(4*a)
	}
	return 0
}

// filter stretches the kernel over the inputs that one output stands for, and lets the weights sum to 1. What lies outside is the edge,
// or left out.
func (a *resizeAxis) filter(r *resizeConfig, x float32, set func(t, at int, w float32)) {
	support := 1 / float64(a.scale)
	if r.cubic {
		support *= 2
	}
	center := float64(x) + 0.5
	first, end := int(math.Floor(center-support+0.5)), int(math.Floor(center+support+0.5))
	if r.exclude {
		first, end = max(0, first), min(a.in, end)
	}
	weight := func(at int) float64 {
		d := float64(math.Abs(float64(at)-center+0.5) * float64(a.scale))
		if r.cubic {
			return keys(d, r.cubicA)
		}
		return max(0, 1-d)
	}
	sum := 0.0
	for at := first; at < end; at++ {
		sum += weight(at)
	}
	for t := range a.taps(r) {
		at := first + t
		w := float32(0)
		if at < end {
			w = float32(weight(at) / sum)
		}
		set(t, min(max(at, 0), a.in-1), w)
	}
}
