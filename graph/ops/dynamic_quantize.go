package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opDynamicQuantize quantises to u8 by the range of the whole input, so rows depend on each other. Outputs: the bytes, the scale, the zero
// point.
var opDynamicQuantize = &Op{
	Name: "dynamic_quantize_linear", Type: "DynamicQuantizeLinear", Since: 11,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		if len(n.Outputs) != 3 {
			return nil, modelErr(n, "%d outputs, expected 3", len(n.Outputs))
		}
		return []graph.Arg{{DType: tensor.Uint8, Shape: in[0].Shape}, {DType: tensor.Float32, Shape: []int{}}, {DType: tensor.Uint8, Shape: []int{}}}, nil
	},
	Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			scale, zero := kernels.DynamicQuantizeU8(tensor.Data[uint8](out[0]), tensor.Data[float32](in[0]))
			tensor.Data[float32](out[1])[0], tensor.Data[uint8](out[2])[0] = scale, zero
			return nil
		}), nil
	},
}
