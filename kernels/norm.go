package kernels

import "sync"

// The normalisations below take their means in the order of SumF32, the variance in a second pass around the mean, and 1/√(v + eps) by
// a correctly rounded root and division. dst may be x.

// LayerNormF32 computes, for each row of x [rows × cols], contiguous,
//
//	dst[j] = ((x[j] − mean)·inv)·scale[j] + bias[j]    mean = Σx/cols;  inv = 1/√(Σ(x−mean)²/cols + eps)
//
// (Ba et al., 2016) with one FMA at the end. scale and bias hold cols elements. A nil bias leaves the product. pool may be nil.
func LayerNormF32(pool *Pool, dst, x, scale, bias []float32, rows, cols int, eps float32) {
	runNorm(pool, rowNorm{dst: dst, x: x, scale: scale, bias: bias, cols: cols, eps: eps, centred: true}, rows)
}

// RMSNormF32 computes, for each row of x [rows × cols], contiguous,
//
//	dst[j] = (x[j]·inv)·scale[j]    inv = 1/√(Σx²/cols + eps)
//
// (Zhang and Sennrich, 2019). scale holds cols elements. pool may be nil.
func RMSNormF32(pool *Pool, dst, x, scale []float32, rows, cols int, eps float32) {
	runNorm(pool, rowNorm{dst: dst, x: x, scale: scale, cols: cols, eps: eps}, rows)
}

// AddLayerNormF32 is LayerNormF32 of sum = x + y, each row while it lies in the first-level cache. y has as many elements as x, or cols of them
// that serve all rows. sum may be x or y; nil: it is not wanted. dst overlaps none of the three but y, and that only from end to end.
func AddLayerNormF32(pool *Pool, dst, sum, x, y, scale, bias []float32, rows, cols int, eps float32) {
	runNorm(pool, rowNorm{dst: dst, sum: sum, x: x, y: y, scale: scale, bias: bias, cols: cols, eps: eps, centred: true}, rows)
}

// AddRMSNormF32 is RMSNormF32 of sum = x + y in the same way.
func AddRMSNormF32(pool *Pool, dst, sum, x, y, scale []float32, rows, cols int, eps float32) {
	runNorm(pool, rowNorm{dst: dst, sum: sum, x: x, y: y, scale: scale, cols: cols, eps: eps}, rows)
}

// rowNorm is one normalisation, of x or, where there is y, of x + y. A chunk is some rows.
type rowNorm struct {
	dst, x, scale, bias []float32
	sum, y              []float32
	rows, cols, chunk   int
	eps                 float32
	centred             bool
}

var rowNorms = sync.Pool{New: func() any { return new(rowNorm) }}

// normElements are worth a share of a pool: 16 rows of 384, 3 µs of one thread.
const normElements = 6 << 10

func runNorm(pool *Pool, n rowNorm, rows int) {
	n.rows, n.chunk = rows, rows
	if pool.Threads() == 1 || rows*n.cols < 2*normElements {
		n.Chunk(0)
		return
	}
	job := rowNorms.Get().(*rowNorm)
	*job = n
	job.chunk = max((rows+chunksPerThread*pool.Threads()-1)/(chunksPerThread*pool.Threads()), (normElements+n.cols-1)/n.cols)
	pool.Run((rows+job.chunk-1)/job.chunk, job)
	*job = rowNorm{}
	rowNorms.Put(job)
}

// Chunk normalises the i-th rows.
func (n *rowNorm) Chunk(i int) {
	for r := i * n.chunk; r < min((i+1)*n.chunk, n.rows); r++ {
		in, out := n.x[r*n.cols:(r+1)*n.cols], n.dst[r*n.cols:(r+1)*n.cols]
		if n.y != nil {
			in = n.add(r, in, out)
		}
		if n.centred {
			mean, inv := moments(in, n.eps)
			normRow(out, in, n.scale, n.bias, mean, inv)
		} else {
			normRow(out, in, n.scale, nil, 0, inverseRoot(SumSquareF32(in, 0)/float32(n.cols), n.eps))
		}
	}
}

// add returns row r of the sum, which it leaves in out where it is not wanted.
func (n *rowNorm) add(r int, x, out []float32) []float32 {
	sum, y := out, n.y
	if n.sum != nil {
		sum = n.sum[r*n.cols : (r+1)*n.cols]
	}
	if len(y) > n.cols {
		y = y[r*n.cols : (r+1)*n.cols]
	}
	AddF32(sum, x, y)
	return sum
}

