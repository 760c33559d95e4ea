package kernels

import "math"

// MaxPoolF32 computes, for each of planes images of x [planes × H × W] and dst [planes × OH × OW], contiguous,
//
//	dst[oy][ox] = max over ky, kx of x[oy·StrideH − Top + ky·DilationH][ox·StrideW − Left + kx·DilationW]
//
// over the taps inside the image; −Inf without one. NaN wins; among zeros the first in the order (ky, kx). Plain Go on every tier.
func MaxPoolF32(dst, x []float32, planes int, s *ConvShape) {
	for i := range dst[:planes*s.OH*s.OW] {
		plane, w := s.window(x, i)
		m := float32(math.Inf(-1))
		for y := w.y0; y < w.y1; y += s.DilationH {
			for c := w.x0; c < w.x1; c += s.DilationW {
				if v := plane[y*s.W+c]; v > m || v != v {
					m = v
				}
			}
		}
		dst[i] = m
	}
}

// AveragePoolF32 is like MaxPoolF32 for the mean: one chain of additions from +0 in the order (ky, kx), divided by the number of taps
// inside the image, or, where padH ≥ 0, inside the padded image of padH × padW positions from the top left of the padding.
func AveragePoolF32(dst, x []float32, planes int, s *ConvShape, padH, padW int) {
	for i := range dst[:planes*s.OH*s.OW] {
		plane, w := s.window(x, i)
		var sum, n float32
		for y := w.y0; y < w.y1; y += s.DilationH {
			for c := w.x0; c < w.x1; c += s.DilationW {
				sum += plane[y*s.W+c]
				n++
			}
		}
		if padH >= 0 {
			n = float32(taps(w.top+s.Top, s.KH, s.DilationH, padH) * taps(w.left+s.Left, s.KW, s.DilationW, padW))
		}
		dst[i] = sum / n
	}
}

// window is the taps of one output inside the image: from y0 and x0, by the dilation, below y1 and x1.
type window struct {
	y0, y1, x0, x1 int
	top, left      int // of the first tap, inside or not
}

// window returns the plane and the window of output i, counted through all planes.
func (s *ConvShape) window(x []float32, i int) ([]float32, window) {
	plane := i / (s.OH * s.OW)
	return x[plane*s.H*s.W : (plane+1)*s.H*s.W], s.windowAt(i)
}

// windowAt returns the window of output i, counted through all planes.
func (s *ConvShape) windowAt(i int) window {
	top, left := i/s.OW%s.OH*s.StrideH-s.Top, i%s.OW*s.StrideW-s.Left
	return window{
		firstInside(top, s.DilationH), min(s.H, top+(s.KH-1)*s.DilationH+1),
		firstInside(left, s.DilationW), min(s.W, left+(s.KW-1)*s.DilationW+1), top, left,
	}
}

// firstInside is the first of at, at + step, … that is not negative.
func firstInside(at, step int) int {
	if at < 0 {
		at += (-at + step - 1) / step * step
	}
	return at
}

// taps is how many of at, at + step, …, k of them, lie below n.
func taps(at, k, step, n int) int { return min(k, max(0, (n-at+step-1)/step)) }
