package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The p-norm over windows of [batch × channels × …], and over all that lies behind the channels.
var (
	opLpPool = viaFloat32(&Op{
		Name: "lp_pool", Type: "LpPool", Since: 1, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if _, err := lpPower(n, in); err != nil {
				return nil, err
			}
			w, err := windowNd(n, len(in[0].Shape)-2, nil)
			if err != nil {
				return nil, err
			}
			shape, err := w.inferSpatial(n, in[0].Shape, in[0].Shape[1])
			return []graph.Arg{{DType: in[0].DType, Shape: shape}}, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			w, err := windowNd(n, len(in[0].Shape)-2, nil)
			if err != nil {
				return nil, err
			}
			return newLpPool(n, in, w)
		},
	})
	opGlobalLpPool = viaFloat32(&Op{
		Name: "global_lp_pool", Type: "GlobalLpPool", Since: 1, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if _, err := lpPower(n, in); err != nil {
				return nil, err
			}
			shape := append([]int(nil), in[0].Shape...)
			for i := range shape[2:] {
				shape[2+i] = 1
			}
			return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			return newLpPool(n, in, nil)
		},
	})
)

// lpPower checks the input and reads p, which was a float before opset 2.
func lpPower(n *graph.Node, in []graph.Arg) (float32, error) {
	if err := arity(n, in, 1, 1); err != nil {
		return 0, err
	}
	if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
		return 0, err
	}
	if x := in[0].Shape; len(x) < 3 || len(x) > kernels.MaxAxes {
		return 0, modelErr(n, "input %v, expected batch, channels and 1 to %d axes", x, kernels.MaxAxes-2)
	}
	var p float32
	if n.Opset == 1 {
		var err error
		if p, err = n.FloatAttr("p", 2); err != nil {
			return 0, err
		}
	} else {
		v, err := n.IntAttr("p", 2)
		if err != nil {
			return 0, err
		}
		p = float32(v)
	}
	if !(p > 0 && p <= math.MaxFloat32) {
		return 0, modelErr(n, "p is %v, expected a positive number", p)
	}
	if in[0].DType == tensor.Float64 && p != 1 && p != 2 {
		return 0, unsupported(n, "p %v of %s, expected 1 or 2", p, in[0].DType)
	}
	return p, nil
}

func newLpPool(n *graph.Node, in []graph.Arg, w *window) (graph.Kernel, error) {
	p, err := lpPower(n, in)
	if err != nil {
		return nil, err
	}
	if in[0].DType == tensor.Float64 {
		return &lpPool[float64]{window: w, raise: raise64(p), root: root64(p)}, nil
	}
	return &lpPool[float32]{window: w, raise: raise32(p), root: root32(p)}, nil
}

// raise32 computes |x|^p, root32 x^(1/p) in place.
func raise32(p float32) func(dst, x []float32) {
	exponent := []float32{p}
	switch p {
	case 1:
		return kernels.AbsF32
	case 2:
		return func(dst, x []float32) { kernels.MulF32(dst, x, x) }
	}
	return func(dst, x []float32) {
		kernels.AbsF32(dst, x)
		kernels.PowF32(dst, dst, exponent)
	}
}

func root32(p float32) func(x []float32) {
	exponent := []float32{1 / p}
	switch p {
	case 1:
		return func([]float32) {}
	case 2:
		return func(x []float32) { kernels.SqrtF32(x, x) }
	}
	return func(x []float32) { kernels.PowF32(x, x, exponent) }
}

func raise64(p float32) func(dst, x []float64) {
	return func(dst, x []float64) {
		for i, v := range x {
			if dst[i] = math.Abs(v); p == 2 {
				dst[i] = v * v
			}
		}
	}
}

func root64(p float32) func(x []float64) {
	return func(x []float64) {
		for i, v := range x {
			if p == 2 {
				x[i] = math.Sqrt(v)
			}
		}
	}
}

// lpPool raises one plane at a time into scratch memory and adds windows of it, in the order of memory.
type lpPool[T float32 | float64] struct {
	window *window // nil: all of a plane
	raise  func(dst, x []T)
	root   func(x []T)
}

// ScratchBytes implements graph.ScratchKernel.
func (k *lpPool[T]) ScratchBytes(args []graph.Arg) int {
	return multiplied(args[0].DType.Size(), strideOf(args[0].Shape, 1))
}

// Run implements graph.Kernel.
func (k *lpPool[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, dst := tensor.Data[T](in[0]), tensor.Data[T](out[0])
	if len(dst) == 0 {
		return nil
	}
	plane, count := strideOf(in[0].Shape, 1), strideOf(out[0].Shape, 1)
	memory := tensor.Tensor{DType: in[0].DType, Bytes: scratch}
	raised := tensor.Data[T](&memory)[:plane]
	for c := range len(dst) / count {
		k.raise(raised, x[c*plane:(c+1)*plane])
		y := dst[c*count : (c+1)*count]
		if k.window != nil {
			addWindows(y, raised, k.window, in[0].Shape[2:], out[0].Shape[2:])
			continue
		}
		y[0] = 0
		for _, v := range raised {
			y[0] += v
		}
	}
	k.root(dst)
	return nil
}

// addWindows sums the elements of x that lie in each window.
func addWindows[T float32 | float64](dst, x []T, w *window, in, out []int) {
	var before, first, taps [kernels.MaxAxes]int // of a window: its first element inside, and how many of them there are
	last := len(in) - 1
	for i, d := range in {
		_, before[i], _ = w.output(i, d)
	}
	for o := range dst {
		rows := 1
		for i, rest := last, o; i >= 0; i-- {
			from, step := rest%out[i]*w.stride[i]-before[i], w.dilation[i]
			skipped := (max(-from, 0) + step - 1) / step
			first[i] = from + skipped*step
			taps[i] = max(0, min(w.kernel[i]-skipped, (in[i]-first[i]+step-1)/step))
			if rest /= out[i]; i < last {
				rows *= taps[i]
			}
		}
		var sum T
		for r := range rows {
			row, plane := 0, 1
			for i, rest := last-1, r; i >= 0; i-- {
				row += (first[i] + rest%taps[i]*w.dilation[i]) * plane
				rest /= taps[i]
				plane *= in[i]
			}
			at := row*in[last] + first[last]
			for range taps[last] {
				sum += x[at]
				at += w.dilation[last]
			}
		}
		dst[o] = sum
	}
}
