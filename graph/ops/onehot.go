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
		if !isNumber(in[0].DType) {
			return nil, unsupported(n, "input 0 is %s", in[0].DType)
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
	c := in[1].Const
	if c.Len() != 1 || !isNumber(c.DType) {
		return 0, 0, modelErr(n, "depth is %s %v, expected one number", c.DType, c.Shape)
	}
	var d [1]float64
	if loadFloat64(d[:], c, 0); !(d[0] >= 1 && d[0] <= math.MaxInt32) {
		return 0, 0, modelErr(n, "depth %g, expected 1 to %d", d[0], math.MaxInt32)
	}
	return axis, int(d[0]), nil
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
		var index [1]float64
		for i := range in[0].Len() {
			loadFloat64(index[:], in[0], i)
			k := index[0]
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
