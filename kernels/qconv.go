package kernels

import (
	"fmt"
	"math"
	"slices"
)

// PackedQConv is the integer weights of a convolution, packed by PackQConv. The layout is the same on all tiers.
type PackedQConv struct {
	M, C, Groups         int
	KH, KW               int
	DilationH, DilationW int
	// Sum[o] is the sum of all weights of output o, for the correction of the input's zero point. Least[o] … Most[o] is the range of
	// the sum over bytes.
	Sum         []int32
	Least, Most []int64
	depthwise   bool
	pitch       int       // of a pixel in the padded image
	parts       int       // 2 where weights need more than 8 bits: w = w0 + w1, both s8
	runs, depth int       // an output reads this many runs of depth contiguous elements, per part
	data        []int8    // [group][16 outputs][part][run][depth/4][16][4]; depthwise see packDepthwise
	paired      bool      // see PackedS8
	gemm        *PackedS8 // the weights as those of a product of windows, or nil
}

// MaxQWeight bounds the weights of PackQConv: what is left of a u8 or s8 weight when its zero point is taken away.
const MaxQWeight = 255

// PackQConv packs w [M × C/groups × KH × KW], ONNX's order, each within ±MaxQWeight. groups divides M and C.
//
// u8 says that sums go to ConvU8S8U8 alone, so that a convolution with one input and output channel per group may become Depthwise.
//
// A run is what lies side by side in a channels-last image: KW pixels, or the channels of one pixel of a group where groups or dilation
// part them.
func PackQConv(w []int16, m, c, groups, kh, kw, dilationH, dilationW int, u8 bool) *PackedQConv {
	cg, mg := c/groups, m/groups
	p := &PackedQConv{M: m, C: c, Groups: groups, KH: kh, KW: kw, DilationH: dilationH, DilationW: dilationW, parts: 1,
		Sum: make([]int32, m), Least: make([]int64, m), Most: make([]int64, m)}
	for o := range m {
		for _, v := range w[o*cg*kh*kw : (o+1)*cg*kh*kw] {
			if v < -MaxQWeight || v > MaxQWeight {
				panic(fmt.Sprintf("kernels: a weight of %d", v))
			}
			switch { // the sum of two s8 is 254 at most
			case v > 2*math.MaxInt8:
				p.parts = 3
			case v < math.MinInt8 || v > math.MaxInt8:
				p.parts = max(p.parts, 2)
			}
			p.Sum[o] += int32(v)
			p.Least[o] += 255 * int64(min(v, 0))
			p.Most[o] += 255 * int64(max(v, 0))
		}
	}
	if p.depthwise = u8 && groups == c && m == c && c > 1 && p.parts == 1; p.depthwise {
		p.pitch = c
		p.packDepthwise(w)
		return p
	}
	width := roundUp(cg, 4)
	p.pitch = groups * width
	p.runs, p.depth = kh*kw, width
	merged := groups == 1 && dilationW == 1
	if merged {
		p.runs, p.depth = kh, kw*width
	}
	panel, taps := p.panel(), kh*kw
	places := make([]int, cg*taps) // of the weights of an output in its panel
	for i := range places {
		ch, t := i/taps, i%taps
		run, k := t, ch
		if merged {
			run, k = t/kw, t%kw*width+ch
		}
		places[i] = (run*p.depth+k&^3)*panelCols + k%4
	}
	blocks := roundUp(mg, panelCols) / panelCols
	p.data = make([]int8, groups*blocks*panel)
	for o := range m {
		g, column := o/mg, o%mg
		to := p.data[(g*blocks+column/panelCols)*panel+column%panelCols*4:]
		for i, v := range w[o*cg*taps : (o+1)*cg*taps] {
			at := places[i]
			if p.parts == 1 {
				to[at] = int8(v)
				continue
			}
			for ; v != 0; at += panel / p.parts {
				part := max(math.MinInt8, min(math.MaxInt8, v))
				to[at] = int8(part)
				v -= part
			}
		}
	}
	p.paired = isPaired(p.data)
	if groups == 1 && p.parts == 1 {
		p.gemm = &PackedS8{K: p.runs * p.depth, N: m, Data: p.data, ColSum: p.Sum, paired: p.paired}
	}
	return p
}

