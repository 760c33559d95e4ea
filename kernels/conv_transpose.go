package kernels

import "sync"

// ConvTransposeF32 computes, for each image of x [batch × C × H × W] and dst [batch × M × OH × OW], contiguous, and o in group g,
//
//	dst[o][oy][ox] = bias[o] + Σ w[o][c][ky][kx]·x[g·C/groups + c][iy][ix]
//
// over the taps with iy·StrideH = oy + Top − ky·DilationH and the same for ix, iy and ix being places of the image. s is that of the
// convolution from dst to x, but that H, W are the size of x and OH, OW that of dst. p holds w [M × C/groups × KH × KW] and comes from
// PackConv. The order of products is ConvPackedF32's. floats and ints hold TransposeScratch elements.
//
// The outputs of one phase, those with equal oy mod StrideH and ox mod StrideW, have the same taps: they are a convolution of stride 1
// whose taps go backwards. Bands of rows of all phases take turns: their input is in the cache, and so is
// what goes on to dst.
func ConvTransposeF32(pool *Pool, dst, x, bias []float32, p *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	in := p.inputLen(s)
	packed, band := floats[:in], floats[in:]
	most, across := s.phase(0, 0), min(s.StrideW, s.OW)
	rows := p.phaseRows(&most)
	if !pool.worthwhile(p.M, s.H*s.W, p.C/p.Groups*s.KH*s.KW, gemmF32Rate) {
		pool = nil
	}
	job, spread := convJobs.Get().(*convJob), spreadJobs.Get().(*spreadJob)
	for i := range batch {
		p.packInput(pool, packed, x[i*p.C*s.H*s.W:(i+1)*p.C*s.H*s.W], s)
		plane := dst[i*p.M*s.OH*s.OW : (i+1)*p.M*s.OH*s.OW]
		for y := 0; y < most.OH; y += rows {
			for phase := range min(s.StrideH, s.OH) * across {
				py, px := phase/across, phase%across
				shape := s.phase(py, px)
				shape.OH, shape.Top = min(rows, shape.OH-y), shape.Top-y
				if shape.OH <= 0 {
					continue
				}
				job.setUp(p, &shape, p.lanes(), ints)
				job.rows, _, _, _ = phaseTaps(py+s.Top, s.KH, s.StrideH, s.DilationH)
				job.cols, _, _, _ = phaseTaps(px+s.Left, s.KW, s.StrideW, s.DilationW)
				job.x, job.dst, job.bias = packed, band[:p.outputLen(&shape)], bias
				if bias != nil {
					job.flags = convBias
				}
				pool.Run(job.grid.count(), job)
				*spread = spreadJob{p, plane, job.dst, *s, shape.OH, shape.OW, (y*s.StrideH+py)*s.OW + px}
				pool.Run(len(job.dst)/(shape.OH*shape.OW*convLanes), spread)
			}
		}
	}
	*job, *spread = convJob{}, spreadJob{}
	convJobs.Put(job)
	spreadJobs.Put(spread)
}

// phaseBand float32 bound the rows of a phase that are computed at a time: 512 KiB, which the second-level cache holds beside their input.
const phaseBand = 128 << 10

// phaseRows is the number of rows that are computed at a time, of the first phase, which is the largest, and of the others.
func (p *PackedConv) phaseRows(phase *ConvShape) int {
	return min(phase.OH, max(1, phaseBand/(p.outputLen(phase)/phase.OH)))
}

// TransposeScratch is the number of float32 and of int64 that ConvTransposeF32 needs beside its operands.
func (p *PackedConv) TransposeScratch(s *ConvShape) (floats, ints int) {
	for _, py := range [2]int{0, min(s.StrideH, s.OH) - 1} {
		for _, px := range [2]int{0, min(s.StrideW, s.OW) - 1} {
			shape := s.phase(py, px)
			ints = max(ints, maxBands*shape.bandsPer(p)*p.tapInts())
		}
	}
	most := s.phase(0, 0)
	most.OH = p.phaseRows(&most)
	return p.inputLen(s) + p.outputLen(&most), ints
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

// spreadJob moves outputs of a phase from the packed-channel layout to their places, a channel block per chunk.
type spreadJob struct {
	p             *PackedConv
	dst, phase    []float32 // an image; [blocks][height][width][16]
	s             ConvShape
	height, width int
	first         int // where the phase begins in a channel of dst
}

var spreadJobs = sync.Pool{New: func() any { return new(spreadJob) }}

// spreadPixels is the width of the tiles that are turned before they go to dst, where there are as many channels as TransposeF32 takes at
// a time.
const spreadPixels = 64

var spreadTiles = sync.Pool{New: func() any { return new([spreadPixels * convLanes]float32) }}

// Chunk moves block i.
func (j *spreadJob) Chunk(i int) {
	_, _, mg, _, out := j.p.parts()
	first := i/out*mg + i%out*convLanes
	channels := min(convLanes, mg-i%out*convLanes, j.p.M-first)
	tile := spreadTiles.Get().(*[spreadPixels * convLanes]float32)
	for y := range j.height {
		for x := 0; x < j.width; x += spreadPixels {
			n := min(spreadPixels, j.width-x)
			from := j.phase[((i*j.height+y)*j.width+x)*convLanes:][:n*convLanes]
			at := first*j.s.OH*j.s.OW + j.first + y*j.s.StrideH*j.s.OW + x*j.s.StrideW
			if channels >= 8 {
				TransposeF32(tile[:], from, n, channels, spreadPixels, convLanes)
			}
			for c := range channels {
				to := at + c*j.s.OH*j.s.OW
				if channels < 8 {
					for k := c; k < len(from); k += convLanes {
						j.dst[to] = from[k]
						to += j.s.StrideW
					}
					continue
				}
				for _, v := range tile[c*spreadPixels:][:n] {
					j.dst[to] = v
					to += j.s.StrideW
				}
			}
		}
	}
	spreadTiles.Put(tile)
}
