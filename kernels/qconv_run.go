package kernels

import (
	"encoding/binary"
	"sync"
	"unsafe"
)

// qconvJob is one band of an image; the destination that is not nil says which epilogue.
type qconvJob struct {
	p          *PackedQConv
	s          ConvShape
	x          []uint8
	bytes      []uint8
	words      []int16 // the padded band on tiers that take words
	image      []uint8 // what windows are read from, otherwise
	taps       []int64
	pw         int // width of the band
	first      int // output row
	height     int // of the band
	s32        []int32
	u8         []uint8
	f32        []float32
	bias       []int32
	scale      []float32
	zp, lo, hi int32
	act        Activation
	zero       uint8
	padding    bool
	rows       int // of the band in a chunk of padding
	// A chunk of output is a number of strips, pieces of a row, times columns of a group.
	strip, strips, perRow, cols, colBlocks, groupStrips int
}

var qconvJobs = sync.Pool{New: func() any { return new(qconvJob) }}

// qconvPanelBytes bounds the weights that a strip goes through: a quarter of the second-level cache of 2 MiB, half of one of 1 MiB.
const qconvPanelBytes = 512 << 10

// run computes all images.
func (p *PackedQConv) run(pool *Pool, start qconvJob, batch int) {
	s := &start.s
	if batch == 0 || s.OH == 0 || s.OW == 0 {
		return
	}
	job := qconvJobs.Get().(*qconvJob)
	*job = start
	job.p, job.taps = p, start.taps[:p.taps()]
	x, u8, s32, f32 := start.x, start.u8, start.s32, start.f32
	in, out := s.H*s.W*p.C, s.OH*s.OW*p.M
	height, width := p.extent(s)
	direct := p.direct(s) && !p.takesWords()
	bandRows, size := s.OH, 0
	if !direct {
		bandRows, size = p.band(s)
	}
	job.pw = width
	if !pool.worthwhile(p.M, bandRows*s.OW, p.C/p.Groups*s.KH*s.KW, gemmU8S8Rate) {
		pool = nil
	}
	job.plan(pool, bandRows, p.C/p.Groups*s.KH*s.KW)
	if !direct && p.takesWords() {
		job.words = unsafe.Slice((*int16)(unsafe.Pointer(&job.bytes[0])), size+depthwiseLanes)
	} else if !direct {
		job.image = job.bytes[:size+depthwiseLanes]
	}
	for i := range batch {
		job.x = x[i*in : (i+1)*in]
		switch {
		case u8 != nil:
			job.u8 = u8[i*out : (i+1)*out]
		case f32 != nil:
			job.f32 = f32[i*out : (i+1)*out]
		default:
			job.s32 = s32[i*out : (i+1)*out]
		}
		if direct {
			job.image = job.x
		}
		for job.first = 0; job.first < s.OH; job.first += bandRows {
			rows := min(bandRows, s.OH-job.first)
			job.height = (rows-1)*s.StrideH + height
			if !direct {
				job.padding = true
				pool.Run((job.height+job.rows-1)/job.rows, job)
				job.padding = false
			}
			if p.takesTiles(rows * s.OW) {
				job.tiled(pool, rows)
				continue
			}
			job.strips = rows * job.perRow
			pool.Run(p.outputGroups()*job.colBlocks*((job.strips+job.groupStrips-1)/job.groupStrips), job)
		}
	}
	*job = qconvJob{}
	qconvJobs.Put(job)
}

func (p *PackedQConv) outputGroups() int {
	if p.depthwise {
		return 1
	}
	return p.Groups
}

// takesWords is PackedS8.takesWords for the kernels of several outputs; depthwise ones read bytes on all tiers.
func (p *PackedQConv) takesWords() bool {
	return !p.depthwise && (&PackedS8{paired: p.paired}).takesWords()
}

