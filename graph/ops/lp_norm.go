package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opLpNorm divides by the 1- or 2-norm along an axis; where that is 0 the result is 0.
var opLpNorm = &Op{
	Name: "lp_normalization", Type: "LpNormalization", Since: 1, RowAxes: rowsOffAxis(-1),
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
			return nil, err
		}
		if _, err := lpNormOf(n, in); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		k, err := lpNormOf(n, in)
		if err == nil && in[0].DType == tensor.Float64 {
			return kernelFunc(k.runFloat64), nil
		}
		return k, err
	},
}

func lpNormOf(n *graph.Node, in []graph.Arg) (*lpNormKernel, error) {
	a, err := n.IntAttr("axis", -1)
	if err != nil {
		return nil, err
	}
	axis, err := axisOf(n, a, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	p, err := n.IntAttr("p", 2)
	if err == nil && p != 1 && p != 2 {
		err = modelErr(n, "p is %d, expected 1 or 2", p)
	}
	return &lpNormKernel{axis, p == 2}, err
}

type lpNormKernel struct {
	axis   int
	square bool
}

// ScratchBytes implements graph.ScratchKernel.
func (k *lpNormKernel) ScratchBytes(args []graph.Arg) int {
	outer, n, inner := around(args[0].Shape, k.axis)
	return 4 * (outer*inner + kernels.ReduceScratch(n, inner))
}

// Run implements graph.Kernel.
func (k *lpNormKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	if len(x) == 0 {
		return nil
	}
	outer, n, inner := around(in[0].Shape, k.axis)
	norms := floats(scratch)[:outer*inner]
	if k.square {
		kernels.ReduceF32(kernels.ReduceSumSquare, norms, x, outer, n, inner, floats(scratch)[outer*inner:])
		kernels.SqrtF32(norms, norms)
	} else {
		kernels.ReduceF32(kernels.ReduceSumAbs, norms, x, outer, n, inner, floats(scratch)[outer*inner:])
	}
	for i, v := range norms {
		if v == 0 {
			norms[i] = float32(math.Inf(1)) // all elements are 0, and so are the quotients
		}
	}
	if inner == 1 {
		for r := range norms {
			kernels.DivF32(dst[r*n:(r+1)*n], x[r*n:(r+1)*n], norms[r:r+1])
		}
		return nil
	}
	for r := range outer * n {
		at := r * inner
		kernels.DivF32(dst[at:at+inner], x[at:at+inner], norms[r/n*inner:(r/n+1)*inner])
	}
	return nil
}

// runFloat64 is one chain of sums per line.
func (k *lpNormKernel) runFloat64(in, out []*tensor.Tensor) error {
	x, dst := tensor.Data[float64](in[0]), tensor.Data[float64](out[0])
	outer, n, inner := around(in[0].Shape, k.axis)
	for o := range outer {
		for i := range inner {
			line := o*n*inner + i
			norm := 0.0
			for j := range n {
				v := x[line+j*inner]
				if k.square {
					norm += float64(v * v)
				} else {
					norm += math.Abs(v)
				}
			}
			if k.square {
				norm = math.Sqrt(norm)
			}
			if norm == 0 {
				norm = math.Inf(1)
			}
			for j := range n {
				dst[line+j*inner] = x[line+j*inner] / norm
			}
		}
	}
	return nil
}

// opLRN divides by (bias + alpha/size·Σ x²)^beta with the sum over size channels around each (Krizhevsky et al., 2012).
var opLRN = &Op{
	Name: "lrn", Type: "LRN", Since: 1, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		if len(in[0].Shape) < 2 {
			return nil, modelErr(n, "input 0 has shape %v, expected channels", in[0].Shape)
		}
		if _, err := lrnOf(n); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) { return lrnOf(n) },
}

type lrnKernel struct {
	size              int
	alpha, beta, bias float32
	exponent          []float32
}

