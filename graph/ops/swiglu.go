package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opSwiGLU is Swish of the gate times the other input, of the same shape.
var opSwiGLU = viaFloat32(&Op{
	Name: "swi_glu", Type: "SwiGLU", Since: 28, MinInputs: 2, RowAxes: rowsElementwise,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
			return nil, err
		}
		if in[1].DType != in[0].DType || !slices.Equal(in[0].Shape, in[1].Shape) {
			return nil, modelErr(n, "inputs are %s %v and %s %v", in[0].DType, in[0].Shape, in[1].DType, in[1].Shape)
		}
		if _, err := swishF32(n); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		alpha, err := n.FloatAttr("alpha", 1)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return foldKernel(eachPair(func(a, b float64) float64 { return a / (1 + expF64(-float64(alpha)*a)) * b })), nil
		}
		swish, err := swishF32(n)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			y := tensor.Data[float32](out[0])
			swish(y, tensor.Data[float32](in[0]))
			kernels.MulF32(y, y, tensor.Data[float32](in[1]))
			return nil
		}), err
	},
})