// plan writes the taps and cuts the work of a band of so many output rows; an output is a sum of k products.
func (j *qconvJob) plan(pool *Pool, rows, k int) {
	p, s := j.p, &j.s
	n := 0
	for range max(1, p.parts) {
		for ky := range s.KH {
			for kx := range s.KW {
				if kx > 0 && !p.depthwise && p.runs == s.KH && s.KW > 1 && p.depth >= s.KW*p.pitch {
					continue // one run for all kx
				}
				j.taps[n] = int64((ky*s.DilationH*j.pw + kx*s.DilationW) * p.pitch)
				n++
			}
		}
	}
	for ; n < p.taps(); n++ { // depthwise: weights of zero
		j.taps[n] = j.taps[0]
	}
	j.rows = max(1, 16<<10/max(1, j.pw*p.pitch))
	mg := p.M / p.outputGroups()
	j.cols = roundUp(mg, panelCols)
	if !p.depthwise {
		j.cols = min(j.cols, max(2*panelCols, qconvPanelBytes/(p.panel()/panelCols)&^(2*panelCols-1)))
	}
	j.colBlocks = (mg + j.cols - 1) / j.cols
	j.strip = min(s.OW, max(84, maxCall/max(1, j.cols*k)/84*84))
	j.perRow = (s.OW + j.strip - 1) / j.strip
	j.strips = j.perRow * rows
	j.groupStrips = j.strips
	for pool.Threads() > 1 && j.groupStrips > 1 && p.outputGroups()*j.colBlocks*((j.strips+j.groupStrips-1)/j.groupStrips) < chunksPerThread*pool.Threads() &&
		j.groupStrips*j.strip*j.cols*k > 2*minChunk {
		j.groupStrips = (j.groupStrips + 1) / 2
	}
	for j.groupStrips > 1 && j.groupStrips*j.strip*j.cols*k > 4*maxCall {
		j.groupStrips = (j.groupStrips + 1) / 2
	}
}

// Chunk pads some rows of the input, or computes some strips of the output.
func (j *qconvJob) Chunk(i int) {
	if j.padding {
		for y := i * j.rows; y < min((i+1)*j.rows, j.height); y++ {
			j.padRow(y)
		}
		return
	}
	perGroup := (j.strips + j.groupStrips - 1) / j.groupStrips
	block, first := i/perGroup, i%perGroup*j.groupStrips
	g, mg := block/j.colBlocks, j.p.M/j.p.outputGroups()
	j0 := block % j.colBlocks * j.cols
	for strip := first; strip < min(first+j.groupStrips, j.strips); strip++ {
		oy, ox := j.first+strip/j.perRow, strip%j.perRow*j.strip
		if j.p.depthwise {
			j.depthwise(oy, ox, min(j.strip, j.s.OW-ox))
		} else {
			j.pixels(g, j0, min(j0+j.cols, mg), oy, ox, min(j.strip, j.s.OW-ox))
		}
	}
}

// padRow writes row y of the band: the zero point beside and below the image and past the channels of a group.
func (j *qconvJob) padRow(y int) {
	p, s := j.p, &j.s
	size := j.pw * p.pitch
	from, to := y*size, (y+1)*size
	if y == j.height-1 {
		to += depthwiseLanes
	}
	y += j.first * s.StrideH
	if j.words != nil {
		row := j.words[from:to]
		for i := range row {
			row[i] = int16(j.zero)
		}
		if y < s.Top || y >= s.Top+s.H {
			return
		}
		x, row := j.x[(y-s.Top)*s.W*p.C:][:s.W*p.C], row[s.Left*p.pitch:]
		if p.pitch == p.C {
			widenRow(row, x)
			return
		}
		cg, width := p.C/p.Groups, p.pitch/p.Groups
		for i := range s.W * p.Groups {
			widenRow(row[i*width:], x[i*cg:][:cg])
		}
		return
	}
	row := j.image[from:to]
	if y < s.Top || y >= s.Top+s.H {
		setAll(row, j.zero)
		return
	}
	x := j.x[(y-s.Top)*s.W*p.C:][:s.W*p.C]
	setAll(row[:s.Left*p.pitch], j.zero)
	setAll(row[(s.Left+s.W)*p.pitch:], j.zero)
	row = row[s.Left*p.pitch:]
	if p.pitch == p.C {
		copy(row, x)
		return
	}
	cg, width := p.C/p.Groups, p.pitch/p.Groups
	if p.C == 3 { // an image in colours, four bytes at a time but for the last
		beside := uint32(j.zero) << 24
		out := row[:4*s.W]
		for in := x; len(in) >= 4; in, out = in[3:], out[4:] {
			binary.LittleEndian.PutUint32(out, binary.LittleEndian.Uint32(in)&0xffffff|beside)
		}
		copy(out, x[len(x)-3:])
		out[3] = j.zero
		return
	}
	for i := range s.W * p.Groups {
		n := copy(row[i*width:], x[i*cg:][:cg])
		setAll(row[i*width+n:(i+1)*width], j.zero)
	}
}

