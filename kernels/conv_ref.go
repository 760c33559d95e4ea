package kernels

import "math"

// conv_f32_ref computes rows tiles of pixels × 16 outputs of each of panels panels, 1, 2 or, of up to 6 pixels, 4. Panels of w are wpanel
// elements apart, those of dst dpanel. Tile r reads x from r·xrow on and is at r·drow of dst; its pixels are step and dstep apart. A tap is four of taps: an
// offset in x, which may be negative where the first pixel lacks the tap, one in w, the number of channels, and 1 if the first pixel lacks
// it, 2 if the last does, 3 if both do. Each channel of each tile brings a cache line of weights closer, pace bytes after the one before: left
// elements from w[ahead] on, then, of each panel that follows, those skip elements after the last of the panel before.
func conv_f32_ref(dst, x, w, bias, res []float32, taps []int64, count, step, pixels, rows, xrow, drow, dstep, panels, wpanel, dpanel, ahead, left, skip, pace, flags int, lo, hi float32) {
	convTilesRef(dst, bias, res, pixels, rows, drow, dstep, panels, dpanel, flags, lo, hi, func(r, p, panel, o int) (acc float32) {
		for t := range count {
			if missing(taps[4*t+3], p, pixels) {
				continue
			}
			xs, ws := x[int(taps[4*t])+r*xrow+p*step:], w[int(taps[4*t+1])+panel*wpanel+o:]
			for c := range int(taps[4*t+2]) {
				acc = FMAF32(xs[c], ws[c*convLanes], acc)
			}
		}
		return acc
	})
}

// conv_depthwise_f32_ref is like conv_f32_ref for taps of one step that multiplies 16 channels with 16 weights.
func conv_depthwise_f32_ref(dst, x, w, bias, res []float32, taps []int64, count, step, pixels, rows, xrow, drow, wpanel, dpanel, flags int, lo, hi float32) {
	convTilesRef(dst, bias, res, pixels, rows, drow, convLanes, 1, dpanel, flags, lo, hi, func(r, p, panel, o int) (acc float32) {
		for t := range count {
			if !missing(taps[4*t+3], p, pixels) {
				acc = FMAF32(x[int(taps[4*t])+r*xrow+p*step+o], w[int(taps[4*t+1])+panel*wpanel+o], acc)
			}
		}
		return acc
	})
}

// max_pool_f32_ref is like conv_depthwise_f32_ref for the maximum; NaN wins.
func max_pool_f32_ref(dst, x, w, bias, res []float32, taps []int64, count, step, pixels, rows, xrow, drow, wpanel, dpanel, flags int, lo, hi float32) {
	convTilesRef(dst, bias, res, pixels, rows, drow, convLanes, 1, dpanel, flags, lo, hi, func(r, p, _, o int) float32 {
		acc := float32(math.Inf(-1))
		for t := range count {
			if missing(taps[4*t+3], p, pixels) {
				continue
			}
			if v := x[int(taps[4*t])+r*xrow+p*step+o]; v > acc || v != v {
				acc = v
			}
		}
		return acc
	})
}

// missing reports whether a tap lies outside of the image for pixel p.
func missing(partial int64, p, pixels int) bool {
	return partial&1 != 0 && p == 0 || partial&2 != 0 && p == pixels-1
}

func convTilesRef(dst, bias, res []float32, pixels, rows, drow, dstep, panels, dpanel, flags int, lo, hi float32, sum func(r, p, panel, o int) float32) {
	for r := range rows {
		for p := range pixels {
			for i := range panels * convLanes {
				panel, o := i/convLanes, i%convLanes
				at := r*drow + p*dstep + panel*dpanel + o
				v := sum(r, p, panel, o)
				if flags&convAdd != 0 {
					v = dst[at] + v
				}
				if flags&convBias != 0 {
					v += bias[i]
				}
				if flags&convResidual != 0 {
					v += res[at]
				}
				if flags&convClip != 0 {
					v = clipRef(v, lo, hi)
				}
				dst[at] = v
			}
		}
	}
}
