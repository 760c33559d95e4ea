package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opArgMax is the index of the largest element along the last axis; the first one wins a tie.
var opArgMax = &Op{
	Name: "argmax", Type: "ArgMax", Since: 1,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool { return len(in[0].Shape) > 1 && rows[0] },
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		a, err := n.IntAttr("axis", 0)
		if err != nil {
			return nil, err
		}
		rank := len(in[0].Shape)
		axis, err := axisOf(n, a, rank)
		if err != nil {
			return nil, err
		}
		last, err := n.IntAttr("select_last_index", 0)
		if err != nil {
			return nil, err
		}
		if axis != rank-1 || last != 0 || in[0].Shape[axis] == 0 {
			return nil, unsupported(n, "axis %d of shape %v with select_last_index %d", axis, in[0].Shape, last)
		}
		keep, err := n.IntAttr("keepdims", 1)
		if err != nil {
			return nil, err
		}
		shape := append([]int(nil), in[0].Shape[:axis]...)
		if keep != 0 {
			shape = append(shape, 1)
		}
		return []graph.Arg{{DType: tensor.Int64, Shape: shape}}, nil
	},
	Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			x, dst := tensor.Data[float32](in[0]), tensor.Data[int64](out[0])
			cols := in[0].Shape[len(in[0].Shape)-1]
			for r := range dst {
				best := 0
				for c, v := range x[r*cols : (r+1)*cols] {
					if v > x[r*cols+best] {
						best = c
					}
				}
				dst[r] = int64(best)
			}
			return nil
		}), nil
	},
}
