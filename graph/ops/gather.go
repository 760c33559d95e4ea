package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opGather replaces one axis by the elements at indices, which may be of any shape; negative ones count from the end.
var opGather = &Op{
	Name: "gather", Type: "Gather", Since: 1, MinInputs: 2, Moves: 1,
	// Rows of the data survive where another axis is indexed by a value without rows, rows of the indices where they look up a table.
	RowAxes: func(n *graph.Node, in, _ []graph.Arg, axes []int) []int {
		axis, err := gatherAxis(n, in)
		switch data, positions := axes[0], axes[1]; {
		case err != nil || data == axis || data != graph.NoRows && positions != graph.NoRows:
			return nil
		case data == graph.NoRows:
			return []int{axis + positions}
		case data < axis:
			return []int{data}
		default:
			return []int{data - 1 + len(in[1].Shape)}
		}
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 1, tensor.Int64, tensor.Int32); err != nil {
			return nil, err
		}
		axis, err := gatherAxis(n, in)
		if err != nil {
			return nil, err
		}
		return movable(n, in[0].DType, slices.Concat(in[0].Shape[:axis], in[1].Shape, in[0].Shape[axis+1:]))
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axis, err := gatherAxis(n, in)
		name, wide := n.String(), in[1].DType == tensor.Int64
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			if wide {
				return gather(name, out[0], in[0], tensor.Data[int64](in[1]), axis)
			}
			return gather(name, out[0], in[0], tensor.Data[int32](in[1]), axis)
		}), err
	},
}

func gatherAxis(n *graph.Node, in []graph.Arg) (int, error) {
	a, err := n.IntAttr("axis", 0)
	if err != nil {
		return 0, err
	}
	return axisOf(n, a, len(in[0].Shape))
}

func gather[I int32 | int64](node string, dst, data *tensor.Tensor, indices []I, axis int) error {
	outer, n, inner := around(data.Shape, axis)
	size := inner * data.DType.Size()
	for k, i := range indices {
		if i < 0 {
			i += I(n)
		}
		if i < 0 || int64(i) >= int64(n) {
			return inputErr(node, "index %d of an axis of %d", indices[k], n)
		}
		for o := range outer {
			from, to := (o*n+int(i))*size, (o*len(indices)+k)*size
			copy(dst.Bytes[to:to+size], data.Bytes[from:from+size])
		}
	}
	return nil
}
