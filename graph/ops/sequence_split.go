package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opSplitToSequence cuts a tensor along an axis: into parts of one size, or of the sizes of a list. Without either the parts have size 1,
// and lose the axis where "keepdims" is 0.
var opSplitToSequence = &Op{
	Name: "split_to_sequence", Type: "SplitToSequence", Since: 11,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		axis, sizes, err := partSizes(n, in)
		if err != nil {
			return nil, err
		}
		if sizes == nil {
			return sequenceOf(in[0].Shape[axis]), nil
		}
		return sequenceOf(len(sizes)), nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axis, sizes, err := partSizes(n, in)
		if err != nil {
			return nil, err
		}
		keep, err := n.IntAttr("keepdims", 1)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			at := 0
			for i := range out[0].Items {
				part := &tensor.Tensor{DType: in[0].DType}
				size := 1
				if sizes != nil {
					size = sizes[i]
				}
				takeElements(part, in[0], axis, at, size)
				if sizes == nil && keep == 0 {
					part.Shape = slices.Delete(part.Shape, axis, axis+1)
				}
				out[0].Items[i] = part
				at += size
			}
			return nil
		}), err
	},
}

// partSizes is the axis of a SplitToSequence and the sizes along it; nil: all of them 1.
func partSizes(n *graph.Node, in []graph.Arg) (axis int, sizes []int, err error) {
	if err := arity(n, in, 1, 2); err != nil {
		return 0, nil, err
	}
	a, err := n.IntAttr("axis", 0)
	if err != nil {
		return 0, nil, err
	}
	if axis, err = axisOf(n, a, len(in[0].Shape)); err != nil || !present(in, 1) {
		return axis, nil, err
	}
	if in[1].Const == nil {
		return 0, nil, needsValue(n, 1)
	}
	list, err := constIndices(n, in, 1)
	if err != nil {
		return 0, nil, err
	}
	total := in[0].Shape[axis]
	if len(in[1].Shape) == 0 {
		each := int64(0)
		if len(list) == 1 {
			each = list[0]
		}
		if each < 1 {
			return 0, nil, inputErr(n.String(), "parts of %v elements", list)
		}
		for sizes = []int{}; total > 0; total -= sizes[len(sizes)-1] {
			sizes = append(sizes, int(min(each, int64(total))))
		}
		return axis, sizes, nil
	}
	sizes = make([]int, len(list))
	for i, s := range list {
		if s < 0 || s > int64(total) {
			return 0, nil, inputErr(n.String(), "parts of %v elements along an axis of %d", list, in[0].Shape[axis])
		}
		sizes[i] = int(s)
		total -= sizes[i]
	}
	if total != 0 {
		return 0, nil, inputErr(n.String(), "parts of %v elements along an axis of %d", list, in[0].Shape[axis])
	}
	return axis, sizes, nil
}

// takeElements makes dst positions at to at+count−1 along an axis of x.
func takeElements(dst, x *tensor.Tensor, axis, at, count int) {
	outer, n, inner := around(x.Shape, axis)
	shape := slices.Clone(x.Shape)
	shape[axis] = count
	dst.Resize(shape...)
	for o := range outer {
		copyRun(dst, o*count*inner, x, (o*n+at)*inner, count*inner)
	}
}

// opConcatFromSequence joins the items along an axis, a new one where "new_axis" is 1.
var opConcatFromSequence = &Op{
	Name: "concat_from_sequence", Type: "ConcatFromSequence", Since: 11,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		items, _, err := joinedItems(n, in)
		if err != nil {
			return nil, err
		}
		return opConcat.Infer(n, items)
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		items, values, err := joinedItems(n, in)
		if err != nil {
			return nil, err
		}
		join, err := opConcat.Build(n, items, pool)
		if err != nil {
			return nil, err
		}
		return kernelFunc(func(_, out []*tensor.Tensor) error { return join.Run(values, out, nil) }), nil
	},
}

// joinedItems lists the items as inputs of Concat.
func joinedItems(n *graph.Node, in []graph.Arg) (args []graph.Arg, values []*tensor.Tensor, err error) {
	if err := sequenceArgs(n, in, 1, 1); err != nil {
		return nil, nil, err
	}
	if in[0].Const == nil {
		return nil, nil, needsValue(n, 0)
	}
	stack, err := n.IntAttr("new_axis", 0)
	if err != nil {
		return nil, nil, err
	}
	a, err := n.IntAttr("axis", 0)
	if err != nil {
		return nil, nil, err
	}
	if len(in[0].Const.Items) == 0 {
		return nil, nil, inputErr(n.String(), "no items to join")
	}
	for i, item := range in[0].Const.Items {
		v := *item
		if stack != 0 {
			axis, err := axisOf(n, a, len(item.Shape)+1)
			if err != nil {
				return nil, nil, err
			}
			v.Shape = slices.Insert(slices.Clone(item.Shape), axis, 1)
		}
		if i > 0 && (v.DType != args[0].DType || len(v.Shape) != len(args[0].Shape)) {
			return nil, nil, inputErr(n.String(), "item %d is %s, item 0 %s", i, describe(&v), describe(values[0]))
		}
		args, values = append(args, graph.Arg{DType: v.DType, Shape: v.Shape}), append(values, &v)
	}
	return args, values, nil
}

// opSequenceMap runs a body for every item of its first input, with the items at the same place of other sequences, and with tensors as
// they are; what the body gives goes into one sequence for each of its outputs.
var opSequenceMap = &Op{
	Name: "sequence_map", Type: "SequenceMap", Since: 17, Bodies: []string{"body"},
	Flow: func(n *graph.Node, in, out []*tensor.Tensor, f Flow) error {
		inputs, outputs := f.Signature(0)
		if inputs != len(in) || outputs < len(out) || slices.Contains(in, nil) || in[0].DType != tensor.Sequence {
			return modelErr(n, "%d inputs, the first %s, and %d outputs for a body with %d and %d", len(in), describe(in[0]), len(out), inputs, outputs)
		}
		for _, t := range out {
			*t = tensor.Tensor{DType: tensor.Sequence, Shape: []int{0}}
		}
		args, bytes := make([]*tensor.Tensor, len(in)), 0
		for i := range in[0].Items {
			if err := f.Step(); err != nil {
				return err
			}
			for k, t := range in {
				if args[k] = t; t.DType != tensor.Sequence {
					continue
				}
				if len(t.Items) != len(in[0].Items) {
					return inputErr(n.String(), "sequences of %d and %d items", len(in[0].Items), len(t.Items))
				}
				args[k] = t.Items[i]
			}
			made := newTensors(len(out))
			if err := f.Run(0, args, made); err != nil {
				return err
			}
			for k, t := range out {
				t.Items = append(t.Items, made[k])
				t.Shape[0] = len(t.Items)
				bytes += len(made[k].Bytes)
			}
			if err := f.Hold(bytes, out); err != nil {
				return err
			}
		}
		return nil
	},
}
