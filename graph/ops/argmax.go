package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The index of the largest or smallest element along an axis. The first one wins a tie, or the last with select_last_index; NaN wins
// only from the place where the search starts.
var (
	opArgMax = argOp("argmax", "ArgMax", true)
	opArgMin = argOp("argmin", "ArgMin", false)
)

func argOp(name, opType string, largest bool) *Op {
	return &Op{
		Name: name, Type: opType, Since: 1,
		RowAxes: func(n *graph.Node, in, out []graph.Arg, axes []int) []int {
			axis, _, err := argAttrs(n, len(in[0].Shape))
			switch {
			case err != nil || axes[0] == axis:
				return nil
			case axes[0] > axis && len(out[0].Shape) < len(in[0].Shape):
				return []int{axes[0] - 1}
			}
			return axes[:1]
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if err := argKernels(largest, 0, false).want(n, in, 0); err != nil {
				return nil, err
			}
			axis, _, err := argAttrs(n, len(in[0].Shape))
			if err != nil {
				return nil, err
			}
			if in[0].Shape[axis] == 0 {
				return nil, modelErr(n, "axis %d of shape %v has no elements", axis, in[0].Shape)
			}
			keep, err := n.IntAttr("keepdims", 1)
			if err != nil {
				return nil, err
			}
			shape := slices.Clone(in[0].Shape)
			if keep != 0 {
				shape[axis] = 1
			} else {
				shape = slices.Delete(shape, axis, axis+1)
			}
			return []graph.Arg{{DType: tensor.Int64, Shape: shape}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			axis, last, err := argAttrs(n, len(in[0].Shape))
			return argKernels(largest, axis, last)[in[0].DType], err
		},
	}
}

func argKernels(largest bool, axis int, last bool) typed {
	return typed{
		tensor.Float32: argKernel[float32](largest, axis, last), tensor.Float64: argKernel[float64](largest, axis, last),
		tensor.Int8: argKernel[int8](largest, axis, last), tensor.Int16: argKernel[int16](largest, axis, last),
		tensor.Int32: argKernel[int32](largest, axis, last), tensor.Int64: argKernel[int64](largest, axis, last),
		tensor.Uint8: argKernel[uint8](largest, axis, last), tensor.Uint16: argKernel[uint16](largest, axis, last),
		tensor.Uint32: argKernel[uint32](largest, axis, last), tensor.Uint64: argKernel[uint64](largest, axis, last),
	}
}

func argKernel[T number](largest bool, axis int, last bool) graph.Kernel {
	find := kernels.ArgMin[T]
	if largest {
		find = kernels.ArgMax[T]
	}
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		outer, count, inner := around(in[0].Shape, axis)
		find(tensor.Data[int64](out[0]), tensor.Data[T](in[0]), outer, count, inner, last)
		return nil
	})
}

func argAttrs(n *graph.Node, rank int) (axis int, last bool, err error) {
	a, err := n.IntAttr("axis", 0)
	if err != nil {
		return 0, false, err
	}
	if axis, err = axisOf(n, a, rank); err != nil {
		return 0, false, err
	}
	l, err := n.IntAttr("select_last_index", 0)
	return axis, l != 0, err
}

// around splits a shape into the sizes before, of and behind an axis.
func around(shape []int, axis int) (outer, n, inner int) {
	outer, n, inner = 1, shape[axis], 1
	for _, d := range shape[:axis] {
		outer *= d
	}
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	return outer, n, inner
}
