package kernels

import "sync"

// ConvPairF32 is ConvPackedF32 of a pointwise convolution, p and of stride 1, then of another one, q, of shape s, on what it gives: the
// depthwise convolution that follows in networks for small devices, for one. Neither has Winograd's form or a residual. Bands of rows of the
// first are computed just before what is made of them, so that they stay in the second-level cache and no whole image of them is stored; rows
// that two bands need are kept. The bits are those of the two calls. floats and ints hold PairScratch elements.
func ConvPairF32(pool *Pool, dst, x, biasP, biasQ []float32, e, f *Epilogue, p, q *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	if !pool.worthwhile(p.M, s.H*s.W, p.C, gemmF32Rate) {
		pool = nil
	}
	perF, perI := p.PairScratch(q, s)
	sizeIn, sizeOut := ConvBlocks(p.C)*s.H*s.W*convLanes, ConvBlocks(q.M)*s.OH*s.OW*convLanes
	t := pairJobs.Get().(*pairJob)
	t.p, t.q, t.s, t.e, t.f, t.biasP, t.biasQ = p, q, *s, e, f, biasP, biasQ
	t.floats, t.ints, t.perF, t.perI = floats, ints, perF, perI
	t.parts = min(s.pairsApart(pool.Threads()), len(floats)/max(1, perF), len(ints)/max(1, perI))
	for i := range batch {
		t.x, t.dst = x[i*sizeIn:(i+1)*sizeIn], dst[i*sizeOut:(i+1)*sizeOut]
		if t.parts > 1 {
			pool.Run(t.parts, t)
		} else {
			t.rows(pool, 0, s.OH, floats[:perF], ints)
		}
	}
	*t = pairJob{}
	pairJobs.Put(t)
}

// pairsApart is how many threads compute parts of the rows of their own, each in scratch of its own: what lies between the two convolutions is
// then written and read on one core. Where rows are few, the threads share each band.
func (s *ConvShape) pairsApart(threads int) int {
	if threads > 1 && s.OH >= 8*threads {
		return min(threads, maxSlots)
	}
	return 1
}

// pairJob is one image, a part of its rows per chunk.
type pairJob struct {
	p, q         *PackedConv
	s            ConvShape
	e, f         *Epilogue
	x, dst       []float32
	biasP, biasQ []float32
	floats       []float32
	ints         []int64
	perF, perI   int // of a part
	parts        int
}

var pairJobs = sync.Pool{New: func() any { return new(pairJob) }}

// Chunk computes part i.
func (t *pairJob) Chunk(i int) {
	t.rows(nil, i*t.s.OH/t.parts, (i+1)*t.s.OH/t.parts, t.floats[i*t.perF:][:t.perF], t.ints[i*t.perI:][:t.perI])
}

// rows computes rows y…last−1 of the result.
func (t *pairJob) rows(pool *Pool, y, last int, floats []float32, ints []int64) {
	first, second := convJobs.Get().(*convJob), convJobs.Get().(*convJob)
	p, q, s := t.p, t.q, &t.s
	rows, room := p.pairRows(s)
	blocks, line := ConvBlocks(p.M), s.W*convLanes
	band := floats[:blocks*room*line]
	from, to := 0, 0 // rows of the first that band holds
	for ; y < last; y += rows {
		end := min(y+rows, last)
		top := min(max(0, y*s.StrideH-s.Top), s.H)
		bottom := min(max(top, (end-1)*s.StrideH-s.Top+(s.KH-1)*s.DilationH+1), s.H)
		kept := max(0, to-top)
		if kept > 0 && top > from {
			for b := range blocks {
				copy(band[b*room*line:], band[(b*room+top-from)*line:(b*room+to-from)*line])
			}
		}
		if n := bottom - top - kept; n > 0 {
			shape := ConvShape{H: n, W: s.W, OH: n, OW: s.W, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
			*first = convJob{}
			first.setUp(p, &shape, convLanes, ints)
			first.epilogue(t.biasP, t.e)
			first.x, first.dst, first.plane, first.dplane = t.x[(top+kept)*line:], band[kept*line:], s.H*s.W, room*s.W
			pool.Run(first.grid.count(), first)
		}
		from, to = top, top+max(kept, bottom-top)
		shape := *s
		shape.H, shape.OH, shape.Top = to-from, end-y, s.Top+from-y*s.StrideH
		*second = convJob{}
		second.setUp(q, &shape, convLanes, ints)
		second.epilogue(t.biasQ, t.f)
		second.x, second.dst, second.plane, second.dplane = band, t.dst[y*s.OW*convLanes:], room*s.W, s.OH*s.OW
		pool.Run(second.grid.count(), second)
	}
	*first, *second = convJob{}, convJob{}
	convJobs.Put(first)
	convJobs.Put(second)
}

// pairBand float32, 768 KiB, bound the band of rows between two convolutions: that much stays in the second-level cache (MobileNetV2 on
// Emerald Rapids: 256 KiB are 1.05 times as slow, 512 KiB and 1 MiB as fast).
const pairBand = 192 << 10

// pairRows is the number of rows that the second of two convolutions computes at a time, and that of rows of the first that they need.
func (p *PackedConv) pairRows(s *ConvShape) (rows, room int) {
	extent := (s.KH-1)*s.DilationH + 1
	most := max(extent, pairBand/max(1, ConvBlocks(p.M)*s.W*convLanes))
	rows = min(max(1, s.OH), (most-extent)/s.StrideH+1)
	return rows, (rows-1)*s.StrideH + extent
}

// PairScratch is the number of float32 and of int64 that ConvPairF32 needs, p being the first of the two.
func (p *PackedConv) PairScratch(q *PackedConv, s *ConvShape) (floats, ints int) {
	_, room := p.pairRows(s)
	shape := ConvShape{H: room, W: s.W, OH: room, OW: s.W, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	ints = max(maxBands*shape.bandsPer(p)*p.tapInts(), maxBands*s.bandsPer(q)*q.tapInts())
	return ConvBlocks(p.M) * room * s.W * convLanes, ints
}

// PooledPairScratch is what lets the threads of a pool work apart where that pays.
func (p *PackedConv) PooledPairScratch(pool *Pool, q *PackedConv, s *ConvShape) (floats, ints int) {
	floats, ints = p.PairScratch(q, s)
	n := s.pairsApart(pool.Threads())
	return n * floats, n * ints
}
