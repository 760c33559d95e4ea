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
	opArgMax = argOp("argmax", "ArgMax", kernels.ArgMaxF32)
	opArgMin = argOp("argmin", "ArgMin", kernels.ArgMinF32)
)

func argOp(name, opType string, f func(dst []int64, x []float32, outer, n, inner int, last bool)) *Op {
	return &Op{
		Name: name, Type: opType, Since: 1, Rows: rowsOffAxis(0),
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, tensor.Float32); err != nil {
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
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				outer, count, inner := around(in[0].Shape, axis)
				f(tensor.Data[int64](out[0]), tensor.Data[float32](in[0]), outer, count, inner, last)
				return nil
			}), err
		},
	}
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
