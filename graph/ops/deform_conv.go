package ops

import (
	"math"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opDeformConv is the convolution of [batch × channels × height × width] whose taps are moved by offsets and, where input 4 is given,
// weighted by a mask (Dai et al., "Deformable convolutional networks", 2017; Zhu et al., 2018). Taps between pixels are bilinear, what
// lies outside is 0. The taps of an image become the columns of a matrix, which the weights are multiplied with.
var opDeformConv = viaFloat32(&Op{
	Name: "deform_conv", Type: "DeformConv", Since: 19, MinInputs: 3, Depth: filterSize,
	Rows: func(_ *graph.Node, in []graph.Arg, rows []bool) bool {
		for i := range in {
			if present(in, i) && rows[i] != (i == 0 || i == 2 || i == 4) {
				return false
			}
		}
		return true
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 3, 5); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
			return nil, err
		}
		for i := range in {
			if !present(in, i) {
				continue
			}
			if err := wantDType(n, in, i, in[0].DType); err != nil {
				return nil, err
			}
		}
		w, c, err := deformOf(n, in)
		if err == nil {
			err = tapPlane(n, in[0].Shape[2:])
		}
		if err != nil {
			return nil, err
		}
		shape, err := w.inferSpatial(n, in[0].Shape, in[1].Shape[0])
		if err != nil {
			return nil, err
		}
		taps := w.kernel[0] * w.kernel[1]
		for i, rows := range map[int]int{2: 2 * c.offsetGroups * taps, 4: c.offsetGroups * taps} {
			if !present(in, i) {
				continue
			}
			if s := in[i].Shape; len(s) != 4 || s[0] != shape[0] || s[1] != rows || s[2] != shape[2] || s[3] != shape[3] {
				return nil, modelErr(n, "input %d has shape %v, expected [%d %d %d %d]", i, s, shape[0], rows, shape[2], shape[3])
			}
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		w, c, err := deformOf(n, in)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return newDeformConv(c, w, &weightedF64, pool, multiplyF64), nil
		}
		return newDeformConv(c, w, &weightedF32, pool, func(dst, weights, columns []float32, rows, points int) {
			depth := len(columns) / points
			kernels.MatMulF32(pool, &kernels.MatMul{
				M: rows, N: points, K: depth, A: weights, LDA: depth, B: columns, LDB: points, C: dst, LDC: points, Batch: 1,
			})
		}), nil
	},
})

type deformConfig struct{ groups, offsetGroups int }

func deformOf(n *graph.Node, in []graph.Arg) (w *window, c deformConfig, err error) {
	x, weights := in[0].Shape, in[1].Shape
	if len(x) != 4 || len(weights) != 4 {
		return nil, c, unsupported(n, "input %v and weights %v, expected 2 spatial axes", x, weights)
	}
	for _, a := range []struct {
		name string
		to   *int
	}{{"group", &c.groups}, {"offset_group", &c.offsetGroups}} {
		v, err := n.IntAttr(a.name, 1)
		if err != nil {
			return nil, c, err
		}
		if v < 1 || v > math.MaxInt32 || int64(x[1])%v != 0 {
			return nil, c, modelErr(n, "attribute %q is %d for %d channels", a.name, v, x[1])
		}
		*a.to = int(v)
	}
	if size, ok := tensor.Elements(weights); !ok || size == 0 || x[1]/c.groups != weights[1] || weights[0]%c.groups != 0 {
		return nil, c, modelErr(n, "%d groups of input %v and weights %v", c.groups, x, weights)
	}
	if present(in, 3) && (len(in[3].Shape) != 1 || in[3].Shape[0] != weights[0]) {
		return nil, c, modelErr(n, "bias %v for weights %v", in[3].Shape, weights)
	}
	w, err = windowNd(n, 2, weights[2:])
	return w, c, err
}

type deformConv[T float32 | float64] struct {
	deformConfig
	window *window
	sum    *weightedSum[T]
	pool   *kernels.Pool
	// multiply computes weights [rows × depth] times columns [depth × points].
	multiply func(dst, weights, columns []T, rows, points int)
	jobs     sync.Pool
}

func newDeformConv[T float32 | float64](c deformConfig, w *window, sum *weightedSum[T], pool *kernels.Pool,
	multiply func(dst, weights, columns []T, rows, points int)) *deformConv[T] {
	return &deformConv[T]{c, w, sum, pool, multiply, sync.Pool{New: func() any { return new(deformJob[T]) }}}
}

// deformJob samples one image. A chunk is a block of points for one tap of a group of channels.
type deformJob[T float32 | float64] struct {
	*deformConv[T]
	columns, x, offsets, mask []T
	shape, weights, out       []int
}

// deformBlock points of four pixels fill a table.
const deformBlock = tableTaps / 4

// blocks is the number of blocks of points.
func (j *deformJob[T]) blocks() int { return (j.out[2]*j.out[3] + deformBlock - 1) / deformBlock }

