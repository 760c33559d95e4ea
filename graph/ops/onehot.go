package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opOneHot adds an axis of a constant depth that holds values[1] at the index and values[0] elsewhere; an index outside of −depth…depth−1
// leaves all values[0].
var opOneHot = &Op{
	Name: "one_hot", Type: "OneHot", Since: 9, MinInputs: 3,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		axis, _, err := oneHotAxis(n, in)
		return err == nil && axis > 0 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 3, 3); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Int64, tensor.Int32, tensor.Float32); err != nil {
			return nil, err
		}
		if len(in[2].Shape) != 1 || in[2].Shape[0] != 2 {
			return nil, modelErr(n, "values have shape %v, expected [2]", in[2].Shape)
		}
		axis, depth, err := oneHotAxis(n, in)
		if err != nil {
			return nil, err
		}
		return movable(n, in[2].DType, slices.Insert(slices.Clone(in[0].Shape), axis, depth))
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axis, depth, err := oneHotAxis(n, in)
		return bySize(in[2].DType, oneHotKernel[uint8](axis, depth), oneHotKernel[uint16](axis, depth), oneHotKernel[uint32](axis, depth), oneHotKernel[uint64](axis, depth)), err
	},
}

func oneHotAxis(n *graph.Node, in []graph.Arg) (axis, depth int, err error) {
	a, err := n.IntAttr("axis", -1)
	if err != nil {
		return 0, 0, err
	}
	if axis, err = axisOf(n, a, len(in[0].Shape)+1); err != nil {
		return 0, 0, err
	}
	if !hasConst(in, 1) {
		return 0, 0, needsValue(n, 1)
	}
	d := 0.0
	switch c := in[1].Const; {
	case c.Len() != 1:
		return 0, 0, modelErr(n, "depth has shape %v, expected a scalar", c.Shape)
	case c.DType == tensor.Int64:
		d = float64(tensor.Data[int64](c)[0])
	case c.DType == tensor.Int32:
		d = float64(tensor.Data[int32](c)[0])
	case c.DType == tensor.Float32:
		d = float64(tensor.Data[float32](c)[0])
	default:
		return 0, 0, unsupported(n, "a depth of %s", c.DType)
	}
	if !(d >= 1 && d <= math.MaxInt32) {
		return 0, 0, modelErr(n, "depth %g, expected 1 to %d", d, math.MaxInt32)
	}
	return axis, int(d), nil
}

func oneHotKernel[T unsigned](axis, depth int) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst, values := words[T](out[0].Bytes), words[T](in[2].Bytes)
		for i := range dst {
			dst[i] = values[0]
		}
		inner := 1
		for _, d := range in[0].Shape[axis:] {
			inner *= d
		}
		for i := range in[0].Len() {
			k := 0.0
			switch in[0].DType {
			case tensor.Int64:
				k = float64(tensor.Data[int64](in[0])[i])
			case tensor.Int32:
				k = float64(tensor.Data[int32](in[0])[i])
			default:
				k = float64(tensor.Data[float32](in[0])[i])
			}
			if k < 0 {
				k += float64(depth)
			}
			if k >= 0 && k < float64(depth) {
				dst[(i/inner*depth+int(k))*inner+i%inner] = values[1]
			}
		}
		return nil
	})
}