func lrnOf(n *graph.Node) (*lrnKernel, error) {
	size, err := n.IntAttr("size", 0)
	if err != nil {
		return nil, err
	}
	if size < 1 || size > math.MaxInt32 {
		return nil, modelErr(n, "size %d, expected a positive number", size)
	}
	k := &lrnKernel{size: int(size)}
	if k.alpha, err = n.FloatAttr("alpha", 0.0001); err != nil {
		return nil, err
	}
	if k.beta, err = n.FloatAttr("beta", 0.75); err != nil {
		return nil, err
	}
	k.exponent = []float32{k.beta}
	k.bias, err = n.FloatAttr("bias", 1)
	return k, err
}

// ScratchBytes implements graph.ScratchKernel.
func (k *lrnKernel) ScratchBytes(args []graph.Arg) int {
	plane := strideOf(args[0].Shape, 1)
	return 4 * (plane + kernels.ReduceScratch(args[0].Shape[1], plane))
}

// Run implements graph.Kernel.
func (k *lrnKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	if len(x) == 0 {
		return nil
	}
	channels, plane := in[0].Shape[1], strideOf(in[0].Shape, 1)
	sums, rest := floats(scratch)[:plane], floats(scratch)[plane:]
	for r := range len(x) / plane {
		c := r % channels
		first, end := max(0, c-(k.size-1)/2), min(channels, c+k.size/2+1)
		kernels.ReduceF32(kernels.ReduceSumSquare, sums, x[(r-c+first)*plane:], 1, end-first, plane, rest)
		kernels.AffineF32(sums, sums, 0, k.alpha/float32(k.size), k.bias)
		kernels.PowF32(sums, sums, k.exponent)
		kernels.DivF32(dst[r*plane:(r+1)*plane], x[r*plane:(r+1)*plane], sums)
	}
	return nil
}

// opMeanVariance subtracts the mean and divides by the standard deviation over some axes, by default batch and space.
var opMeanVariance = &Op{
	Name: "mean_variance_normalization", Type: "MeanVarianceNormalization", Since: 9,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		axes, err := meanVarianceAxes(n, len(in[0].Shape))
		return err == nil && len(axes) > 0 && !axes[0] && rows[0]
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		if _, err := meanVarianceAxes(n, len(in[0].Shape)); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axes, err := meanVarianceAxes(n, len(in[0].Shape))
		return &meanVarianceKernel{axes}, err
	},
}

func meanVarianceAxes(n *graph.Node, rank int) ([]bool, error) {
	list, err := n.IntsAttr("axes")
	if err != nil {
		return nil, err
	}
	if _, given := n.Attrs["axes"]; !given {
		list = []int64{0, 2, 3}
	}
	return axesList(n, list, rank)
}

// meanVarianceKernel sums in float64, in ascending order.
type meanVarianceKernel struct{ axes []bool }

// ScratchBytes implements graph.ScratchKernel: means and variances.
func (k *meanVarianceKernel) ScratchBytes(args []graph.Arg) int {
	return 16 * keptElements(args[0].Shape, k.axes)
}

// Run implements graph.Kernel.
func (k *meanVarianceKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, dst, shape := tensor.Data[float32](in[0]), tensor.Data[float32](out[0]), in[0].Shape
	if len(x) == 0 {
		return nil
	}
	groups := keptElements(shape, k.axes)
	count := float64(len(x) / groups)
	both := words[float64](scratch)[:2*groups]
	sums, squares := both[:groups], both[groups:]
	clear(both)
	for i, v := range x {
		sums[k.group(i, shape)] += float64(v)
	}
	for i, v := range x {
		g := k.group(i, shape)
		d := float64(v) - sums[g]/count
		squares[g] += float64(d * d)
	}
	for i, v := range x {
		g := k.group(i, shape)
		d := float64(v) - sums[g]/count
		dst[i] = float32(d / (math.Sqrt(squares[g]/count) + 1e-9))
	}
	return nil
}

// group is the position of element i among the axes that are kept.
func (k *meanVarianceKernel) group(i int, shape []int) int {
	g, step := 0, 1
	for a := len(shape) - 1; a >= 0; a-- {
		if !k.axes[a] {
			g += i % shape[a] * step
			step *= shape[a]
		}
		i /= shape[a]
	}
	return g
}
