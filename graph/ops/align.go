package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opAlign gives input 0 as many axes of one element at its end as let its first axis meet axis "axis" of input 1, of which only the rank
// counts: the broadcasting of opsets before 7.
var opAlign = &Op{
	Name: "align", Domain: graph.DomainFused, Type: "Align", MinInputs: 2,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		a, err := n.IntAttr("axis", 0)
		if err != nil {
			return nil, err
		}
		rank := len(in[1].Shape)
		axis, err := axisOf(n, a, rank+1)
		if err != nil {
			return nil, err
		}
		shape := slices.Clone(in[0].Shape)
		for axis+len(shape) < rank {
			shape = append(shape, 1)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			copyElements(out[0], in[0])
			return nil
		}), nil
	},
}
