package kernels

import "sync"

// ConvF32 is ConvPackedF32 on plain images: x [batch × C × H × W] and dst [batch × M × OH × OW], without a residual. It packs the input,
// computes and unpacks, one image at a time. floats and ints hold ConvScratch elements.
func ConvF32(pool *Pool, dst, x, bias []float32, p *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	size, out := p.inputLen(s), p.outputLen(s)
	for i := range batch {
		packed, result := floats[:size], floats[size:size+out]
		p.packInput(pool, packed, x[i*p.C*s.H*s.W:(i+1)*p.C*s.H*s.W], s)
		convolve(pool, result, packed, bias, nil, p, 1, s, p.lanes(), floats[size+out:], ints)
		p.unpackOutput(pool, dst[i*p.M*s.OH*s.OW:(i+1)*p.M*s.OH*s.OW], result, s)
	}
}

// ConvFromPlanesF32 is ConvPackedF32 for a plain input x [batch × C × H × W], as networks begin. floats and ints hold PlaneScratch
// elements.
func ConvFromPlanesF32(pool *Pool, dst, x, bias []float32, e *Epilogue, p *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	if p.lanes() == 1 { // planes are what would be packed
		convolve(pool, dst, x, bias, e, p, batch, s, 1, floats, ints)
		return
	}
	out := p.outputLen(s)
	var one Epilogue
	if e != nil {
		one = *e
	}
	for i := range batch {
		packed := floats[:p.inputLen(s)]
		p.packInput(pool, packed, x[i*p.C*s.H*s.W:(i+1)*p.C*s.H*s.W], s)
		if e != nil && e.Residual != nil {
			one.Residual = e.Residual[i*out : (i+1)*out]
		}
		convolve(pool, dst[i*out:(i+1)*out], packed, bias, &one, p, 1, s, p.lanes(), floats[len(packed):], ints)
	}
}

// ConvScratch is the number of float32 and of int64 that ConvF32 needs beside its operands.
func (p *PackedConv) ConvScratch(s *ConvShape) (floats, ints int) {
	floats, ints = p.PackedScratch(s)
	return p.inputLen(s) + p.outputLen(s) + floats, ints
}

// PlaneScratch is the number of float32 and of int64 that ConvFromPlanesF32 needs, for threads that work apart as PooledScratch.
func (p *PackedConv) PlaneScratch(pool *Pool, s *ConvShape) (floats, ints int) {
	floats, ints = p.PooledScratch(pool, s)
	return p.inputLen(s) + floats, ints
}

// lanes is the distance of pixels of an input packed here. Few channels, those of colours, are not filled up to 16.
func (p *PackedConv) lanes() int {
	if p.Groups == 1 && !p.depthwise {
		return min(p.C, convLanes)
	}
	return convLanes
}

func (p *PackedConv) inputLen(s *ConvShape) int {
	groups, _, _, in, _ := p.parts()
	return groups * in * s.H * s.W * p.lanes()
}

func (p *PackedConv) outputLen(s *ConvShape) int {
	groups, _, _, _, out := p.parts()
	return groups * out * s.OH * s.OW * convLanes
}

func (p *PackedConv) packInput(pool *Pool, packed, x []float32, s *ConvShape) {
	_, cg, _, in, _ := p.parts()
	transposeBlocks(pool, packed, x, p.C, cg, in, s.H*s.W, p.lanes(), false)
}

func (p *PackedConv) unpackOutput(pool *Pool, dst, result []float32, s *ConvShape) {
	_, _, mg, _, out := p.parts()
	transposeBlocks(pool, dst, result, p.M, mg, out, s.OH*s.OW, convLanes, true)
}

// PackChannelsF32 writes x [batch × channels × pixels] as [batch × channels/16 × pixels × 16], rounded up, with zeros for channels that do
// not exist. dst must not overlap x.
func PackChannelsF32(pool *Pool, dst, x []float32, batch, channels, pixels int) {
	blocks := ConvBlocks(channels)
	for i := range batch {
		transposeBlocks(pool, dst[i*blocks*pixels*convLanes:(i+1)*blocks*pixels*convLanes], x[i*channels*pixels:(i+1)*channels*pixels],
			channels, channels, blocks, pixels, convLanes, false)
	}
}

// UnpackChannelsF32 is the inverse of PackChannelsF32.
func UnpackChannelsF32(pool *Pool, dst, x []float32, batch, channels, pixels int) {
	blocks := ConvBlocks(channels)
	for i := range batch {
		transposeBlocks(pool, dst[i*channels*pixels:(i+1)*channels*pixels], x[i*blocks*pixels*convLanes:(i+1)*blocks*pixels*convLanes],
			channels, channels, blocks, pixels, convLanes, true)
	}
}

// transposeJob changes the layout of one image, a channel block per chunk.
type transposeJob struct {
	dst, x                                    []float32
	channels, perGroup, blocks, pixels, lanes int
	unpack                                    bool
}

var transposeJobs = sync.Pool{New: func() any { return new(transposeJob) }}

// transposeBlocks packs or unpacks an image of channels, in groups of perGroup channels that have blocks blocks each.
func transposeBlocks(pool *Pool, dst, x []float32, channels, perGroup, blocks, pixels, lanes int, unpack bool) {
	j := transposeJobs.Get().(*transposeJob)
	*j = transposeJob{dst, x, channels, perGroup, blocks, pixels, lanes, unpack}
	if channels*pixels < minTranspose {
		pool = nil
	}
	pool.Run((channels+perGroup-1)/perGroup*blocks, j)
	*j = transposeJob{}
	transposeJobs.Put(j)
}

// minTranspose elements, some 20 µs, are worth two threads.
const minTranspose = 64 << 10

// Chunk moves block i.
func (j *transposeJob) Chunk(i int) {
	g, b := i/j.blocks, i%j.blocks
	first := g*j.perGroup + b*convLanes
	n := min(convLanes, j.perGroup-b*convLanes, j.channels-first)
	packed, planes := i*j.pixels*j.lanes, first*j.pixels
	if j.unpack {
		TransposeF32(j.dst[planes:], j.x[packed:], j.pixels, n, j.pixels, j.lanes)
		return
	}
	dst := j.dst[packed : packed+j.pixels*j.lanes]
	if n < j.lanes {
		clear(dst)
	}
	TransposeF32(dst, j.x[planes:], n, j.pixels, j.lanes, j.pixels)
}
