package kernels

// convRun is one output block of one image.
type convRun struct {
	p         *PackedConv
	s         *ConvShape
	x, w, dst []float32 // packed
	taps      []int64   // (offset in x for ox = 0, offset in w, channels), room for one segment
}

// run computes all segments of input blocks with cg channels in all.
func (c *convRun) run(cg int) {
	blocks, segment := channelBlocks(cg), c.p.segment()
	if c.p.depthwise {
		blocks, segment = 1, 1
	}
	s := c.s
	left, right := inside(s.W, s.OW, s.KW, s.StrideW, s.DilationW, s.Left)
	top, bottom := inside(s.H, s.OH, s.KH, s.StrideH, s.DilationH, s.Top)
	for first := 0; first < blocks; first += segment {
		last := min(first+segment, blocks)
		for oy := range s.OH {
			for ox := left; ox < right; ox += convPixels {
				c.pixels(oy, ox, min(convPixels, right-ox), false, first, last)
			}
		}
		for ox := range s.OW {
			if ox >= left && ox < right {
				continue
			}
			// Pixels below each other miss the same taps.
			for oy := top; oy < bottom; oy += convPixels {
				c.pixels(oy, ox, min(convPixels, bottom-oy), true, first, last)
			}
			for oy := range s.OH {
				if oy < top || oy >= bottom {
					c.pixels(oy, ox, 1, true, first, last)
				}
			}
		}
	}
}

// convPixels bounds the work of one assembly call, which cannot be preempted: 96 pixels of a 3 × 3 segment, 288 products times 16, take
// 9 µs at the peak of Zen 3, of a 7 × 7 one 24 µs.
const convPixels = 96

// inside returns the range of outputs along an axis whose taps all lie inside the image.
func inside(size, out, kernel, stride, dilation, before int) (lo, hi int) {
	lo = min((before+stride-1)/stride, out)
	if room := size - 1 + before - (kernel-1)*dilation; room >= 0 {
		hi = min(room/stride+1, out)
	}
	return lo, max(lo, hi)
}

// list writes the taps of input blocks first…last−1 that pixel (oy, ox) has inside the image, and returns their number.
func (c *convRun) list(oy, ox, first, last int) int {
	s, n := c.s, 0
	for b := first; b < last; b++ {
		for ky := range s.KH {
			iy := oy*s.StrideH - s.Top + ky*s.DilationH
			if iy < 0 || iy >= s.H {
				continue
			}
			for kx := range s.KW {
				ix := ox*s.StrideW - s.Left + kx*s.DilationW
				if ix < 0 || ix >= s.W {
					continue
				}
				t := c.taps[3*n : 3*n+3]
				t[0] = int64(((b*s.H+iy)*s.W + ix - ox*s.StrideW) * convLanes)
				t[1], t[2] = int64((ky*s.KW+kx)*convLanes), 1
				if !c.p.depthwise {
					t[1], t[2] = int64(c.p.weight(b, ky*s.KW+kx)), int64(c.p.width(b))
				}
				n++
			}
		}
	}
	return n
}

// pixels computes n pixels from (oy, ox) on, side by side or below each other, with input blocks first…last−1. All have the taps of the
// first pixel.
func (c *convRun) pixels(oy, ox, n int, below bool, first, last int) {
	s, count, add := c.s, c.list(oy, ox, first, last), min(first, 1)
	step, dstep := s.StrideW*convLanes, convLanes
	if below {
		step, dstep = s.StrideH*s.W*convLanes, s.OW*convLanes
	}
	from := (oy*s.OW + ox) * convLanes
	dst, taps, at := c.dst[from:from+(n-1)*dstep+convLanes], c.taps[:3*count], ox*s.StrideW*convLanes
	if c.p.depthwise {
		conv_depthwise_f32(dst, c.x, c.w, taps, count, at, step, dstep, n, add)
	} else {
		conv_f32(dst, c.x, c.w, taps, count, at, step, dstep, n, add)
	}
}

func conv_f32_ref(dst, x, w []float32, taps []int64, count, at, step, dstep, pixels, add int) {
	for p := range pixels {
		for o := range convLanes {
			var acc float32
			for t := range count {
				xs, ws := x[at+p*step+int(taps[3*t]):], w[taps[3*t+1]:]
				for c := range int(taps[3*t+2]) {
					acc = FMAF32(xs[c], ws[c*convLanes+o], acc)
				}
			}
			if add != 0 {
				acc = dst[p*dstep+o] + acc
			}
			dst[p*dstep+o] = acc
		}
	}
}

func conv_depthwise_f32_ref(dst, x, w []float32, taps []int64, count, at, step, dstep, pixels, add int) {
	for p := range pixels {
		for o := range convLanes {
			var acc float32
			for t := range count {
				acc = FMAF32(x[at+p*step+int(taps[3*t])+o], w[int(taps[3*t+1])+o], acc)
			}
			if add != 0 {
				acc = dst[p*dstep+o] + acc
			}
			dst[p*dstep+o] = acc
		}
	}
}
