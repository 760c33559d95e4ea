package kernels

import "sync"

// ConvShape is a two-dimensional convolution or pooling of one image: of channels of H × W, from the padded top left on. One dimension
// is H = KH = 1.
type ConvShape struct {
	H, W, OH, OW         int
	KH, KW               int
	StrideH, StrideW     int
	DilationH, DilationW int
	Top, Left            int // padding before; that behind follows from OH and OW
}

// convLanes is the width of a channel block, of input and output alike. convSegment bounds a chain of products from below: a segment is
// as many whole channel blocks as have this many. Both are part of the numerics contract and never change.
const (
	convLanes   = 16
	convSegment = 256
)

// PackedConv is the weights of a convolution, packed by PackConv.
type PackedConv struct {
	M, C, Groups int // output and input channels of all groups
	KH, KW       int
	depthwise    bool
	data         []float32 // [group][output block][input block][ky][kx][channel in block][16 outputs]; depthwise [block][ky][kx][16]
}

// PackConv packs w [M × C/groups × KH × KW], ONNX's order. groups divides M and C.
func PackConv(w []float32, m, c, groups, kh, kw int) *PackedConv {
	p := &PackedConv{M: m, C: c, Groups: groups, KH: kh, KW: kw, depthwise: m == groups && c == groups}
	taps := kh * kw
	if p.depthwise {
		p.data = make([]float32, channelBlocks(c)*taps*convLanes)
		for ch := range c {
			for t := range taps {
				p.data[(ch/convLanes*taps+t)*convLanes+ch%convLanes] = w[ch*taps+t]
			}
		}
		return p
	}
	mg, cg := m/groups, c/groups
	p.data = make([]float32, groups*channelBlocks(mg)*p.panel())
	for g := range groups {
		for o := range mg {
			panel := p.data[(g*channelBlocks(mg)+o/convLanes)*p.panel():]
			for ch := range cg {
				b := ch / convLanes
				for t := range taps {
					at := p.weight(b, t) + ch%convLanes*convLanes + o%convLanes
					panel[at] = w[((g*mg+o)*cg+ch)*taps+t]
				}
			}
		}
	}
	return p
}

func channelBlocks(channels int) int { return (channels + convLanes - 1) / convLanes }

// width is the number of channels in input block b of a group.
func (p *PackedConv) width(b int) int { return min(convLanes, p.C/p.Groups-b*convLanes) }

// weight is where the weights of tap t of input block b start in a panel, the weights of one output block.
func (p *PackedConv) weight(b, t int) int {
	return (b*convLanes*p.KH*p.KW + t*p.width(b)) * convLanes
}

func (p *PackedConv) panel() int { return p.C / p.Groups * p.KH * p.KW * convLanes }

// parts returns the number of groups as they are computed, and their input and output channels and blocks: a depthwise convolution has a
// group of 16 channels per block.
func (p *PackedConv) parts() (groups, cg, mg, in, out int) {
	groups, cg, mg = p.Groups, p.C/p.Groups, p.M/p.Groups
	if p.depthwise {
		groups, cg, mg = channelBlocks(p.C), convLanes, convLanes
	}
	return groups, cg, mg, channelBlocks(cg), channelBlocks(mg)
}

// ConvScratch is the number of float32 and of int64 that ConvF32 needs beside its operands.
func (p *PackedConv) ConvScratch(s *ConvShape) (floats, ints int) {
	groups, _, _, in, out := p.parts()
	return groups * (in*s.H*s.W + out*s.OH*s.OW) * convLanes, groups * out * p.tapInts()
}

// tapInts is the room for the taps of one segment.
func (p *PackedConv) tapInts() int { return 3 * p.KH * p.KW * p.segment() }

// segment is the number of input blocks in a chain.
func (p *PackedConv) segment() int {
	perBlock := convLanes * p.KH * p.KW
	return (convSegment + perBlock - 1) / perBlock
}