// isPaired says of packed bytes what PackedS8.paired says.
func isPaired(data []int8) bool {
	for i := 0; i < len(data); i += 2 {
		a, b := int(data[i]), int(data[i+1])
		if max(a, 0)+max(b, 0) > pairLimit || max(-a, 0)+max(-b, 0) > pairLimit {
			return false
		}
	}
	return true
}

// panel is the bytes of the weights of 16 outputs.
func (p *PackedQConv) panel() int { return p.parts * p.runs * p.depth * panelCols }

// MaxSum is the largest |sum| + |bias| that cannot overflow s32, also not after the correction of the zero point.
const MaxSum = math.MaxInt32

// Fits reports whether no sum of output o over bytes, with bias added, overflows s32.
func (p *PackedQConv) Fits(o int, bias int64) bool {
	return p.Least[o]+bias >= -MaxSum && p.Most[o]+bias <= MaxSum
}

// isGemm reports whether the convolution is a plain product over pixels.
func (p *PackedQConv) isGemm(s *ConvShape) bool {
	return p.gemm != nil && p.KH == 1 && p.KW == 1 && p.pitch == p.C && s.StrideH == 1 && s.StrideW == 1 && s.Top == 0 && s.Left == 0 && s.OH == s.H && s.OW == s.W
}

// extent is the height of a window, and the width of the image with the padding that windows reach.
func (p *PackedQConv) extent(s *ConvShape) (height, width int) {
	return (s.KH-1)*s.DilationH + 1, max(s.W+s.Left, (s.OW-1)*s.StrideW+(s.KW-1)*s.DilationW+1)
}

// direct reports whether windows are read where x lies. The depthwise kernels read whole vectors of channels.
func (p *PackedQConv) direct(s *ConvShape) bool {
	height, width := p.extent(s)
	return s.Top == 0 && (s.OH-1)*s.StrideH+height <= s.H && width == s.W && p.pitch == p.C && (!p.depthwise || p.C%depthwiseLanes == 0)
}

// qconvBandBytes bounds a padded band, some rows of the image that are copied and then read by all windows in them: half of the
// second-level cache of Zen, an eighth of Emerald Rapids'. Without bands the depthwise layer of 96 channels of 112 × 112 took 1.9 times
// as long there.
const qconvBandBytes = 256 << 10

// maxImage is the size given for a band beyond any memory, so that no caller has to fear an overflow.
const maxImage = 1 << 44

// band returns the number of output rows in a band and the bytes of its rows of the image.
func (p *PackedQConv) band(s *ConvShape) (rows, bytes int) {
	height, width := p.extent(s)
	if float64(height)*float64(width)*float64(p.pitch) > maxImage {
		return 1, maxImage
	}
	line := max(1, width*p.pitch)
	rows = max(1, min(s.OH, (qconvBandBytes/line-height)/s.StrideH+1))
	return rows, ((rows-1)*s.StrideH + height) * line
}

// QConvScratch is the number of bytes and of int64 that the ConvU8S8 functions need beside their operands.
func (p *PackedQConv) QConvScratch(s *ConvShape) (bytes, ints int) {
	if p.isGemm(s) {
		return 0, 0
	}
	// Two bytes an element: tiers without an exact product of any bytes take words. Vectors of the last pixel may reach past it.
	_, size := p.band(s)
	return 2 * (size + depthwiseLanes), p.taps()
}

func (p *PackedQConv) taps() int {
	if p.depthwise {
		return roundUp(p.KH*p.KW, 4)
	}
	return p.parts * p.runs
}

// ConvU8S8U8 computes, for each image of x [batch × H × W × C] and dst [batch × OH × OW × M], channels last and contiguous, and o in
// group g,
//
//	dst[oy][ox][o] = requantised Σ w[o][c][ky][kx] · x[oy·StrideH − Top + ky·DilationH][ox·StrideW − Left + kx·DilationW][g·C/groups + c]
//
// where x is zero outside of the image: the argument zero, the input's zero point, so that taps outside contribute nothing once the
// correction −zero·Sum[o], which belongs into rq.Bias, is added. See Requant; sums must fit in s32 (PackedQConv.Fits).
//
// dst must not overlap x. bytes and ints hold QConvScratch elements. pool may be nil.
func ConvU8S8U8(pool *Pool, dst, x []uint8, zero uint8, p *PackedQConv, batch int, s *ConvShape, rq *Requant, bytes []uint8, ints []int64) {
	if rq.Lo < 0 || rq.Lo > rq.Hi || rq.Hi > 255 {
		panic(fmt.Sprintf("kernels: requantise to %d…%d", rq.Lo, rq.Hi))
	}
	if p.isGemm(s) {
		GemmU8S8U8(pool, batch*s.H*s.W, x, p.C, p.gemm, dst, p.M, rq)
		return
	}
	p.run(pool, qconvJob{u8: dst, x: x, zero: zero, s: *s, bytes: bytes, taps: ints, bias: rq.Bias, scale: rq.Mult, zp: rq.ZeroPoint, lo: rq.Lo, hi: rq.Hi}, batch)
}

