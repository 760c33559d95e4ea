package kernels

import (
	"math"
	"sync"

	"github.com/hotpath/hotpath/internal/cpu"
)

// ConvPackedF32 computes a convolution in the packed-channel layout: for each image of x [batch × C/16 × H × W × 16] and dst
// [batch × M/16 × OH × OW × 16], the numbers of blocks rounded up, and o in group g,
//
//	dst[o][oy][ox] = e(bias[o] + Σ w[o][c][ky][kx]·x[g·C/groups + c][oy·StrideH − Top + ky·DilationH][ox·StrideW − Left + kx·DilationW])
//
// over the taps inside the image. Where it is not ConvPackable, the blocks are those of each group. bias [M] and e may be nil; e.Residual has
// the layout of dst. Order, where p comes from PackConv (PackWinograd has its own): input channels in blocks of 16; a segment is the blocks until 256 products are reached, and is one FMA chain
// from +0 over (block, ky, kx, channel in block); segments are added in ascending order, then the bias, the residual and the activation. A
// depthwise convolution (one channel per group in and out) is one chain over (ky, kx). dst must not overlap the others. floats
// and ints hold PackedScratch elements.
//
// The pool takes bands of rows of up to four output blocks, of one image at a time, or of several whose rows are short. Source of the order: Georganas et al., "Anatomy of
// High-Performance Deep Learning Convolutions on SIMD Architectures", 2018.
func ConvPackedF32(pool *Pool, dst, x, bias []float32, e *Epilogue, p *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	convolve(pool, dst, x, bias, e, p, batch, s, convLanes, floats, ints)
}

// convolve is ConvPackedF32 for an input with this distance of pixels: 16, or C below 16.
func convolve(pool *Pool, dst, x, bias []float32, e *Epilogue, p *PackedConv, batch int, s *ConvShape, lanes int, floats []float32, ints []int64) {
	job := convJobs.Get().(*convJob)
	turned := s.turned()
	s = &turned
	job.setUp(p, s, lanes, ints)
	job.epilogue(bias, e)
	groups, _, _, in, out := p.parts()
	sizeIn, sizeOut, images := groups*in*s.H*s.W*lanes, groups*out*s.OH*s.OW*convLanes, 1
	if p.across(s, batch) {
		images = batch
		job.images, job.ximage, job.dimage, job.grid = batch, sizeIn, sizeOut, p.acrossGrid(s, batch, len(ints))
	}
	if !pool.worthwhile(p.M, images*s.OH*s.OW, p.C/p.Groups*s.KH*s.KW, gemmF32Rate) {
		pool = nil
	}
	for i := 0; i < batch; i += images {
		job.x, job.dst = x[i*sizeIn:(i+images)*sizeIn], dst[i*sizeOut:(i+images)*sizeOut]
		if e != nil && e.Residual != nil {
			job.flags |= convResidual
			job.res = e.Residual[i*sizeOut : (i+images)*sizeOut]
		}
		if p.winograd != nil {
			p.winograd.run(pool, job, floats)
		} else {
			pool.Run(job.grid.count(), job)
		}
	}
	*job = convJob{}
	convJobs.Put(job)
}

// PackedScratch is the number of float32 and of int64 that ConvPackedF32 needs beside its operands.
func (p *PackedConv) PackedScratch(s *ConvShape) (floats, ints int) {
	if p.winograd != nil {
		return p.winograd.scratch(p, s)
	}
	turned := s.turned()
	return 0, p.TapScratch(&turned)
}

// PooledScratch is what lets the threads of a pool work apart where that pays; with PackedScratch alone they share what there is.
func (p *PackedConv) PooledScratch(pool *Pool, s *ConvShape) (floats, ints int) {
	floats, ints = p.PackedScratch(s)
	if p.winograd != nil {
		n := p.winograd.apart(s, pool.Threads())
		return n * floats, n * ints
	}
	return floats, ints
}

// TapScratch is the number of int64 that a convolution of this shape needs.
func (p *PackedConv) TapScratch(s *ConvShape) int {
	pairs, fours := p.gridOf(s, 2), p.gridOf(s, 4)
	return max(pairs.count(), fours.count()) * p.tapInts()
}

// tapInts is the room for the taps of one segment, 4 numbers each, and 2 for each column of the kernel, turned or not.
func (p *PackedConv) tapInts() int { return 4*p.KH*p.KW*p.segment() + 2*max(p.KH, p.KW) }

// convGrid cuts the output of an image: of each group, runs of blocks by bands of rows. Runs of a depthwise convolution share their lists of
// taps.
type convGrid struct {
	groups, blocks, runs, bands, rows, units int
	across                                   bool // all runs of a band come before the next band, instead of all bands of a run
}

// place returns the band and the run of chunk i of a group.
func (g *convGrid) place(i int) (band, run int) {
	if g.across {
		return i / g.runs, i % g.runs
	}
	return i % g.bands, i / g.bands
}

// depthwiseRun is the most blocks in a run. On images of 7 × 7 listing taps for each block took longer than computing it.
const depthwiseRun = 16

func (g *convGrid) count() int { return g.groups * g.runs * g.bands }

const (
	// bandWork multiply-adds, some 40 µs at the peak, are the least in a band: enough to hide its start, few enough to share evenly.
	bandWork = 4 << 20
	maxBands = 64
	// acrossWeights float32, 1 MiB, stay in the second-level cache beside the input of a band. An input that is larger than they are comes
	// from further away, so it is read once (256 to 512 channels from 56 × 56, 1 × 1, stride 2: 1.23 times as fast on Emerald Rapids).
	acrossWeights = 256 << 10
)