// multiplyF64 adds products over depth in ascending order.
func multiplyF64(dst, weights, columns []float64, rows, points int) {
	depth := len(columns) / points
	for r := range rows {
		to := dst[r*points : (r+1)*points]
		clear(to)
		for d, w := range weights[r*depth : (r+1)*depth] {
			for i, v := range columns[d*points : (d+1)*points] {
				to[i] += float64(w * v)
			}
		}
	}
}

// ScratchBytes implements graph.ScratchKernel: the columns of one image.
func (k *deformConv[T]) ScratchBytes(args []graph.Arg) int {
	w := args[1].Shape
	size := multiplied(args[0].DType.Size(), multiplied(args[0].Shape[1], w[2]*w[3]))
	return multiplied(size, multiplied(args[2].Shape[2], args[2].Shape[3]))
}

// Run implements graph.Kernel.
func (k *deformConv[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, weights, offsets, dst := tensor.Data[T](in[0]), tensor.Data[T](in[1]), tensor.Data[T](in[2]), tensor.Data[T](out[0])
	if len(dst) == 0 {
		return nil
	}
	var mask, bias []T
	if len(in) > 3 && in[3] != nil {
		bias = tensor.Data[T](in[3])
	}
	if len(in) > 4 && in[4] != nil {
		mask = tensor.Data[T](in[4])
	}
	memory := tensor.Tensor{DType: in[0].DType, Bytes: scratch}
	channels, filters := in[0].Shape[1], out[0].Shape[1]
	points := out[0].Shape[2] * out[0].Shape[3]
	depth := channels * in[1].Shape[2] * in[1].Shape[3]
	columns := tensor.Data[T](&memory)[:depth*points]
	image, shifts := len(x)/in[0].Shape[0], len(offsets)/in[0].Shape[0]
	j := k.jobs.Get().(*deformJob[T])
	for b := range in[0].Shape[0] {
		var m []T
		if mask != nil {
			m = mask[b*shifts/2:][:shifts/2]
		}
		*j = deformJob[T]{k, columns, x[b*image:][:image], offsets[b*shifts:][:shifts], m, in[0].Shape, in[1].Shape, out[0].Shape}
		k.pool.Run(k.offsetGroups*in[1].Shape[2]*in[1].Shape[3]*j.blocks(), j)
		rows, deep := filters/k.groups, depth/k.groups
		for g := range k.groups {
			k.multiply(dst[(b*filters+g*rows)*points:][:rows*points], weights[g*rows*deep:][:rows*deep], columns[g*deep*points:][:deep*points], rows, points)
		}
		for f, v := range bias {
			y := dst[(b*filters+f)*points:][:points]
			for i := range y {
				y[i] += v
			}
		}
	}
	*j = deformJob[T]{}
	k.jobs.Put(j)
	return nil
}

// Chunk writes columns: row (channel, tap) has a value for every output point.
func (j *deformJob[T]) Chunk(i int) {
	channels, height, width := j.shape[1], j.shape[2], j.shape[3]
	kh, kw, points := j.weights[2], j.weights[3], j.out[2]*j.out[3]
	w, taps, perGroup := j.window, kh*kw, channels/j.offsetGroups
	_, top, _ := w.output(0, height)
	_, left, _ := w.output(1, width)
	row, first := i/j.blocks(), i%j.blocks()*deformBlock
	g, t := row/taps, row%taps
	dy, dx := j.offsets[row*2*points:][:points], j.offsets[(row*2+1)*points:][:points]
	table := j.sum.tables.Get().(*tapTable[T])
	table.start(min(deformBlock, points-first), 4)
	for i := range table.points {
		p := first + i
		y := T(p/j.out[3]*w.stride[0]-top+t/kw*w.dilation[0]) + dy[p]
		at := T(p%j.out[3]*w.stride[1]-left+t%kw*w.dilation[1]) + dx[p]
		corner, weight := [4]int{-1, -1, -1, -1}, [4]T{}
		if y > -1 && y < T(height) && at > -1 && at < T(width) {
			corner, weight = corners(y, at, height, width)
		}
		for tap, o := range corner {
			if j.mask != nil {
				weight[tap] *= j.mask[row*points+p]
			}
			table.set(i, tap, o, weight[tap])
		}
	}
	for c := g * perGroup; c < (g+1)*perGroup; c++ {
		table.sample(j.columns[(c*taps+t)*points+first:], j.x[c*height*width:][:height*width], j.sum)
	}
	j.sum.tables.Put(table)
}

// corners are the four pixels around a point at most one pixel outside, −1 for those outside, and their bilinear weights.
func corners[T float32 | float64](y, x T, height, width int) (at [4]int, w [4]T) {
	y0, x0 := int(math.Floor(float64(y))), int(math.Floor(float64(x)))
	fy, fx := y-T(y0), x-T(x0)
	w = [4]T{(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}
	for i := range at {
		r, c := y0+i/2, x0+i%2
		if at[i] = -1; r >= 0 && r < height && c >= 0 && c < width {
			at[i] = r*width + c
		}
	}
	return at, w
}
