package kernels

import "sync"

// PackedTranspose is the weights and the bias of a transposed convolution whose kernel is its stride: each input pixel makes a tile of
// KH × KW outputs of its own, as a 1 × 1 convolution with a filter for each output of each tap.
type PackedTranspose struct {
	M, KH, KW int
	planes    bool // the result is plain
	each      int  // filters of a tap: M, with a packed result rounded up to whole blocks
	points    *PackedConv
	bias      []float32
}

// PackTranspose packs w [C × M × KH × KW], ONNX's order, and bias [M], which may be nil. planes asks for a plain result, for which few
// channels are not filled up to 16.
func PackTranspose(w, bias []float32, c, m, kh, kw int, planes bool) *PackedTranspose {
	t := &PackedTranspose{M: m, KH: kh, KW: kw, planes: planes, each: m}
	if !planes {
		t.each = ConvBlocks(m) * convLanes
	}
	taps := kh * kw
	filters := make([]float32, taps*t.each*c)
	for ch := range c {
		for o := range m {
			for tap, v := range w[(ch*m+o)*taps:][:taps] {
				filters[(tap*t.each+o)*c+ch] = v
			}
		}
	}
	t.points = PackConv(filters, taps*t.each, c, 1, 1, 1)
	t.points.taps = taps
	if bias != nil {
		t.bias = make([]float32, taps*t.each)
		for tap := range taps {
			copy(t.bias[tap*t.each:], bias[:m])
		}
	}
	return t
}

// ConvTransposePackedF32 is ConvTransposeF32, with an epilogue, for x [batch × C/16 × H × W × 16] in the packed-channel layout and weights
// from PackTranspose: dst is [batch × M/16 × H·KH × W·KW × 16] or, of planes, [batch × M × H·KH × W·KW]. e may be nil and has no residual.
// floats and ints hold Scratch elements.
func ConvTransposePackedF32(pool *Pool, dst, x []float32, e *Epilogue, t *PackedTranspose, batch, h, w int, floats []float32, ints []int64) {
	p, most := t.points, t.band(h, w)
	job, tiles := convJobs.Get().(*convJob), tileJobs.Get().(*tileJob)
	if !pool.worthwhile(p.M, h*w, p.C, gemmF32Rate) {
		pool = nil
	}
	in, out := ConvBlocks(p.C)*h*w*convLanes, t.outputLen(h, w)
	for i := range batch {
		for y := 0; y < h; y += most.OH {
			s := most
			s.OH, s.Top = min(most.OH, h-y), -y
			job.setUp(p, &s, convLanes, ints)
			job.epilogue(t.bias, e)
			var after Epilogue
			if t.planes { // lanes that no filter has are left out then
				after, job.after = job.after, after
			}
			job.x, job.dst = x[i*in:(i+1)*in], floats[:p.outputLen(&s)]
			pool.Run(job.grid.count(), job)
			*tiles = tileJob{t, dst[i*out : (i+1)*out], job.dst, h, w, y, s.OH, after}
			pool.Run(s.OH*t.KH, tiles)
			*job = convJob{}
		}
	}
	*tiles = tileJob{}
	convJobs.Put(job)
	tileJobs.Put(tiles)
}

// band is the convolution of as many rows as are computed at a time.
func (t *PackedTranspose) band(h, w int) ConvShape {
	s := ConvShape{H: h, W: w, OH: h, OW: w, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	s.OH = t.points.phaseRows(&s)
	return s
}

func (t *PackedTranspose) outputLen(h, w int) int {
	channels := t.M
	if !t.planes {
		channels = t.each
	}
	return channels * h * w * t.KH * t.KW
}

// Scratch is the number of float32 and of int64 that ConvTransposePackedF32 needs beside its operands.
func (t *PackedTranspose) Scratch(h, w int) (floats, ints int) {
	if h*w == 0 {
		return 0, 0
	}
	s := t.band(h, w)
	return t.points.outputLen(&s), maxBands * s.bandsPer(t.points) * t.points.tapInts()
}

// tileJob brings the outputs of a band of rows to their places, a row of the result per chunk.
type tileJob struct {
	t           *PackedTranspose
	dst, band   []float32 // an image; [blocks][rows][W][16]
	h, w        int
	first, rows int
	after       Epilogue
}

var tileJobs = sync.Pool{New: func() any { return new(tileJob) }}

// Chunk makes row i.
func (j *tileJob) Chunk(i int) {
	t, y, ky := j.t, i/j.t.KH, i%j.t.KH
	wide, size := j.w*t.KW, j.rows*j.w*convLanes
	from, to := y*j.w*convLanes, ((j.first+y)*t.KH+ky)*wide
	plane := j.h * t.KH * wide
	for kx := range t.KW {
		filter := (ky*t.KW + kx) * t.each
		if t.planes {
			for o := range t.M {
				src, dst := j.band[(filter+o)/convLanes*size+from+(filter+o)%convLanes:], j.dst[o*plane+to:][:wide]
				for x, at := kx, 0; x < wide; x, at = x+t.KW, at+convLanes {
					dst[x] = src[at]
				}
				if kx == t.KW-1 {
					j.after.Activate(dst)
				}
			}
			continue
		}
		for b := range t.each / convLanes {
			src, dst := j.band[(filter/convLanes+b)*size+from:][:j.w*convLanes], j.dst[(b*plane+to)*convLanes:][:wide*convLanes]
			for x := kx; len(src) > 0; x += t.KW {
				*(*[convLanes]float32)(dst[x*convLanes:]) = *(*[convLanes]float32)(src)
				src = src[convLanes:]
			}
		}
	}
}