// widenRow widens x as widen_u8s16 does, with zeros up to a multiple of four.
func widenRow(dst []int16, x []uint8) {
	whole := len(x) &^ 15
	if whole > 0 {
		widen_u8s16(dst[:whole], x[:whole])
	}
	var last [16]uint8
	n := roundUp(copy(last[:], x[whole:]), 4)
	widen_u8s16_ref(dst[whole:whole+n], last[:n])
}

// pixels computes columns j0…j1 of group g of n pixels side by side.
func (j *qconvJob) pixels(g, j0, j1, oy, ox, n int) {
	p, s := j.p, &j.s
	mg, panel := p.M/p.Groups, p.panel()
	b := p.data[(g*((mg+panelCols-1)/panelCols)+j0/panelCols)*panel:][:(j1-j0+panelCols-1)/panelCols*panel]
	at := ((oy-j.first)*s.StrideH*j.pw+ox*s.StrideW)*p.pitch + g*p.pitch/p.Groups
	lda, cols := s.StrideW*p.pitch, j1-j0
	taps := j.taps[:p.parts*p.runs]
	col := g*mg + j0
	from := (oy*s.OW+ox)*p.M + col
	to := from + (n-1)*p.M + cols
	lo, hi := float32(j.lo-j.zp), float32(j.hi-j.zp)
	switch {
	case j.s32 != nil && j.words != nil:
		conv_s16s8s32(j.words[at:], b, j.s32[from:to], taps, lda, p.M, n, cols, p.depth, panel)
	case j.s32 != nil:
		conv_u8s8s32(j.image[at:], b, j.s32[from:to], taps, lda, p.M, n, cols, p.depth, panel)
	case j.u8 != nil && j.words != nil:
		conv_s16s8u8(j.words[at:], b, j.u8[from:to], j.bias[col:col+cols], j.scale[col:col+cols], taps, lda, p.M, n, cols, p.depth, panel, lo, hi, j.zp)
	case j.u8 != nil:
		conv_u8s8u8(j.image[at:], b, j.u8[from:to], j.bias[col:col+cols], j.scale[col:col+cols], taps, lda, p.M, n, cols, p.depth, panel, lo, hi, j.zp)
	case j.words != nil:
		conv_s16s8f32(j.words[at:], b, j.f32[from:to], j.bias[col:col+cols], j.scale[col:col+cols], taps, lda, p.M, n, cols, p.depth, panel, int(j.act))
	default:
		conv_u8s8f32(j.image[at:], b, j.f32[from:to], j.bias[col:col+cols], j.scale[col:col+cols], taps, lda, p.M, n, cols, p.depth, panel, int(j.act))
	}
}

