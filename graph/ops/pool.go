package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Pooling of [batch × channels × …] with one to three spatial axes. opMaxPool may have a second output: the position of each maximum among
// all elements of the input.
var (
	opMaxPool = poolOp("max_pool", "MaxPool", func(*graph.Node) (poolFunc, error) {
		return func(dst, x []float32, planes int, s kernels.ConvShape, _, _ int) {
			kernels.MaxPoolF32(dst, x, planes, &s)
		}, nil
	}, tensor.Float32, tensor.Float64, tensor.Uint8, tensor.Int8)
	opAveragePool = poolOp("average_pool", "AveragePool", func(n *graph.Node) (poolFunc, error) {
		include, err := n.IntAttr("count_include_pad", 0)
		return func(dst, x []float32, planes int, s kernels.ConvShape, padH, padW int) {
			if include == 0 {
				padH, padW = -1, -1
			}
			kernels.AveragePoolF32(dst, x, planes, &s, padH, padW)
		}, err
	}, tensor.Float32, tensor.Float64)
)

// poolFunc pools planes; the last two arguments are the padded size.
type poolFunc func(dst, x []float32, planes int, s kernels.ConvShape, padH, padW int)

func poolOp(name, opType string, f func(*graph.Node) (poolFunc, error), dtypes ...tensor.DType) *Op {
	maxima := opType == "MaxPool"
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
		Name: name, Type: opType, Since: 1,
		Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
			return len(n.Outputs) < 2 && rowsFirst(n, in, rows)
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			w, err := read(n, in)
			if err != nil {
				return nil, err
			}
			if _, err := f(n); err != nil {
				return nil, err
			}
			shape, err := w.inferSpatial(n, in[0].Shape, in[0].Shape[1])
			out := []graph.Arg{{DType: in[0].DType, Shape: shape}}
			if maxima && len(n.Outputs) > 1 {
				out = append(out, graph.Arg{DType: tensor.Int64, Shape: shape})
			}
			return out, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			w, err := read(n, in)
			if err != nil {
				return nil, err
			}
			if len(in[0].Shape) > 4 || in[0].DType == tensor.Float64 || len(n.Outputs) > 1 {
				return plainPool(n, in[0].DType, w, maxima)
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

// plainPool is pooling in plain Go, for what has no kernel.
func plainPool(n *graph.Node, d tensor.DType, w *window, maxima bool) (graph.Kernel, error) {
	include, err := n.IntAttr("count_include_pad", 0)
	if err != nil {
		return nil, err
	}
	columns, err := n.IntAttr("storage_order", 0)
	if err != nil {
		return nil, err
	}
	switch {
	case !maxima && d == tensor.Float64:
		return averageKernel[float64](w, include != 0), nil
	case !maxima:
		return averageKernel[float32](w, include != 0), nil
	case d == tensor.Float64:
		return maximaKernel[float64](w, columns != 0), nil
	case d == tensor.Float32:
		return maximaKernel[float32](w, columns != 0), nil
	case d == tensor.Int8:
		return maximaKernel[int8](w, columns != 0), nil
	}
	return maximaKernel[uint8](w, columns != 0), nil
}

// averageKernel adds up the taps inside the image, ascending, and divides by their number, or by that of the taps inside the padding.
func averageKernel[T float32 | float64](w *window, includePad bool) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		v := w.volume(in[0].Shape)
		x, dst := tensor.Data[T](in[0]), tensor.Data[T](out[0])
		plane, size := product3(v.in), product3(v.out)
		padded := v
		if includePad {
			axes := len(in[0].Shape) - 2
			for i, d := range in[0].Shape[2:] {
				_, before, after := w.output(i, d)
				padded.in[3-axes+i], padded.before[3-axes+i] = d+before+after, 0
			}
		}
		for p := range len(dst) / size {
			v.outputs(func(i int, s [3]span) {
				var sum T
				v.taps(s, func(_, at int) { sum += x[p*plane+at] })
				count := s[0].count() * s[1].count() * s[2].count()
				if includePad {
					count = padded.inside(0, i/(v.out[1]*v.out[2])).count() * padded.inside(1, i/v.out[2]%v.out[1]).count() * padded.inside(2, i%v.out[2]).count()
				}
				dst[p*size+i] = sum / T(count)
			})
		}
		return nil
	})
}

// maximaKernel finds the first maximum of each window, NaN above all, and its position among all elements: row by row, or column by column
// within a plane.
func maximaKernel[T number](w *window, columns bool) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		v := w.volume(in[0].Shape)
		x, dst := tensor.Data[T](in[0]), tensor.Data[T](out[0])
		var positions []int64
		if len(out) > 1 && out[1] != nil {
			positions = tensor.Data[int64](out[1])
		}
		plane, size := product3(v.in), product3(v.out)
		for p := range len(dst) / size {
			v.outputs(func(i int, s [3]span) {
				best := -1
				v.taps(s, func(_, at int) {
					if at += p * plane; best < 0 || x[at] > x[best] || x[at] != x[at] && x[best] == x[best] {
						best = at
					}
				})
				best = max(best, p*plane) // where no tap lies inside
				dst[p*size+i] = x[best]
				if positions == nil {
					return
				}
				if columns {
					at := best - p*plane
					z, y, c := at/(v.in[1]*v.in[2]), at/v.in[2]%v.in[1], at%v.in[2]
					best = p*plane + z + v.in[0]*(y+v.in[1]*c)
				}
				positions[p*size+i] = int64(best)
			})
		}
		return nil
	})
}