// GroupNormF32 normalises x [batch × channels × spatial], contiguous, over each of groups runs of channels, then scales by channel:
//
//	dst = (x − mean)·(inv·scale[c]) + bias[c]
//
// with one FMA (Wu and He, 2018). groups divides channels; one channel per group is instance normalisation.
func GroupNormF32(dst, x, scale, bias []float32, batch, channels, groups, spatial int, eps float32) {
	perGroup := channels / groups
	for g := range batch * groups {
		at, size := g*perGroup*spatial, perGroup*spatial
		mean, inv := moments(x[at:at+size], eps)
		for i := range perGroup {
			c := g%groups*perGroup + i
			from := at + i*spatial
			AffineF32(dst[from:from+spatial], x[from:from+spatial], mean, inv*scale[c], bias[c])
		}
	}
}

// BatchNormF32 computes dst = x·scale[c] + shift[c], one FMA, for x [batch × channels × spatial], contiguous. BatchNormScale makes
// scale and shift of the statistics of training.
func BatchNormF32(dst, x, scale, shift []float32, batch, channels, spatial int) {
	if spatial == 1 {
		for b := range batch {
			normRow(dst[b*channels:(b+1)*channels], x[b*channels:(b+1)*channels], scale, shift, 0, 1)
		}
		return
	}
	for i := range batch * channels {
		at := i * spatial
		AffineF32(dst[at:at+spatial], x[at:at+spatial], 0, scale[i%channels], shift[i%channels])
	}
}

// BatchNormScale computes, by channel, scale' = scale/√(variance + eps) and shift = bias − mean·scale' (one FMA).
func BatchNormScale(scaleOut, shift, scale, bias, mean, variance []float32, eps float32) {
	for c := range scaleOut {
		s := scale[c] * inverseRoot(variance[c], eps)
		scaleOut[c], shift[c] = s, FMAF32(-mean[c], s, bias[c])
	}
}

// AffineF32 computes dst[i] = (x[i] − sub)·scale + shift, a subtraction and one FMA. dst may be x; len(dst) ≥ len(x).
func AffineF32(dst, x []float32, sub, scale, shift float32) {
	elementwise(dst, x, func(dst, x []float32) { affine_f32(dst, x, sub, scale, shift) })
}

// moments returns the mean of x and 1/√(variance + eps).
func moments(x []float32, eps float32) (mean, inv float32) {
	mean, variance := MomentsF32(x)
	return mean, inverseRoot(variance, eps)
}

// MomentsF32 returns the mean of x and its variance around it, both divided by the number of elements.
func MomentsF32(x []float32) (mean, variance float32) {
	n := float32(len(x))
	mean = SumF32(x) / n
	return mean, SumSquareF32(x, mean) / n
}

// InverseRootF32 is 1/√(v + eps), three roundings.
func InverseRootF32(v, eps float32) float32 { return inverseRoot(v, eps) }

func inverseRoot(v, eps float32) float32 { return 1 / sqrtRef(v+eps) }

// normRow computes dst = ((x − sub)·inv)·scale + bias in pieces that can be preempted, the last first: that is what the pass before left
// in the cache.
func normRow(dst, x, scale, bias []float32, sub, inv float32) {
	scale = scale[:len(x)]
	for at := (len(x) - 1) / elementwiseBlock * elementwiseBlock; at >= 0; at -= elementwiseBlock {
		end := min(at+elementwiseBlock, len(x))
		if bias != nil {
			norm_f32(dst[at:end], x[at:end], scale[at:end], bias[at:end], sub, inv)
			continue
		}
		affine_f32(dst[at:end], x[at:end], sub, inv, 0)
		mul_f32(dst[at:end], dst[at:end], scale[at:end])
	}
}

func affine_f32_ref(dst, x []float32, sub, scale, shift float32) {
	mapRef(dst, x, func(v float32) float32 { return FMAF32(v-sub, scale, shift) })
}

func norm_f32_ref(dst, x, scale, bias []float32, sub, inv float32) {
	for i, v := range x {
		dst[i] = FMAF32((v-sub)*inv, scale[i], bias[i])
	}
}