// ConvF32 computes, for each image of x [batch × C × H × W] and dst [batch × M × OH × OW], contiguous, and o in group g,
//
//	dst[o][oy][ox] = bias[o] + Σ w[o][c][ky][kx]·x[g·C/groups + c][oy·StrideH − Top + ky·DilationH][ox·StrideW − Left + kx·DilationW]
//
// over the taps inside the image; bias may be nil. Order: input channels in blocks of 16; a segment is the blocks until 256 products are
// reached, and is one FMA chain from +0 over (block, ky, kx, channel in block); segments are added in ascending order, then the bias. A
// depthwise convolution (one channel per group in and out) is one chain over (ky, kx). dst must not overlap x. floats and ints hold
// ConvScratch elements.
//
// The pool takes input blocks, then output blocks, of one image at a time. Source of the order: Georganas et al., "Anatomy of
// High-Performance Deep Learning Convolutions on SIMD Architectures", 2018.
func ConvF32(pool *Pool, dst, x, bias []float32, p *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	job := convJobs.Get().(*convJob)
	*job = convJob{p: p, s: *s, bias: bias, ints: ints}
	if s.KH == 1 && s.KW == 1 && s.StrideH == 1 && s.StrideW == 1 && s.OH == s.H && s.OW == s.W && s.Top == 0 && s.Left == 0 {
		// One long row.
		job.s = ConvShape{H: 1, W: s.H * s.W, OH: 1, OW: s.H * s.W, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	}
	groups, _, _, in, out := p.parts()
	if !pool.worthwhile(p.M, s.OH*s.OW, p.C/p.Groups*s.KH*s.KW, gemmF32Rate) {
		pool = nil
	}
	size := groups * in * s.H * s.W * convLanes
	job.packed, job.rows = floats[:size], floats[size:]
	for i := range batch {
		job.x, job.dst = x[i*p.C*s.H*s.W:(i+1)*p.C*s.H*s.W], dst[i*p.M*s.OH*s.OW:(i+1)*p.M*s.OH*s.OW]
		job.computing = false
		pool.Run(groups*in, job)
		job.computing = true
		pool.Run(groups*out, job)
	}
	*job = convJob{}
	convJobs.Put(job)
}

var convJobs = sync.Pool{New: func() any { return new(convJob) }}

// convJob is one image.
type convJob struct {
	p                          *PackedConv
	s                          ConvShape
	x, dst, bias, packed, rows []float32
	ints                       []int64
	computing                  bool
}

// Chunk packs input block i, or computes output block i, counted through all groups.
func (j *convJob) Chunk(i int) {
	_, cg, mg, in, out := j.p.parts()
	pixels, outPixels := j.s.H*j.s.W, j.s.OH*j.s.OW
	if !j.computing {
		g, b := i/in, i%in
		first := g*cg + b*convLanes
		packChannels(j.packed[i*pixels*convLanes:(i+1)*pixels*convLanes], j.x[first*pixels:], min(convLanes, cg-b*convLanes, j.p.C-first), pixels)
		return
	}
	g, b := i/out, i%out
	c := convRun{
		p: j.p, s: &j.s, w: j.p.panelOf(g, b),
		x:    j.packed[g*in*pixels*convLanes : (g+1)*in*pixels*convLanes],
		dst:  j.rows[i*outPixels*convLanes : (i+1)*outPixels*convLanes],
		taps: j.ints[i*j.p.tapInts() : (i+1)*j.p.tapInts()],
	}
	c.run(cg)
	o := g*mg + b*convLanes
	unpackChannels(j.dst[o*outPixels:], c.dst, j.bias, o, min(o+convLanes, (g+1)*mg, j.p.M), outPixels)
}

// panelOf returns the weights of output block b of group g.
func (p *PackedConv) panelOf(g, b int) []float32 {
	size, n := p.panel(), channelBlocks(p.M/p.Groups)
	if p.depthwise {
		size, n = p.KH*p.KW*convLanes, 1
	}
	return p.data[(g*n+b)*size:][:size]
}

// packChannels writes x [channels × pixels] as [pixel][16 channels], with zeros for channels that do not exist.
func packChannels(dst, x []float32, channels, pixels int) {
	if channels < convLanes {
		clear(dst[:pixels*convLanes])
	}
	TransposeF32(dst, x, channels, pixels, convLanes, pixels)
}

// unpackChannels writes output channels o…end−1 of one block, adding the bias.
func unpackChannels(dst, row, bias []float32, o, end, pixels int) {
	TransposeF32(dst, row, pixels, end-o, pixels, convLanes)
	if bias == nil {
		return
	}
	for c := o; c < end; c++ {
		out := dst[(c-o)*pixels : (c-o+1)*pixels]
		AddF32(out, out, bias[c:c+1])
	}
}
