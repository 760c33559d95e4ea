package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opSoftmax normalises along the last axis. Before opset 13 the attribute meant "flatten from here to a matrix", which
// is the same thing exactly where the axis is the last one.
var opSoftmax = &Op{
	Name: "softmax", Type: "Softmax", Since: 1, Rows: rowsOffAxis(-1), Grad: softmaxGrad,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		rank := len(in[0].Shape)
		a, err := n.IntAttr("axis", -1)
		if err != nil {
			return nil, err
		}
		axis, err := axisOf(n, a, rank)
		if err != nil {
			return nil, err
		}
		if axis != rank-1 {
			return nil, unsupported(n, "axis %d, expected the last one", axis)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
	},
	Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			x := tensor.Data[float32](in[0])
			if len(x) == 0 {
				return nil
			}
			cols := in[0].Shape[len(in[0].Shape)-1]
			kernels.SoftmaxF32(tensor.Data[float32](out[0]), x, len(x)/cols, cols)
			return nil
		}), nil
	},
}
