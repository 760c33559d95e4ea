package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opSplit cuts a value along one axis: into the sizes of the attribute "split" (since opset 13 a constant input), or into as many
// parts as there are outputs, the last one smaller if need be.
var opSplit = &Op{
	Name: "split", Type: "Split", Since: 2,
	RowAxes: func(n *graph.Node, in, out []graph.Arg, axes []int) []int {
		return rowsOffAxis(0)(n, in[:1], out, axes[:1])
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		axis, sizes, err := splitSizes(n, in)
		if err != nil {
			return nil, err
		}
		if _, err := movable(n, in[0].DType, in[0].Shape); err != nil {
			return nil, err
		}
		out := make([]graph.Arg, len(sizes))
		for i, size := range sizes {
			out[i] = graph.Arg{DType: in[0].DType, Shape: slices.Clone(in[0].Shape)}
			out[i].Shape[axis] = size
		}
		return out, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axis, _, err := splitSizes(n, in)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			at := 0
			for _, o := range out {
				var v kernels.View
				v.Size, v.Offset = in[0].DType.Size(), at*strideOf(in[0].Shape, axis)
				for a, d := range o.Shape {
					v.Axis(d, strideOf(in[0].Shape, a))
				}
				kernels.CopyView(o.Bytes, in[0].Bytes, &v)
				at += o.Shape[axis]
			}
			return nil
		}), err
	},
}

func splitSizes(n *graph.Node, in []graph.Arg) (axis int, sizes []int, err error) {
	if err := arity(n, in, 1, 2); err != nil {
		return 0, nil, err
	}
	a, err := n.IntAttr("axis", 0)
	if err != nil {
		return 0, nil, err
	}
	if axis, err = axisOf(n, a, len(in[0].Shape)); err != nil {
		return 0, nil, err
	}
	list, err := n.IntsAttr("split")
	if err == nil && present(in, 1) {
		list, err = constInts(n, in, 1)
	}
	if err != nil {
		return 0, nil, err
	}
	total, parts := in[0].Shape[axis], len(n.Outputs)
	sizes = make([]int, parts)
	if list == nil {
		each := (total + parts - 1) / parts
		for i := range sizes {
			sizes[i] = min(each, total)
			total -= sizes[i]
		}
		return axis, sizes, nil
	}
	if len(list) != parts {
		return 0, nil, modelErr(n, "%d sizes for %d outputs", len(list), parts)
	}
	for i, s := range list {
		if s < 0 || s > int64(total) {
			return 0, nil, modelErr(n, "sizes %v of an axis of %d", list, in[0].Shape[axis])
		}
		sizes[i] = int(s)
		total -= sizes[i]
	}
	if total != 0 {
		return 0, nil, modelErr(n, "sizes %v of an axis of %d", list, in[0].Shape[axis])
	}
	return axis, sizes, nil
}