// ConvU8S8F32 is ConvU8S8U8 with the sums dequantised; see Dequant. The convolution must not be Depthwise.
func ConvU8S8F32(pool *Pool, dst []float32, x []uint8, zero uint8, p *PackedQConv, batch int, s *ConvShape, dq *Dequant, bytes []uint8, ints []int64) {
	if p.isGemm(s) {
		GemmU8S8F32(pool, batch*s.H*s.W, x, p.C, p.gemm, dst, p.M, dq)
		return
	}
	p.run(pool, qconvJob{f32: dst, x: x, zero: zero, s: *s, bytes: bytes, taps: ints, bias: dq.Bias, scale: dq.Scale, act: dq.Act}, batch)
}

// ConvU8S8S32 is ConvU8S8U8 with the sums themselves, without the correction of the zero point. The convolution must not be Depthwise.
func ConvU8S8S32(pool *Pool, dst []int32, x []uint8, zero uint8, p *PackedQConv, batch int, s *ConvShape, bytes []uint8, ints []int64) {
	if p.isGemm(s) {
		GemmU8S8S32(pool, batch*s.H*s.W, x, p.C, p.gemm, dst, p.M)
		return
	}
	p.run(pool, qconvJob{s32: dst, x: x, zero: zero, s: *s, bytes: bytes, taps: ints}, batch)
}

// Depthwise reports whether the kernel with one input and one output channel per group runs, which writes u8 alone.
func (p *PackedQConv) Depthwise() bool { return p.depthwise }

// depthwiseLanes is the channels of a packed block of a depthwise convolution: a ZMM of bytes.
const depthwiseLanes = 64

// packDepthwise packs [64 channels][4 taps][quarter][4 blocks of 16 channels][4 channels of the quarter][tap of 4]: in the order in
// which interleaving the bytes, then the words, of four vectors of bytes leaves the channels. Taps and channels past the end are zero.
func (p *PackedQConv) packDepthwise(w []int16) {
	taps := p.KH * p.KW
	groups := (taps + 3) / 4
	p.data = make([]int8, roundUp(p.C, depthwiseLanes)*groups*4)
	for c := range p.C {
		for t := range taps {
			p.data[c/depthwiseLanes*groups*4*depthwiseLanes+t/4*4*depthwiseLanes+depthwisePlace(c%depthwiseLanes)*4+t%4] = int8(w[c*taps+t])
		}
	}
}

// depthwisePlace is the place of channel c of 64 in four vectors of s32.
func depthwisePlace(c int) int { return c/4%4*16 + c/16*4 + c%4 }

// NewDepthwiseRequant returns rq with bias and factors in the order in which a depthwise convolution reads them; ConvU8S8U8 takes it
// where p.Depthwise().
func (p *PackedQConv) NewDepthwiseRequant(rq *Requant) *Requant {
	n := roundUp(p.C, depthwiseLanes)
	out := *rq
	out.Bias, out.Mult = make([]int32, n), make([]float32, n)
	for c := range p.C {
		at := c/depthwiseLanes*depthwiseLanes + depthwisePlace(c%depthwiseLanes)
		out.Bias[at], out.Mult[at] = rq.Bias[c], rq.Mult[c]
	}
	return &out
}

// ZeroPointBias returns bias − zero·Sum, or false where a sum could overflow s32. bias may be nil.
func (p *PackedQConv) ZeroPointBias(bias []int32, zero uint8) ([]int32, bool) {
	out := make([]int32, p.M)
	for o := range out {
		b := -int64(zero) * int64(p.Sum[o])
		if bias != nil {
			b += int64(bias[o])
		}
		if !p.Fits(o, b) || b < -MaxSum || b > MaxSum {
			return nil, false
		}
		out[o] = int32(b)
	}
	return out, !slices.Contains(out, math.MinInt32)
}
