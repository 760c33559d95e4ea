package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opTopK gives the k largest or smallest elements along an axis and their positions, sorted even where the model does not ask for it.
var opTopK = &Op{
	Name: "topk", Type: "TopK", Since: 10, MinInputs: 2,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		axis, _, err := topK(n, in)
		return err == nil && axis > 0 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		axis, k, err := topK(n, in)
		if err != nil {
			return nil, err
		}
		if err := topKKernels(0, false).want(n, in, 0); err != nil {
			return nil, err
		}
		shape := slices.Clone(in[0].Shape)
		if k > int64(shape[axis]) || shape[axis] > math.MaxInt32 {
			return nil, modelErr(n, "%d of an axis of %d", k, shape[axis])
		}
		shape[axis] = int(k)
		return []graph.Arg{{DType: in[0].DType, Shape: shape}, {DType: tensor.Int64, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axis, _, err := topK(n, in)
		if err != nil {
			return nil, err
		}
		largest, err := n.IntAttr("largest", 1)
		return topKKernels(axis, largest != 0)[in[0].DType], err
	},
}

func topK(n *graph.Node, in []graph.Arg) (axis int, k int64, err error) {
	if err := arity(n, in, 2, 2); err != nil {
		return 0, 0, err
	}
	if len(n.Outputs) != 2 {
		return 0, 0, unsupported(n, "%d outputs, expected 2", len(n.Outputs))
	}
	list, err := constInts(n, in, 1)
	if err != nil {
		return 0, 0, err
	}
	if len(list) != 1 || list[0] < 0 {
		return 0, 0, modelErr(n, "k is %v", list)
	}
	a, err := n.IntAttr("axis", -1)
	if err != nil {
		return 0, 0, err
	}
	axis, err = axisOf(n, a, len(in[0].Shape))
	return axis, list[0], err
}

func topKKernels(axis int, largest bool) typed {
	return typed{
		tensor.Float32: topKKernel[float32]{axis, largest}, tensor.Float64: topKKernel[float64]{axis, largest},
		tensor.Int8: topKKernel[int8]{axis, largest}, tensor.Int16: topKKernel[int16]{axis, largest},
		tensor.Int32: topKKernel[int32]{axis, largest}, tensor.Int64: topKKernel[int64]{axis, largest},
		tensor.Uint8: topKKernel[uint8]{axis, largest}, tensor.Uint16: topKKernel[uint16]{axis, largest},
		tensor.Uint32: topKKernel[uint32]{axis, largest}, tensor.Uint64: topKKernel[uint64]{axis, largest},
	}
}

type topKKernel[T number] struct {
	axis    int
	largest bool
}

// ScratchBytes implements graph.ScratchKernel: one int32 for each element of the axis.
func (k topKKernel[T]) ScratchBytes(args []graph.Arg) int { return 4 * args[0].Shape[k.axis] }

// Run implements graph.Kernel.
func (k topKKernel[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	outer, n, inner := around(in[0].Shape, k.axis)
	order := tensor.Tensor{DType: tensor.Int32, Bytes: scratch}
	kernels.TopK(tensor.Data[T](out[0]), tensor.Data[int64](out[1]), tensor.Data[T](in[0]), outer, n, inner, out[0].Shape[k.axis], k.largest, tensor.Data[int32](&order))
	return nil
}
