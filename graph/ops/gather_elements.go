package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Gathering and scattering of single elements. An index is checked before it is used; negative ones count from the end. Updates are
// applied in the order of the indices, so where one position occurs twice, the last update wins or the sums are in that order.
var (
	// opGatherElements: out[i][j]… = data[i][indices[i][j]…]… for the axis.
	opGatherElements = &Op{
		Name: "gather_elements", Type: "GatherElements", Since: 11, MinInputs: 2, RowAxes: rowsOffAxis(0),
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 2, 2); err != nil {
				return nil, err
			}
			if err := checkElementIndices(n, in); err != nil {
				return nil, err
			}
			return movable(n, in[0].DType, in[1].Shape)
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			axis, err := gatherAxis(n, in)
			name := n.String()
			return bySize(in[0].DType, gatherElements[uint8](name, axis), gatherElements[uint16](name, axis),
				gatherElements[uint32](name, axis), gatherElements[uint64](name, axis)), err
		},
	}
	opScatterElements = scatterElementsOp("scatter_elements", "ScatterElements", 11)
	opScatter         = scatterElementsOp("scatter", "Scatter", 9) // the older name
)

func scatterElementsOp(name, opType string, since int64) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, MinInputs: 3, RowAxes: rowsOffAxis(0),
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 3, 3); err != nil {
				return nil, err
			}
			if err := checkElementIndices(n, in); err != nil {
				return nil, err
			}
			if !slices.Equal(in[1].Shape, in[2].Shape) {
				return nil, modelErr(n, "indices have shape %v, updates %v", in[1].Shape, in[2].Shape)
			}
			return inferScatter(n, in)
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			axis, err := gatherAxis(n, in)
			if err != nil {
				return nil, err
			}
			name := n.String()
			return buildScatter(n, in[0].DType, func(c *combiners) graph.Kernel {
				return kernelFunc(func(in, out []*tensor.Tensor) error {
					copyElements(out[0], in[0])
					return eachElement(name, in[0].Shape, in[1], axis, func(i, at int) { c.apply(out[0], in[2], at, i, 1) })
				})
			})
		},
	}
}

// checkElementIndices: indices have the rank of data, and off the axis no more positions.
func checkElementIndices(n *graph.Node, in []graph.Arg) error {
	if err := wantDType(n, in, 1, tensor.Int64, tensor.Int32); err != nil {
		return err
	}
	axis, err := gatherAxis(n, in)
	if err != nil {
		return err
	}
	if len(in[0].Shape) != len(in[1].Shape) {
		return modelErr(n, "indices of shape %v for a value of shape %v", in[1].Shape, in[0].Shape)
	}
	for i, d := range in[1].Shape {
		if i != axis && d > in[0].Shape[i] {
			return modelErr(n, "indices of shape %v for a value of shape %v", in[1].Shape, in[0].Shape)
		}
	}
	return nil
}

func gatherElements[T unsigned](node string, axis int) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst, x := words[T](out[0].Bytes), words[T](in[0].Bytes)
		return eachElement(node, in[0].Shape, in[1], axis, func(i, at int) { dst[i] = x[at] })
	})
}

// eachElement calls f with every position i of indices and the position in an array of shape that its index along axis names.
func eachElement(node string, shape []int, indices *tensor.Tensor, axis int, f func(i, at int)) error {
	count := indices.Len()
	if count == 0 {
		return nil
	}
	last := len(shape) - 1
	row, n, step := indices.Shape[last], shape[axis], strideOf(shape, axis)
	for first := 0; first < count; first += row {
		base, r := 0, first/row
		for a := last - 1; a >= 0; a-- {
			if a != axis {
				base += r % indices.Shape[a] * strideOf(shape, a)
			}
			r /= indices.Shape[a]
		}
		for j := range row {
			k, err := indexOf(node, indices, first+j, n)
			if err != nil {
				return err
			}
			at := base + k*step
			if axis != last {
				at += j
			}
			f(first+j, at)
		}
	}
	return nil
}

// indexOf reads element i of indices as a position on an axis of n.
func indexOf(node string, indices *tensor.Tensor, i, n int) (int, error) {
	var k int64
	if indices.DType == tensor.Int64 {
		k = tensor.Data[int64](indices)[i]
	} else {
		k = int64(tensor.Data[int32](indices)[i])
	}
	at := k
	if k < 0 {
		at += int64(n)
	}
	if at < 0 || at >= int64(n) {
		return 0, inputErr(node, "index %d of an axis of %d", k, n)
	}
	return int(at), nil
}
