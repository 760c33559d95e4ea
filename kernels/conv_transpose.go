package kernels

// ConvTransposeF32 computes, for each image of x [batch × C × H × W] and dst [batch × M × OH × OW], contiguous, and o in group g,
//
//	dst[o][oy][ox] = bias[o] + Σ w[o][c][ky][kx]·x[g·C/groups + c][iy][ix]
//
// over the taps with iy·StrideH = oy + Top − ky·DilationH and the same for ix, iy and ix being places of the image. s is that of the
// convolution from dst to x, but that H, W are the size of x and OH, OW that of dst. p holds w [M × C/groups × KH × KW] and comes from
// PackConv. The order of products is ConvPackedF32's. floats and ints hold TransposeScratch elements.
//
// The outputs of one phase, those with equal oy mod StrideH and ox mod StrideW, have the same taps: they are a convolution of stride 1
// whose taps go backwards.
func ConvTransposeF32(pool *Pool, dst, x, bias []float32, p *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	in, out := p.inputLen(s), p.outputLen(s)
	packed, result, phase := floats[:in], floats[in:in+out], floats[in+out:]
	blocks := out / (s.OH * s.OW * convLanes)
	if !pool.worthwhile(p.M, s.H*s.W, p.C/p.Groups*s.KH*s.KW, gemmF32Rate) {
		pool = nil
	}
	job := convJobs.Get().(*convJob)
	for i := range batch {
		p.packInput(pool, packed, x[i*p.C*s.H*s.W:(i+1)*p.C*s.H*s.W], s)
		for py := range min(s.StrideH, s.OH) {
			for px := range min(s.StrideW, s.OW) {
				shape := s.phase(py, px)
				job.setUp(p, &shape, p.lanes(), ints)
				job.rows, _, _, _ = phaseTaps(py+s.Top, s.KH, s.StrideH, s.DilationH)
				job.cols, _, _, _ = phaseTaps(px+s.Left, s.KW, s.StrideW, s.DilationW)
				job.x, job.dst, job.bias = packed, phase[:blocks*shape.OH*shape.OW*convLanes], bias
				if bias != nil {
					job.flags = convBias
				}
				pool.Run(job.grid.count(), job)
				scatter(result, job.dst, s, &shape, py, px, blocks)
			}
		}
		p.unpackOutput(pool, dst[i*p.M*s.OH*s.OW:(i+1)*p.M*s.OH*s.OW], result, s)
	}
	*job = convJob{}
	convJobs.Put(job)
}

// TransposeScratch is the number of float32 and of int64 that ConvTransposeF32 needs beside its operands.
func (p *PackedConv) TransposeScratch(s *ConvShape) (floats, ints int) {
	for _, py := range [2]int{0, min(s.StrideH, s.OH) - 1} {
		for _, px := range [2]int{0, min(s.StrideW, s.OW) - 1} {
			shape := s.phase(py, px)
			floats, ints = max(floats, p.outputLen(&shape)), max(ints, maxBands*shape.bandsPer(p)*p.tapInts())
		}
	}
	return floats + p.inputLen(s) + p.outputLen(s), ints
}

// bandsPer is the number of chunks in each band.
func (s *ConvShape) bandsPer(p *PackedConv) int {
	g := p.gridOf(s, 2)
	return g.groups * g.runs
}

// phase is the convolution of stride 1 that computes the outputs (py, px), (py + StrideH, px), …
func (s *ConvShape) phase(py, px int) ConvShape {
	_, kh, top, dh := phaseTaps(py+s.Top, s.KH, s.StrideH, s.DilationH)
	_, kw, left, dw := phaseTaps(px+s.Left, s.KW, s.StrideW, s.DilationW)
	return ConvShape{
		H: s.H, W: s.W, OH: (s.OH - py + s.StrideH - 1) / s.StrideH, OW: (s.OW - px + s.StrideW - 1) / s.StrideW, KH: kh, KW: kw,
		StrideH: 1, StrideW: 1, DilationH: dh, DilationW: dw, Top: top, Left: left,
	}
}

// phaseTaps lists the taps k < kernel with at − k·dilation divisible by stride: their number, and the padding and dilation of a convolution
// that reads place y + (at − k·dilation)/stride for output y.
func phaseTaps(at, kernel, stride, dilation int) (taps kernelTaps, count, before, backwards int) {
	step := stride / gcd(stride, dilation)
	for k := range min(kernel, step) {
		if (at-k*dilation)%stride == 0 {
			return kernelTaps{k, step}, (kernel - k + step - 1) / step, -(at - k*dilation) / stride, -(step * dilation / stride)
		}
	}
	return allTaps, 0, 0, 1
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// scatter moves the outputs of a phase to their places.
func scatter(result, phase []float32, s, shape *ConvShape, py, px, blocks int) {
	for b := range blocks {
		for y := range shape.OH {
			from, to := (b*shape.OH+y)*shape.OW*convLanes, ((b*s.OH+py+y*s.StrideH)*s.OW+px)*convLanes
			for x := range shape.OW {
				copy(result[to+x*s.StrideW*convLanes:][:convLanes], phase[from+x*convLanes:])
			}
		}
	}
}
