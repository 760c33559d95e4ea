package kernels

// Pooling in the packed-channel layout: x [planes × H × W × 16], dst [planes × OH × OW × 16], planes being images times channel blocks.
// The bits are those of MaxPoolF32, AveragePoolF32 and ReduceF32 on plain images.

type poolKind uint8

const (
	notPool poolKind = iota
	maxPool
	sumPool
)

var poolOnes = func() []float32 {
	w := make([]float32, convLanes)
	for i := range w {
		w[i] = 1
	}
	return w
}()

// poolWeights is the depthwise convolution that pooling is: with ones, for a sum.
func poolWeights(planes int, s *ConvShape, kind poolKind) PackedConv {
	c := planes * convLanes
	return PackedConv{M: c, C: c, Groups: c, KH: s.KH, KW: s.KW, depthwise: true, pool: kind, data: poolOnes}
}

// PoolScratch is the number of int64 that pooling needs.
func PoolScratch(planes int, s *ConvShape) int {
	p := poolWeights(planes, s, maxPool)
	return p.TapScratch(s)
}

// MaxPoolPackedF32 is MaxPoolF32. ints holds PoolScratch elements.
func MaxPoolPackedF32(pool *Pool, dst, x []float32, planes int, s *ConvShape, ints []int64) {
	poolPacked(pool, dst, x, planes, s, maxPool, ints)
}

// AveragePoolPackedF32 is AveragePoolF32. ints holds PoolScratch elements.
func AveragePoolPackedF32(pool *Pool, dst, x []float32, planes int, s *ConvShape, padH, padW int, ints []int64) {
	poolPacked(pool, dst, x, planes, s, sumPool, ints)
	own := scratches.Get().(*scratch)
	own.f32 = grown(own.f32, 1)
	defer scratches.Put(own)
	for plane := range planes {
		for oy := range s.OH {
			tall := tapsAlong(oy*s.StrideH-s.Top, s.Top, s.KH, s.DilationH, s.H, padH)
			for ox := 0; ox < s.OW; {
				wide := tapsAlong(ox*s.StrideW-s.Left, s.Left, s.KW, s.DilationW, s.W, padW)
				end := ox + 1
				for end < s.OW && tapsAlong(end*s.StrideW-s.Left, s.Left, s.KW, s.DilationW, s.W, padW) == wide {
					end++
				}
				at := (plane*s.OH + oy) * s.OW
				row := dst[(at+ox)*convLanes : (at+end)*convLanes]
				own.f32[0] = float32(tall * wide)
				div_f32(row, row, own.f32)
				ox = end
			}
		}
	}
}

// tapsAlong counts the taps from at on, along one axis, that lie inside the image, or the padded image where pad ≥ 0.
func tapsAlong(at, before, kernel, dilation, size, pad int) int {
	if pad >= 0 {
		return taps(at+before, kernel, dilation, pad)
	}
	skipped := (firstInside(at, dilation) - at) / dilation
	return max(0, taps(firstInside(at, dilation), kernel-skipped, dilation, size))
}

func poolPacked(pool *Pool, dst, x []float32, planes int, s *ConvShape, kind poolKind, ints []int64) {
	job := convJobs.Get().(*convJob)
	p := poolWeights(planes, s, kind)
	job.pooling = p
	job.setUp(&job.pooling, s, convLanes, ints)
	job.x, job.dst = x, dst
	if !pool.worthwhile(planes*convLanes, s.OH*s.OW, s.KH*s.KW, gemmF32Rate) {
		pool = nil
	}
	pool.Run(job.grid.count(), job)
	*job = convJob{}
	convJobs.Put(job)
}

// GlobalPoolPackedF32 reduces all pixels of x [planes × pixels × 16] to dst [planes × 16] with the order of ReduceF32 by r, ReduceSum or
// ReduceMax.
func GlobalPoolPackedF32(r Reduction, dst, x []float32, planes, pixels int) {
	own := scratches.Get().(*scratch)
	own.f32 = grown(own.f32, 64*convLanes)
	acc := own.f32
	defer scratches.Put(own)
	for plane := range planes {
		out, rest := dst[plane*convLanes:(plane+1)*convLanes], x[plane*pixels*convLanes:(plane+1)*pixels*convLanes]
		for first := true; first || len(rest) > 0; first = false {
			n := min(len(rest), sumSegment*convLanes)
			stripes(r, acc, rest[:n])
			if rest = rest[n:]; first {
				copy(out, acc[:convLanes])
			} else {
				r.into(out, acc[:convLanes])
			}
		}
		if r == ReduceMax {
			for i, v := range out {
				out[i] = v + 0 // MaxF32 knows no −0
			}
		}
	}
}

// stripes reduces one segment to the first 16 elements of acc: 64 accumulators of 16 lanes, folded in halves.
func stripes(r Reduction, acc, x []float32) {
	setAll(acc, reductions[r].start)
	for len(x) > 0 {
		n := min(len(x), len(acc))
		r.into(acc[:n], x[:n])
		x = x[n:]
	}
	for half := len(acc) / 2; half >= convLanes; half /= 2 {
		r.into(acc[:half], acc[half:2*half])
	}
}

// into combines x into acc.
func (r Reduction) into(acc, x []float32) {
	if r == ReduceMax {
		maximum_f32(acc, acc, x)
	} else {
		add_f32(acc, acc, x)
	}
}

// normPixels pixels share a copy of a block's scale and shift.
const normPixels = 16

// PackedBatchNorm is the scale and shift of BatchNormF32 for the packed-channel layout.
type PackedBatchNorm struct {
	blocks       int
	scale, shift []float32
}

// PackBatchNorm packs scale and shift, one for each channel.
func PackBatchNorm(scale, shift []float32) *PackedBatchNorm {
	b := &PackedBatchNorm{blocks: ConvBlocks(len(scale))}
	b.scale, b.shift = make([]float32, b.blocks*normPixels*convLanes), make([]float32, b.blocks*normPixels*convLanes)
	for c := range scale {
		for p := range normPixels {
			at := (c/convLanes*normPixels+p)*convLanes + c%convLanes
			b.scale[at], b.shift[at] = scale[c], shift[c]
		}
	}
	return b
}

// BatchNormPackedF32 is BatchNormF32 for x [batch × blocks × pixels × 16]. dst may be x.
func BatchNormPackedF32(dst, x []float32, b *PackedBatchNorm, batch, pixels int) {
	const run = normPixels * convLanes
	for i := range batch * b.blocks {
		scale, shift := b.scale[i%b.blocks*run:], b.shift[i%b.blocks*run:]
		for at, end := i*pixels*convLanes, (i+1)*pixels*convLanes; at < end; at += run {
			n := min(run, end-at)
			norm_f32(dst[at:at+n], x[at:at+n], scale[:n], shift[:n], 0, 1)
		}
	}
}
