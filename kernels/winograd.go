package kernels

import (
	"fmt"
	"sync"
)

// Winograd convolution F(4×4, 3×3) for stride 1 without dilation or groups (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2015): tiles of 4 × 4 outputs, from output (0, 0) on, come from patches of 6 × 6 inputs, zeros outside of the image, by
//
//	Y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ d B) ] A    with the points 0, ±3/4, ±3/2, ∞
//
// These points have a third of the error of the usual 0, ±1, ±2, ∞, and coefficients that float32 holds exactly. The weights are transformed in float64 and rounded once. At each of the 36 points the product over the channels has the order of a
// 1 × 1 convolution. Both other transforms go down the columns first, in the order of winogradIn and winogradOut; bias, residual and
// activation follow. So each output depends on its own patch alone, and has the same bits in any image, batch and band.
//
// The largest error on normal data, relative to the largest output, is TestWinogradError's.
type winograd struct {
	points *PackedConv // a group for each point
}

const winogradPoints = 36

// ConvWinograd says which convolutions are computed so, from the shape of the weights and the attributes alone. With few channels the
// transforms cost what they save; with many, images are small (at 512 channels 7 × 7) and reading four times the weights costs more.
func ConvWinograd(m, c, groups, kh, kw, strideH, strideW, dilationH, dilationW int) bool {
	return groups == 1 && kh == 3 && kw == 3 && strideH == 1 && strideW == 1 && dilationH == 1 && dilationW == 1 &&
		c >= winogradInputs && m >= winogradOutputs && c <= winogradMost && m <= winogradMost
}

const (
	winogradInputs  = 32
	winogradOutputs = 16 // 96 channels to 24 at 160 × 160: 7.9 ms, of which the transforms are half, instead of 12.2
	winogradMost    = 256
)

// PackWinograd packs w [M × C × 3 × 3] for a convolution that ConvWinograd approves of.
func PackWinograd(w []float32, m, c int) *PackedConv { return PackWinogradAt(nil, w, m, c) }

// PackWinogradAt is PackWinograd to a place.
func PackWinogradAt(at Place, w []float32, m, c int) *PackedConv {
	points := ConvWeights(winogradPoints*m, winogradPoints*c, winogradPoints, 1, 1)
	points.data = placed(at, fmt.Sprintf("winograd %d %d", m, c), points.packedLen(), func(dst []float32) { transformWeights(dst, w, m, c) })
	return &PackedConv{M: m, C: c, Groups: 1, KH: 3, KW: 3, winograd: &winograd{&points}}
}

// transformWeights packs the transforms of w, a group for each point, to dst, which is zero.
func transformWeights(dst, w []float32, m, c int) {
	group := len(dst) / winogradPoints
	var u [winogradPoints][convLanes]float32 // written out a cache line at a time: groups are powers of two apart
	for o := 0; o < m; o += convLanes {
		lanes := min(convLanes, m-o)
		for ch := range c {
			for lane := range lanes {
				winogradWeights(&u, lane, (*[9]float32)(w[((o+lane)*c+ch)*9:]))
			}
			for t := range u {
				copy(dst[t*group+(o/convLanes*c+ch)*convLanes:], u[t][:lanes])
			}
		}
	}
}

// winogradWeights writes G w Gᵀ to a lane of u.
func winogradWeights(u *[winogradPoints][convLanes]float32, lane int, w *[9]float32) {
	v0, v1, v2 := float64(w[0]), float64(w[1]), float64(w[2])
	v3, v4, v5 := float64(w[3]), float64(w[4]), float64(w[5])
	v6, v7, v8 := float64(w[6]), float64(w[7]), float64(w[8])
	for t := range u {
		k := &winogradTable[t]
		sum := 0 + float64(k[0]*v0) + float64(k[1]*v1) + float64(k[2]*v2) + float64(k[3]*v3) + float64(k[4]*v4) +
			float64(k[5]*v5) + float64(k[6]*v6) + float64(k[7]*v7) + float64(k[8]*v8)
		u[t][lane&(convLanes-1)] = float32(sum)
	}
}

// winogradTable holds the factor of each of the 9 weights at each point.
var winogradTable = func() (k [winogradPoints][9]float64) {
	var g [6][3]float64
	const nearA, nearB = 2 * squareA * (squareA - squareB), 2 * squareB * (squareB - squareA)
	for i, p := range [5]struct{ at, product float64 }{{0, squareA * squareB}, {pointA, nearA}, {-pointA, nearA}, {pointB, nearB}, {-pointB, nearB}} {
		g[i] = [3]float64{1 / p.product, p.at / p.product, p.at * p.at / p.product}
	}
	g[5][2] = 1
	for t := range k {
		for i := range k[t] {
			k[t][i] = float64(g[t/6][i/3] * g[t%6][i%3])
		}
	}
	return k
}()

// tiles is the number of tiles down and across, and of rows of tiles that are computed together: of the 36 points of 64 channels, 56
// tiles are half a second-level cache.
func (s *ConvShape) tiles() (down, across, together int) {
	down, across = (s.OH+3)/4, (s.OW+3)/4
	return down, across, max(1, min(down, winogradTiles/across))
}