// narrowConv reports whether the kernel takes one output block at a time.
func narrowConv() bool {
	t := max(tier, emulated)
	return t > cpu.Ref && t < cpu.AVX512
}

// grid is the grid of this tier. Four blocks at a time read their weights from the second-level cache for each tile of 6 pixels: in rows of
// 14, tiles of 5, 5 and 4 read them too often (256 channels at 28 × 28, 3 × 3, stride 2: 0.9 times as fast as two blocks). Up to 6 pixels are one
// tile all the same, of too few chains if the blocks are two.
func (p *PackedConv) grid(s *ConvShape) convGrid {
	if narrowConv() || !s.pointwise() && s.OW <= convTile && s.OW > convTile4 {
		return p.gridOf(s, 2)
	}
	return p.gridOf(s, 4)
}

// gridOf makes the bands of runs of so many blocks. A unit is a row, or, where all rows are one, convTile pixels.
func (p *PackedConv) gridOf(s *ConvShape, blocks int) convGrid {
	groups, cg, _, in, out := p.parts()
	blocks = min(blocks, out)
	if p.depthwise {
		cg, blocks, groups = 1, min(groups, depthwiseRun), (groups+depthwiseRun-1)/depthwiseRun
	}
	units, pixels := s.OH, s.OW
	if s.pointwise() {
		units, pixels = (s.OH*s.OW+convTile-1)/convTile, convTile
	}
	work := float64(pixels) * float64(cg*p.KH*p.KW) * float64(blocks*convLanes)
	rows := max(int(min(bandWork/max(work, 1)+1, float64(units))), (units+maxBands-1)/maxBands, 1)
	weights, input := out*p.panel(), in*s.H*s.W*convLanes
	across := weights <= input && weights <= acrossWeights
	return convGrid{groups, blocks, (out + blocks - 1) / blocks, max(1, (units+rows-1)/rows), rows, units, across}
}

var convJobs = sync.Pool{New: func() any { return new(convJob) }}

// convJob is one image, or several.
type convJob struct {
	p                 *PackedConv
	s                 ConvShape
	grid              convGrid
	lanes             int // distance of the input's pixels
	plane, dplane     int // pixels from a block of the input and output to the next
	x, dst, bias, res []float32
	ints              []int64
	flags             int
	lo, hi            float32
	after             Epilogue   // what the kernel leaves to do
	pooling           PackedConv // p where it is none of a caller's
	rows, cols        kernelTaps
	images            int // if more than one: that many, these distances apart
	ximage, dimage    int
}

// kernelTaps says which taps along an axis of the kernel are those of the shape: from, from + step, …
type kernelTaps struct{ from, step int }

func (k kernelTaps) at(i int) int { return k.from + i*k.step }

var allTaps = kernelTaps{0, 1}

func (j *convJob) setUp(p *PackedConv, s *ConvShape, lanes int, ints []int64) {
	j.p, j.s, j.lanes, j.ints, j.grid = p, *s, lanes, ints, p.grid(s)
	j.plane, j.dplane = s.H*s.W, s.OH*s.OW
	j.lo, j.hi = float32(math.Inf(-1)), float32(math.Inf(1))
	j.rows, j.cols = allTaps, allTaps
}

// epilogue notes what comes after the products, but for the residual. Both may be nil.
func (j *convJob) epilogue(bias []float32, e *Epilogue) {
	j.bias = bias
	if e != nil {
		j.after = *e
		j.after.Residual = nil
	}
	switch j.after.Act {
	case ActRelu:
		j.lo, j.flags, j.after.Act = 0, convClip, ActNone
	case ActClip:
		j.lo, j.hi, j.flags, j.after.Act = j.after.Alpha, j.after.Beta, convClip, ActNone
	}
	if bias != nil {
		j.flags |= convBias
	}
}

// Chunk computes a band of a run of output blocks.
func (j *convJob) Chunk(i int) {
	groups, _, mg, in, out := j.p.parts()
	g := i / j.grid.bands / j.grid.runs
	band, run := j.grid.place(i % (j.grid.bands * j.grid.runs))
	first, inputs, each := run*j.grid.blocks, in, j.plane*j.lanes
	blocks := min(j.grid.blocks, out-first)
	c := convBands.Get().(*convBand)
	*c = convBand{convJob: j, taps: j.ints[i*j.p.tapInts() : (i+1)*j.p.tapInts()], in: in, y: band * j.grid.rows, end: min((band+1)*j.grid.rows, j.grid.units), final: j.grid.across || band == j.grid.bands-1}
	if j.p.depthwise {
		g *= depthwiseRun
		blocks = min(depthwiseRun, groups-g)
		inputs, c.xblock = blocks, each
	}
	size := j.dplane * convLanes
	others := max(0, j.images-1) // lie behind the first
	c.blocks, c.x, c.w = blocks, upTo(j.x[g*in*each:], inputs*each+others*j.ximage), j.p.data[(g*out+first)*j.p.panel():]
	c.dst = upTo(j.dst[(g*out+first)*size:], blocks*size+others*j.dimage)
	if j.flags&convResidual != 0 {
		c.res = j.res[(g*out+first)*size:][:len(c.dst)]
	}
	if j.flags&convBias != 0 {
		o := g*mg + first*convLanes
		end := min(o+blocks*convLanes, j.p.M)
		if !j.p.depthwise {
			end = min(end, (g+1)*mg)
		}
		copy(c.bias[:], j.bias[o:max(o, end)])
	}
	c.run()
	*c = convBand{}
	convBands.Put(c)
}

// upTo is at most the first n elements: a band of rows of the last block ends before the block does.
func upTo(s []float32, n int) []float32 { return s[:min(n, len(s))] }

var convBands = sync.Pool{New: func() any { return new(convBand) }}
