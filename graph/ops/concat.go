package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opConcat joins values along one axis.
var opConcat = &Op{
	Name: "concat", Type: "Concat", Since: 4, RowAxes: rowsOffAxis(0), Moves: AllInputs,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if len(in) == 0 {
			return nil, modelErr(n, "no inputs")
		}
		if err := arity(n, in, len(in), len(in)); err != nil {
			return nil, err
		}
		axis, err := concatAxis(n, in)
		if err != nil {
			return nil, err
		}
		shape := slices.Clone(in[0].Shape)
		for i, a := range in[1:] {
			if a.DType != in[0].DType || len(a.Shape) != len(shape) {
				return nil, modelErr(n, "input %d is %s %v, expected %s of rank %d", i+1, a.DType, a.Shape, in[0].DType, len(shape))
			}
			for d := range shape {
				if d != axis && a.Shape[d] != shape[d] {
					return nil, modelErr(n, "input %d has shape %v, expected %v outside axis %d", i+1, a.Shape, shape, axis)
				}
			}
			shape[axis] += a.Shape[axis]
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axis, err := concatAxis(n, in)
		if err != nil {
			return nil, err
		}
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			outer := 1
			for _, d := range out[0].Shape[:axis] {
				outer *= d
			}
			at := 0
			for i := range outer {
				for _, t := range in {
					if t.DType == tensor.String {
						at += copy(out[0].Strings[at:], chunk(t.Strings, i, outer))
					} else {
						at += copy(out[0].Bytes[at:], chunk(t.Bytes, i, outer))
					}
				}
			}
			return nil
		}), nil
	},
}

func concatAxis(n *graph.Node, in []graph.Arg) (int, error) {
	if _, ok := n.Attrs["axis"]; !ok {
		return 0, modelErr(n, "attribute \"axis\" is missing")
	}
	a, err := n.IntAttr("axis", 0)
	if err != nil {
		return 0, err
	}
	return axisOf(n, a, len(in[0].Shape))
}

// chunk is part i of n equal parts of v.
func chunk[T any](v []T, i, n int) []T {
	size := len(v) / n
	return v[i*size : (i+1)*size]
}
