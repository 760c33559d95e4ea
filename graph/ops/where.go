package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opWhere takes the second input where the first is true, else the third, all three broadcast.
var opWhere = &Op{
	Name: "where", Type: "Where", Since: 9, MinInputs: 3, Elementwise: true,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 3, 3); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Bool); err != nil {
			return nil, err
		}
		if in[1].DType != in[2].DType {
			return nil, modelErr(n, "inputs are %s and %s", in[1].DType, in[2].DType)
		}
		shape, err := broadcastShape(n, in[0].Shape, in[1].Shape)
		if err != nil {
			return nil, err
		}
		if shape, err = broadcastShape(n, shape, in[2].Shape); err != nil {
			return nil, err
		}
		return movable(n, in[1].DType, shape)
	},
	Build: func(_ *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		return bySize(in[1].DType, whereKernel[uint8](), whereKernel[uint16](), whereKernel[uint32](), whereKernel[uint64]()), nil
	},
}

func whereKernel[T unsigned]() graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst, shape := words[T](out[0].Bytes), out[0].Shape
		if len(dst) == 0 {
			return nil
		}
		c, x, y := tensor.Data[bool](in[0]), words[T](in[1].Bytes), words[T](in[2].Bytes)
		first, _, _, _ := innerRun(shape, in[0].Shape, in[1].Shape)
		last, _, _, _ := innerRun(shape, in[2].Shape, in[2].Shape)
		first = max(first, last)
		run := strideOf(shape, first-1)
		for at := 0; at < len(dst); at += run {
			cr, xr, yr := runOf(c, in[0].Shape, shape, first, at/run), runOf(x, in[1].Shape, shape, first, at/run), runOf(y, in[2].Shape, shape, first, at/run)
			d := dst[at : at+run]
			for i := range d {
				if element(cr, i) {
					d[i] = element(xr, i)
				} else {
					d[i] = element(yr, i)
				}
			}
		}
		return nil
	})
}

// runOf is what an operand of shape s has for the i-th run of the axes of shape from first on.
func runOf[T any](x []T, s, shape []int, first, i int) []T {
	n := 1
	for axis := first; axis < len(shape); axis++ {
		n *= dimFromEnd(s, len(shape)-axis)
	}
	at := offset(i, shape, s, first) * n
	return x[at : at+n]
}