const winogradTiles = 64

// pointShape is the product at the points of n tiles.
func pointShape(n int) ConvShape {
	return ConvShape{H: 1, W: n, OH: 1, OW: n, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
}

// scratch is the number of float32 and int64 for one image.
func (g *winograd) scratch(p *PackedConv, s *ConvShape) (floats, ints int) {
	_, across, together := s.tiles()
	n := together * across
	shape := pointShape(n)
	in, out := ConvBlocks(p.C), ConvBlocks(p.M)
	return (in+out)*winogradPoints*n*convLanes + in*g.padded(s) + max(in, out)*winogradPoints*convLanes, g.points.TapScratch(&shape)
}

// padded is the size of a channel block of a band with what its patches need around it.
func (g *winograd) padded(s *ConvShape) int {
	_, across, together := s.tiles()
	return (4*together + 2) * (4*across + 2) * convLanes
}

// winogradJob is one band of one image.
type winogradJob struct {
	convJob
	from, rows, across         int // first row of tiles and their number; tiles in a row
	in, out, padded, temporary []float32
	output                     bool
}

var winogradJobs = sync.Pool{New: func() any { return new(winogradJob) }}

// bands is the number of bands of rows of tiles.
func (s *ConvShape) bands() int {
	down, _, together := s.tiles()
	return (down + together - 1) / together
}

// apart is how many threads compute bands of their own, each in scratch of its own: what a band needs is then written and read on one core.
// Where there are few bands, all threads share each.
func (g *winograd) apart(s *ConvShape, threads int) int {
	if threads > 1 && s.bands() >= 2*threads {
		return min(threads, maxSlots)
	}
	return 1
}

// run computes one image. job has what convolve gives it; floats and job.ints hold scratch for as many threads as are to work apart.
func (g *winograd) run(pool *Pool, job *convJob, floats []float32) {
	s := &job.s
	perF, perI := g.scratch(job.p, s)
	if slots := min(g.apart(s, pool.Threads()), len(floats)/max(1, perF), len(job.ints)/max(1, perI)); slots > 1 {
		b := winogradBandsPool.Get().(*winogradBands)
		b.g, b.job, b.floats, b.perF, b.perI = g, job, floats, perF, perI
		pool.Run(s.bands(), b)
		b.g, b.job, b.floats = nil, nil, nil
		winogradBandsPool.Put(b)
		return
	}
	for band := range s.bands() {
		g.band(pool, job, band, floats[:perF], job.ints)
	}
}

// winogradBands computes bands, one per chunk.
type winogradBands struct {
	g          *winograd
	job        *convJob
	floats     []float32
	perF, perI int
	slots      slots
}

var winogradBandsPool = sync.Pool{New: func() any { return new(winogradBands) }}

// Chunk computes band i.
func (b *winogradBands) Chunk(i int) {
	slot := b.slots.take()
	b.g.band(nil, b.job, i, b.floats[slot*b.perF:][:b.perF], b.job.ints[slot*b.perI:][:b.perI])
	b.slots.give(slot)
}

// band computes a band of rows of tiles of one image.
func (g *winograd) band(pool *Pool, job *convJob, band int, floats []float32, ints []int64) {
	w := winogradJobs.Get().(*winogradJob)
	w.convJob = *job
	p, s := job.p, &job.s
	in, out := ConvBlocks(p.C), ConvBlocks(p.M)
	down, across, together := s.tiles()
	padded := in * g.padded(s)
	w.across = across
	w.padded, w.temporary = floats[:padded], floats[padded:][:max(in, out)*winogradPoints*convLanes]
	points := floats[padded+len(w.temporary):]
	w.from = band * together
	w.rows = min(together, down-w.from)
	n := w.rows * across
	size := winogradPoints * n * convLanes
	w.in, w.out = points[:in*size], points[in*size:][:out*size]
	w.output = false
	pool.Run(in, w)
	shape := pointShape(n)
	convolve(pool, w.out, w.in, nil, nil, g.points, 1, &shape, convLanes, nil, ints)
	w.output = true
	pool.Run(out, w)
	*w = winogradJob{}
	winogradJobs.Put(w)
}

// Chunk transforms the input or output of channel block b.
func (w *winogradJob) Chunk(b int) {
	n, tmp := w.rows*w.across, w.temporary[b*winogradPoints*convLanes:][:winogradPoints*convLanes]
	if !w.output {
		w.transformInput(b, n, tmp)
	} else {
		w.transformOutput(b, n, tmp)
	}
}

func (w *winogradJob) transformInput(b, n int, tmp []float32) {
	s, width, blocks := &w.s, (4*w.across+2)*convLanes, len(w.in)/(winogradPoints*n*convLanes)
	image := w.x[b*s.H*s.W*convLanes : (b+1)*s.H*s.W*convLanes]
	band := w.padded[b*len(w.padded)/blocks:][:(4*w.rows+2)*width]
	left := min(max(0, s.Left*convLanes), width)
	for y := range 4*w.rows + 2 {
		row, iy := band[y*width:(y+1)*width], 4*w.from+y-s.Top
		if iy < 0 || iy >= s.H {
			clear(row)
			continue
		}
		clear(row[:left])
		copied := copy(row[left:], image[iy*s.W*convLanes:(iy+1)*s.W*convLanes])
		clear(row[left+copied:])
	}
	point := blocks * n * convLanes
	for y := range w.rows {
		winograd_input_f32(w.in[(b*n+y*w.across)*convLanes:], band[4*y*width:], tmp, w.across, width, point)
	}
}

func (w *winogradJob) transformOutput(b, n int, tmp []float32) {
	s, blocks := &w.s, len(w.out)/(winogradPoints*n*convLanes)
	size, point := s.OH*s.OW*convLanes, blocks*n*convLanes
	var bias, res []float32
	own := scratches.Get().(*scratch)
	if w.flags&convBias != 0 {
		own.f32 = grown(own.f32, convLanes)
		bias = own.f32[:convLanes]
		clear(bias[copy(bias, w.bias[b*convLanes:min((b+1)*convLanes, w.p.M)]):])
	}
	for y := range w.rows {
		oy := 4 * (w.from + y)
		for x := 0; x < w.across; {
			cols, tiles := min(4, s.OW-4*x), 1
			if cols == 4 {
				tiles = s.OW/4 - x
			}
			at := b*size + (oy*s.OW+4*x)*convLanes
			if w.flags&convResidual != 0 {
				res = w.res[at:]
			}
			winograd_output_f32(w.dst[at:], w.out[(b*n+y*w.across+x)*convLanes:], tmp, bias, res, tiles, point, s.OW*convLanes, min(4, s.OH-oy), cols, w.flags, w.lo, w.hi)
			x += tiles
		}
	}
	scratches.Put(own)
	if w.after.activates() {
		from, to := 4*w.from*s.OW, min(4*(w.from+w.rows), s.OH)*s.OW
		w.after.Activate(w.dst[b*size+from*convLanes : b*size+to*convLanes])
	}
}

// The points and their products.
const (
	pointA, pointB = 0.75, 1.5
	squareA        = pointA * pointA
	squareB        = pointB * pointB
)

// winogradIn is Bᵀd for six values.
func winogradIn(d [6]float32) [6]float32 {
	end := func(x, y, z float32) float32 { return FMAF32(squareA*squareB, x, FMAF32(-(squareA+squareB), y, z)) }
	u, v := FMAF32(-squareB, d[2], d[4]), FMAF32(-squareB, d[1], d[3])
	w, z := FMAF32(-squareA, d[2], d[4]), FMAF32(-squareA, d[1], d[3])
	return [6]float32{end(d[0], d[2], d[4]), FMAF32(pointA, v, u), FMAF32(-pointA, v, u), FMAF32(pointB, z, w), FMAF32(-pointB, z, w), end(d[1], d[3], d[5])}
}

// winogradOut is Aᵀm for six values.
func winogradOut(m [6]float32) [4]float32 {
	s, d, p, q := m[1]+m[2], m[1]-m[2], m[3]+m[4], m[3]-m[4]
	return [4]float32{
		(m[0] + s) + p, FMAF32(pointB, q, pointA*d), FMAF32(squareB, p, squareA*s), FMAF32(squareB*pointB, q, squareA*pointA*d) + m[5],
	}
}

// winograd_input_f32_ref transforms patches of 6 × 6 pixels of 16 channels, 4 pixels apart. Rows of x are row elements apart, points of dst
// point and tiles 16. tmp has room for a patch.
func winograd_input_f32_ref(dst, x, tmp []float32, tiles, row, point int) {
	for t := range tiles {
		for lane := range convLanes {
			for c := range 6 {
				var d [6]float32
				for r := range d {
					d[r] = x[r*row+(4*t+c)*convLanes+lane]
				}
				for r, v := range winogradIn(d) {
					tmp[r*6+c] = v
				}
			}
			for r := range 6 {
				for c, v := range winogradIn([6]float32(tmp[6*r:])) {
					dst[(r*6+c)*point+t*convLanes+lane] = v
				}
			}
		}
	}
}

// winograd_output_f32_ref transforms back to tiles of rows × cols pixels, at most 4 × 4, and applies what flags say.
func winograd_output_f32_ref(dst, m, tmp, bias, res []float32, tiles, point, drow, rows, cols, flags int, lo, hi float32) {
	for t := range tiles {
		for lane := range convLanes {
			for c := range 6 {
				var v [6]float32
				for r := range v {
					v[r] = m[(r*6+c)*point+t*convLanes+lane]
				}
				for r, y := range winogradOut(v) {
					tmp[r*6+c] = y
				}
			}
			for r := range rows {
				y := winogradOut([6]float32(tmp[6*r:]))
				for c, v := range y[:cols] {
					at := r*drow + (4*t+c)*convLanes + lane
					if flags&convBias != 0 {
						v += bias[lane]
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
}
