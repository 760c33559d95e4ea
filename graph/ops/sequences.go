package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Sequences are lists of tensors that nothing changes once they are made: operators that take one and give another share the items.
var (
	opSequenceConstruct = &Op{
		Name: "sequence_construct", Type: "SequenceConstruct", Since: 11,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, len(in), len(in)); err != nil {
				return nil, err
			}
			for i, a := range in {
				if a.DType != in[0].DType {
					return nil, modelErr(n, "input %d is %s, expected %s", i, a.DType, in[0].DType)
				}
			}
			return sequenceOf(len(in)), nil
		},
		Build: itemsKernel(func(in, out []*tensor.Tensor) error {
			for i, t := range in {
				out[0].Items[i] = t.Clone()
			}
			return nil
		}),
	}
	opSequenceEmpty = &Op{
		Name: "sequence_empty", Type: "SequenceEmpty", Since: 11, MinInputs: NoInputs,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			return sequenceOf(0), arity(n, in, 0, 0)
		},
		Build: itemsKernel(func(_, _ []*tensor.Tensor) error { return nil }),
	}
	// opSequenceAt gives the item at a position; negative ones count from the end.
	opSequenceAt = &Op{
		Name: "sequence_at", Type: "SequenceAt", Since: 11, MinInputs: 2,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := sequenceArgs(n, in, 2, 2); err != nil {
				return nil, err
			}
			for i := range in {
				if in[i].Const == nil {
					return nil, needsValue(n, i)
				}
			}
			at, err := position(n, in[1].Const, len(in[0].Const.Items))
			if err != nil {
				return nil, err
			}
			item := in[0].Const.Items[at]
			return []graph.Arg{{DType: item.DType, Shape: slices.Clone(item.Shape)}}, nil
		},
		Build: nodeItemsKernel(func(n *graph.Node, in, out []*tensor.Tensor) error {
			at, err := position(n, in[1], len(in[0].Items))
			if err == nil {
				copyElements(out[0], in[0].Items[at])
			}
			return err
		}),
	}
	// opSequenceInsert puts a copy of a tensor before a position, at the end where none is given.
	opSequenceInsert = &Op{
		Name: "sequence_insert", Type: "SequenceInsert", Since: 11, MinInputs: 2,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := sequenceArgs(n, in, 2, 3); err != nil {
				return nil, err
			}
			return sequenceOf(in[0].Shape[0] + 1), nil
		},
		Build: nodeItemsKernel(func(n *graph.Node, in, out []*tensor.Tensor) error {
			items, at := in[0].Items, len(in[0].Items)
			if len(items) > 0 && items[0].DType != in[1].DType {
				return inputErr(n.String(), "%s put into a sequence of %s", in[1].DType, items[0].DType)
			}
			if len(in) > 2 && in[2] != nil {
				var err error
				if at, err = position(n, in[2], len(items)+1); err != nil {
					return err
				}
				if v, _ := wholeNumber(in[2]); v < 0 { // counts from the end of what is there
					if at--; at < 0 {
						return inputErr(n.String(), "position %d of %d items", v, len(items))
					}
				}
			}
			copy(out[0].Items, items[:at])
			out[0].Items[at] = in[1].Clone()
			copy(out[0].Items[at+1:], items[at:])
			return nil
		}),
	}
	// opSequenceErase leaves out the item at a position, the last where none is given.
	opSequenceErase = &Op{
		Name: "sequence_erase", Type: "SequenceErase", Since: 11,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := sequenceArgs(n, in, 1, 2); err != nil {
				return nil, err
			}
			if in[0].Shape[0] == 0 {
				return nil, inputErr(n.String(), "nothing to erase")
			}
			return sequenceOf(in[0].Shape[0] - 1), nil
		},
		Build: nodeItemsKernel(func(n *graph.Node, in, out []*tensor.Tensor) error {
			items, at := in[0].Items, len(in[0].Items)-1
			if len(in) > 1 && in[1] != nil {
				var err error
				if at, err = position(n, in[1], len(items)); err != nil {
					return err
				}
			}
			copy(out[0].Items, items[:at])
			copy(out[0].Items[at:], items[at+1:])
			return nil
		}),
	}
	opSequenceLength = &Op{
		Name: "sequence_length", Type: "SequenceLength", Since: 11,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			return []graph.Arg{{DType: tensor.Int64, Shape: []int{}}}, sequenceArgs(n, in, 1, 1)
		},
		Build: itemsKernel(func(in, out []*tensor.Tensor) error {
			tensor.Data[int64](out[0])[0] = int64(len(in[0].Items))
			return nil
		}),
	}
)

// sequenceOf is the result of an operator that makes a sequence of n items.
func sequenceOf(n int) []graph.Arg { return []graph.Arg{{DType: tensor.Sequence, Shape: []int{n}}} }

// sequenceArgs is arity of an operator whose first input is a sequence.
func sequenceArgs(n *graph.Node, in []graph.Arg, min, max int) error {
	if err := arity(n, in, min, max); err != nil {
		return err
	}
	if in[0].DType != tensor.Sequence {
		return modelErr(n, "input 0 is %s, expected a sequence", in[0].DType)
	}
	return nil
}

// itemsKernel is Build of an operator that needs nothing of its node.
func itemsKernel(run func(in, out []*tensor.Tensor) error) func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
	return func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) { return kernelFunc(run), nil }
}

// nodeItemsKernel is Build of an operator whose errors name its node.
func nodeItemsKernel(run func(n *graph.Node, in, out []*tensor.Tensor) error) func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
	return func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error { return run(n, in, out) }), nil
	}
}

// position reads a position among count; negative ones count from the end.
func position(n *graph.Node, t *tensor.Tensor, count int) (int, error) {
	v, ok := wholeNumber(t)
	if !ok {
		return 0, modelErr(n, "the position is %s, expected an integer", describe(t))
	}
	at := v
	if at < 0 {
		at += int64(count)
	}
	if at < 0 || at >= int64(count) {
		return 0, inputErr(n.String(), "position %d of %d items", v, count)
	}
	return int(at), nil
}
