package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opSlice takes every step-th element from start to end along some axes: from attributes, since opset 10 from constant inputs.
var opSlice = &Op{
	Name: "slice", Type: "Slice", Since: 1, Moves: 1,
	RowAxes: func(n *graph.Node, in, out []graph.Arg, axes []int) []int {
		cuts, err := sliceCuts(n, in)
		if err != nil || slices.ContainsFunc(cuts, func(c Cut) bool { return c.Axis == axes[0] && !c.Whole() }) {
			return nil
		}
		return rowsKept(n, in, out, axes)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		cuts, err := sliceCuts(n, in)
		if err != nil {
			return nil, err
		}
		shape := slices.Clone(in[0].Shape)
		for _, c := range cuts {
			_, shape[c.Axis] = c.Span(in[0].Shape[c.Axis])
		}
		return movable(n, in[0].DType, shape)
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		cuts, err := sliceCuts(n, in)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			var v kernels.View
			v.Size = in[0].DType.Size()
			for axis, d := range in[0].Shape {
				step, stride := 1, strideOf(in[0].Shape, axis)
				for _, c := range cuts {
					if c.Axis == axis {
						var first int
						first, d = c.Span(d)
						v.Offset += first * stride
						step = int(c.Step)
					}
				}
				v.Axis(d, step*stride)
			}
			kernels.CopyView(out[0].Bytes, in[0].Bytes, &v)
			return nil
		}), err
	},
}

// Cut is one axis of a slice, as the model gives it.
type Cut struct {
	Axis             int
	Start, End, Step int64
}

// toTheEnd is the least end that exporters write for "all": tf2onnx has 10⁹, others the largest int32 or int64. No axis is that long.
const toTheEnd = 1e9

// Whole reports whether a cut takes all of an axis, however long it is.
func (c Cut) Whole() bool { return c.Start == 0 && c.FromStart() }

// FromStart reports whether a cut takes all elements from a position on that does not depend on the length of the axis.
func (c Cut) FromStart() bool { return c.Start >= 0 && c.Step == 1 && c.End >= toTheEnd }

// Span returns the first position and the number of positions of a cut of d elements. Negative positions count from the end, and
// all are clamped, as in Python.
func (c Cut) Span(d int) (first, count int) {
	n := int64(d)
	clamp := func(at, lo, hi int64) int64 {
		if at < 0 {
			at = max(at, -n-1) + n
		}
		return min(max(at, lo), hi)
	}
	if c.Step > 0 {
		start, end := clamp(c.Start, 0, n), clamp(c.End, 0, n)
		return int(start), int(max(0, (end-start+c.Step-1)/c.Step))
	}
	start, end := clamp(c.Start, 0, n-1), int64(-1)
	if c.End >= -n {
		end = clamp(c.End, -1, n-1)
	}
	return int(start), int(max(0, (start-end-c.Step-1)/-c.Step))
}

// sliceCuts reads starts, ends, axes (default: the first ones) and steps (default: 1).
func sliceCuts(n *graph.Node, in []graph.Arg) ([]Cut, error) {
	if err := arity(n, in, 1, 5); err != nil {
		return nil, err
	}
	var lists [4][]int64
	for i, name := range []string{"starts", "ends", "axes", "steps"} {
		var err error
		if present(in, i+1) {
			lists[i], err = constIndices(n, in, i+1)
		} else {
			lists[i], err = n.IntsAttr(name)
		}
		if err != nil {
			return nil, err
		}
	}
	starts, ends, axes, steps := lists[0], lists[1], lists[2], lists[3]
	if len(starts) == 0 || len(ends) != len(starts) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, modelErr(n, "%d starts, %d ends, %d axes and %d steps", len(starts), len(ends), len(axes), len(steps))
	}
	cuts := make([]Cut, len(starts))
	for i := range cuts {
		a, step := int64(i), int64(1)
		if axes != nil {
			a = axes[i]
		}
		if steps != nil {
			step = min(max(steps[i], -math.MaxInt32), math.MaxInt32) // beyond any axis: the negation below cannot overflow
		}
		axis, err := axisOf(n, a, len(in[0].Shape))
		if err != nil {
			return nil, err
		}
		if step == 0 || slices.ContainsFunc(cuts[:i], func(c Cut) bool { return c.Axis == axis }) {
			return nil, modelErr(n, "step %d along axis %d", step, axis)
		}
		cuts[i] = Cut{axis, starts[i], ends[i], step}
	}
	return cuts, nil
}

// ConstantCuts returns what a Slice of a value of this rank takes, where that is constant.
func ConstantCuts(n *graph.Node, rank int, constant func(name string) *tensor.Tensor) ([]Cut, bool) {
	in := make([]graph.Arg, len(n.Inputs))
	in[0] = graph.Arg{DType: tensor.Float32, Shape: make([]int, rank)}
	for i, name := range n.Inputs[1:] {
		if name == "" {
			continue
		}
		t := constant(name)
		if t == nil {
			return nil, false
		}
		in[1+i] = graph.Arg{DType: t.DType, Shape: t.Shape, Const: t}
	}
	cuts, err := sliceCuts(n, in)
	return cuts, err == nil
}

// constIndices reads a constant int64 or int32 argument.
func constIndices(n *graph.Node, in []graph.Arg, i int) ([]int64, error) {
	if hasConst(in, i) && in[i].DType == tensor.Int32 {
		var list []int64
		for _, v := range tensor.Data[int32](in[i].Const) {
			list = append(list, int64(v))
		}
		return list, nil
	}
	return constInts(n, in, i)
}