// depthwise computes n pixels side by side.
func (j *qconvJob) depthwise(oy, ox, n int) {
	p, s := j.p, &j.s
	at := ((oy-j.first)*s.StrideH*j.pw + ox*s.StrideW) * p.pitch
	from := (oy*s.OW + ox) * p.C
	conv_depthwise_u8s8u8(j.u8[from:from+n*p.C], j.image[at:], p.data, j.bias, j.scale, j.taps, s.StrideW*p.pitch, n, p.C,
		float32(j.lo-j.zp), float32(j.hi-j.zp), j.zp)
}

// sumTapsU8 returns Σ over taps and k of a[row + tap + k] · B, panels as long as panel.
func sumTapsU8(a []uint8, b []int8, taps []int64, k, panel, j int) int32 {
	at := j/panelCols*panel + j%panelCols*4
	var sum int32
	for t, tap := range taps {
		for i, v := range a[tap:][:k] {
			sum += int32(v) * int32(b[at+(t*k+i&^3)*panelCols+i%4])
		}
	}
	return sum
}

// sumTapsS16 is sumTapsU8 for words, in the order of widen_u8s16.
func sumTapsS16(a []int16, b []int8, taps []int64, k, panel, j int) int32 {
	at := j/panelCols*panel + j%panelCols*4
	var sum int32
	for t, tap := range taps {
		for i, v := range a[tap:][:k] {
			sum += int32(v) * int32(b[at+(t*k+i&^3)*panelCols+[4]int{0, 2, 1, 3}[i%4]])
		}
	}
	return sum
}

func conv_u8s8s32_ref(a []uint8, b []int8, c []int32, taps []int64, lda, ldc, m, n, k, panel int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = sumTapsU8(a[i*lda:], b, taps, k, panel, j)
		}
	}
}

func conv_u8s8u8_ref(a []uint8, b []int8, c []uint8, bias []int32, mult []float32, taps []int64, lda, ldc, m, n, k, panel int, lo, hi float32, zp int32) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = requantised(sumTapsU8(a[i*lda:], b, taps, k, panel, j)+bias[j], mult[j], lo, hi, zp)
		}
	}
}

func conv_u8s8f32_ref(a []uint8, b []int8, c []float32, bias []int32, scale []float32, taps []int64, lda, ldc, m, n, k, panel, relu int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = dequantised(sumTapsU8(a[i*lda:], b, taps, k, panel, j)+bias[j], scale[j], relu)
		}
	}
}

func conv_s16s8s32_ref(a []int16, b []int8, c []int32, taps []int64, lda, ldc, m, n, k, panel int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = sumTapsS16(a[i*lda:], b, taps, k, panel, j)
		}
	}
}

func conv_s16s8u8_ref(a []int16, b []int8, c []uint8, bias []int32, mult []float32, taps []int64, lda, ldc, m, n, k, panel int, lo, hi float32, zp int32) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = requantised(sumTapsS16(a[i*lda:], b, taps, k, panel, j)+bias[j], mult[j], lo, hi, zp)
		}
	}
}

func conv_s16s8f32_ref(a []int16, b []int8, c []float32, bias []int32, scale []float32, taps []int64, lda, ldc, m, n, k, panel, relu int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = dequantised(sumTapsS16(a[i*lda:], b, taps, k, panel, j)+bias[j], scale[j], relu)
		}
	}
}

// conv_depthwise_u8s8u8_ref: see packDepthwise for w, NewDepthwiseRequant for bias and mult. x is read up to a multiple of 64 channels.
func conv_depthwise_u8s8u8_ref(dst, x []uint8, w []int8, bias []int32, mult []float32, taps []int64, step, pixels, channels int, lo, hi float32, zp int32) {
	for p := range pixels {
		for c := range channels {
			first, place := c/depthwiseLanes*depthwiseLanes, depthwisePlace(c%depthwiseLanes)
			var sum int32
			for t, tap := range taps {
				sum += int32(x[p*step+int(tap)+c]) * int32(w[first*len(taps)+t/4*4*depthwiseLanes+place*4+t%4])
			}
			dst[p*channels+c] = requantised(sum+bias[first+place], mult[first+place], lo, hi, zp)
		}
	}
}
