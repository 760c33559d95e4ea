package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Optionals hold one value or none.
var (
	opOptional = &Op{
		Name: "optional", Type: "Optional", Since: 15, MinInputs: NoInputs,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			count := 0
			if present(in, 0) {
				count = 1
			}
			return []graph.Arg{{DType: tensor.Optional, Shape: []int{count}}}, arity(n, in, 0, 1)
		},
		Build: itemsKernel(func(in, out []*tensor.Tensor) error {
			if len(out[0].Items) == 1 {
				out[0].Items[0] = in[0].Clone()
			}
			return nil
		}),
	}
	// opOptionalHasElement is true of a value that is no optional, since opset 18, and false of a missing one.
	opOptionalHasElement = &Op{
		Name: "optional_has_element", Type: "OptionalHasElement", Since: 15, MinInputs: NoInputs,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			return []graph.Arg{{DType: tensor.Bool, Shape: []int{}}}, arity(n, in, 0, 1)
		},
		Build: itemsKernel(func(in, out []*tensor.Tensor) error {
			has := len(in) == 1 && in[0] != nil && (in[0].DType != tensor.Optional || len(in[0].Items) == 1)
			tensor.Data[bool](out[0])[0] = has
			return nil
		}),
	}
	// opOptionalGetElement gives the value inside, or one that is no optional as it is.
	opOptionalGetElement = &Op{
		Name: "optional_get_element", Type: "OptionalGetElement", Since: 15,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if in[0].DType != tensor.Optional {
				return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
			}
			if in[0].Const == nil {
				return nil, needsValue(n, 0)
			}
			if len(in[0].Const.Items) != 1 {
				return nil, inputErr(n.String(), "there is no element")
			}
			item := in[0].Const.Items[0]
			return []graph.Arg{{DType: item.DType, Shape: slices.Clone(item.Shape)}}, nil
		},
		Build: itemsKernel(func(in, out []*tensor.Tensor) error {
			from := in[0]
			if from.DType == tensor.Optional {
				from = from.Items[0]
			}
			copyElements(out[0], from)
			return nil
		}),
	}
)
