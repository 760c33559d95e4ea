package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Pooling of [batch × channels × …] with one or two spatial axes.
var (
	opMaxPool = poolOp("max_pool", "MaxPool", func(*graph.Node) (poolFunc, error) {
		return func(dst, x []float32, planes int, s kernels.ConvShape, _, _ int) {
			kernels.MaxPoolF32(dst, x, planes, &s)
		}, nil
	}, tensor.Float32, tensor.Uint8, tensor.Int8)
	opAveragePool = poolOp("average_pool", "AveragePool", func(n *graph.Node) (poolFunc, error) {
		include, err := n.IntAttr("count_include_pad", 0)
		return func(dst, x []float32, planes int, s kernels.ConvShape, padH, padW int) {
			if include == 0 {
				padH, padW = -1, -1
			}
			kernels.AveragePoolF32(dst, x, planes, &s, padH, padW)
		}, err
	}, tensor.Float32)
)

// poolFunc pools planes; the last two arguments are the padded size.
type poolFunc func(dst, x []float32, planes int, s kernels.ConvShape, padH, padW int)

func poolOp(name, opType string, f func(*graph.Node) (poolFunc, error), dtypes ...tensor.DType) *Op {
	read := func(n *graph.Node, in []graph.Arg) (*window, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, dtypes...); err != nil {
			return nil, err
		}
		return poolWindow(n, len(in[0].Shape)-2)
	}
	return &Op{
		Name: name, Type: opType, Since: 1, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			w, err := read(n, in)
			if err != nil {
				return nil, err
			}
			if _, err := f(n); err != nil {
				return nil, err
			}
			shape, err := w.inferSpatial(n, in[0].Shape, in[0].Shape[1])
			return []graph.Arg{{DType: in[0].DType, Shape: shape}}, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			w, err := read(n, in)
			if err != nil {
				return nil, err
			}
			if in[0].DType != tensor.Float32 { // only the maximum is taken of bytes
				var flip uint8
				if in[0].DType == tensor.Int8 {
					flip = 0x80
				}
				return kernelFunc(func(in, out []*tensor.Tensor) error {
					s, _, _ := w.shape(in[0].Shape)
					kernels.MaxPoolPlanesU8(out[0].Bytes, in[0].Bytes, in[0].Shape[0]*in[0].Shape[1], &s, flip)
					return nil
				}), nil
			}
			run, err := f(n)
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				s, padH, padW := w.shape(in[0].Shape)
				run(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), in[0].Shape[0]*in[0].Shape[1], s, padH, padW)
				return nil
			}), err
		},
	}
}

// poolWindow reads the window of a pooling over axes spatial axes. Every window has a tap inside the image.
func poolWindow(n *graph.Node, axes int) (*window, error) {
	if len(n.Outputs) > 1 {
		return nil, unsupported(n, "the output of positions")
	}
	w, err := windowOf(n, axes, nil)
	if err != nil {
		return nil, err
	}
	for i, k := range w.kernel {
		if extent := (k-1)*w.dilation[i] + 1; w.before[i] >= extent || w.after[i] >= extent {
			return nil, modelErr(n, "pads %v and %v for a kernel of %v", w.before, w.after, w.kernel)
		}
	}
	return w, nil
}
