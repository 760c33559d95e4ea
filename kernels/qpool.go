package kernels

// MaxPoolU8 computes, for each image of x [batch × H × W × C] and dst [batch × OH × OW × C], channels last and contiguous, the maximum
// over the taps inside the image; 0 without one. dst must not overlap x.
func MaxPoolU8(dst, x []uint8, batch, channels int, s *ConvShape) {
	for i := range batch * s.OH * s.OW {
		w := s.windowAt(i)
		out, first := dst[i*channels:(i+1)*channels], true
		at := i / (s.OH * s.OW) * s.H * s.W
		for y := w.y0; y < w.y1; y += s.DilationH {
			for c := w.x0; c < w.x1; c += s.DilationW {
				in := x[(at+y*s.W+c)*channels:][:channels]
				if first {
					copy(out, in)
				} else {
					maximumU8(out, in)
				}
				first = false
			}
		}
		if first {
			clear(out)
		}
	}
}

// maximumU8 raises dst to x where x is larger.
func maximumU8(dst, x []uint8) {
	n := len(dst) &^ 31
	if n > 0 {
		maximum_u8(dst[:n], x[:n])
	}
	maximum_u8_ref(dst[n:], x[n:])
}

// maximum_u8_ref: where assembly runs, len(dst) is a multiple of 32.
func maximum_u8_ref(dst, x []uint8) {
	for i := range dst {
		dst[i] = max(dst[i], x[i])
	}
}

// QAverage is the mean of n quantised values: clamp(roundeven(float32(Σ x − n·Zero) · m) + ZeroPoint, 0, 255) with
// m = float32(Ratio / n). Ratio is scale(x) / scale(result). The sum is exact.
type QAverage struct {
	Zero, ZeroPoint int32
	Ratio           float64
}

// AveragePoolU8 is MaxPoolU8 for the mean over the taps inside the image, or, where padH ≥ 0, inside the padded image of padH × padW
// positions from the top left of the padding: what is padded counts as zero. sums has one element per channel. A window without taps
// gives the zero point.
func AveragePoolU8(dst, x []uint8, batch, channels int, s *ConvShape, padH, padW int, p *QAverage, sums []int32) {
	sums = sums[:channels]
	for i := range batch * s.OH * s.OW {
		w := s.windowAt(i)
		clear(sums)
		inside := 0
		at := i / (s.OH * s.OW) * s.H * s.W
		for y := w.y0; y < w.y1; y += s.DilationH {
			for c := w.x0; c < w.x1; c += s.DilationW {
				addU8(sums, x[(at+y*s.W+c)*channels:][:channels])
				inside++
			}
		}
		p.finish(dst[i*channels:(i+1)*channels], sums, inside, s.counted(w, inside, padH, padW))
	}
}

// counted is the number of positions that a window divides by.
func (s *ConvShape) counted(w window, inside, padH, padW int) int {
	if padH < 0 {
		return inside
	}
	return taps(w.top+s.Top, s.KH, s.DilationH, padH) * taps(w.left+s.Left, s.KW, s.DilationW, padW)
}

// finish writes the means of sums over inside values, of counted.
func (p *QAverage) finish(dst []uint8, sums []int32, inside, counted int) {
	if inside == 0 {
		setAll(dst, uint8(p.ZeroPoint))
		return
	}
	m, bias := float32(p.Ratio/float64(counted)), -int32(inside)*p.Zero
	lo, hi := float32(-p.ZeroPoint), float32(255-p.ZeroPoint)
	n := len(dst) &^ 15
	if n > 0 {
		requantize_s32u8(dst[:n], sums[:n], bias, m, lo, hi, p.ZeroPoint)
	}
	requantize_s32u8_ref(dst[n:], sums[n:], bias, m, lo, hi, p.ZeroPoint)
}

// addU8 adds x to sums.
func addU8(sums []int32, x []uint8) {
	n := len(x) &^ 15
	if n > 0 {
		add_u8s32(sums[:n], x[:n])
	}
	add_u8s32_ref(sums[n:], x[n:])
}

// add_u8s32_ref: where assembly runs, len(x) is a multiple of 16.
func add_u8s32_ref(dst []int32, x []uint8) {
	for i, v := range x {
		dst[i] += int32(v)
	}
}

// requantize_s32u8_ref: where assembly runs, len(x) is a multiple of 16.
func requantize_s32u8_ref(dst []uint8, x []int32, bias int32, mult, lo, hi float32, zp int32) {
	for i, v := range x {
		dst[i] = requantised(v+bias, mult, lo, hi, zp)
	}
}

// MaxPoolPlanesU8 is MaxPoolU8 for x [planes × H × W] and dst [planes × OH × OW]. Bytes are compared after an exclusive or with flip:
// 0 for u8, 0x80 for s8. Plain Go on every tier.
func MaxPoolPlanesU8(dst, x []uint8, planes int, s *ConvShape, flip uint8) {
	for i := range dst[:planes*s.OH*s.OW] {
		plane, w := s.planeAt(x, i), s.windowAt(i)
		var m uint8
		for y := w.y0; y < w.y1; y += s.DilationH {
			for c := w.x0; c < w.x1; c += s.DilationW {
				m = max(m, plane[y*s.W+c]^flip)
			}
		}
		dst[i] = m ^ flip
	}
}

// AveragePoolPlanesU8 is AveragePoolU8 for x [planes × H × W] and dst [planes × OH × OW], bytes read and written through an exclusive or
// with flip: 0 for u8, 0x80 for s8, whose zero points p holds with 128 added. Plain Go on every tier.
func AveragePoolPlanesU8(dst, x []uint8, planes int, s *ConvShape, padH, padW int, p *QAverage, flip uint8) {
	for i := range dst[:planes*s.OH*s.OW] {
		plane, w := s.planeAt(x, i), s.windowAt(i)
		sum, inside := [1]int32{}, 0
		for y := w.y0; y < w.y1; y += s.DilationH {
			for c := w.x0; c < w.x1; c += s.DilationW {
				sum[0] += int32(plane[y*s.W+c] ^ flip)
				inside++
			}
		}
		p.finish(dst[i:i+1], sum[:], inside, s.counted(w, inside, padH, padW))
		dst[i] ^= flip
	}
}

// planeAt is the plane of output i, counted through all planes.
func (s *ConvShape) planeAt(x []uint8, i int) []uint8 {
	plane := i / (s.OH * s.OW)
	return x[plane*s.H*s.W : (plane+1)*s.H*s.W]
}
