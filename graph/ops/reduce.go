package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Reductions over any axes. Adjacent reduced axes count as one; with several such groups the last is reduced first.
var (
	opReduceSum       = reduceOp("reduce_sum", "ReduceSum", kernels.ReduceSum, nil)
	opReduceMean      = reduceOp("reduce_mean", "ReduceMean", kernels.ReduceSum, divideByCount)
	opReduceMax       = reduceOp("reduce_max", "ReduceMax", kernels.ReduceMax, nil)
	opReduceMin       = reduceOp("reduce_min", "ReduceMin", kernels.ReduceMin, nil)
	opReduceProd      = reduceOp("reduce_prod", "ReduceProd", kernels.ReduceProd, nil)
	opReduceL1        = reduceOp("reduce_l1", "ReduceL1", kernels.ReduceSumAbs, nil)
	opReduceSumSquare = reduceOp("reduce_sum_square", "ReduceSumSquare", kernels.ReduceSumSquare, nil)
	opReduceL2        = reduceOp("reduce_l2", "ReduceL2", kernels.ReduceSumSquare, func(dst []float32, _ float32) { kernels.SqrtF32(dst, dst) })
	opReduceLogSum    = reduceOp("reduce_log_sum", "ReduceLogSum", kernels.ReduceSum, func(dst []float32, _ float32) { kernels.LogF32(dst, dst) })
	opGlobalAverage   = globalPoolOp("global_average_pool", "GlobalAveragePool", kernels.ReduceSum, divideByCount)
	opGlobalMax       = globalPoolOp("global_max_pool", "GlobalMaxPool", kernels.ReduceMax, nil)
)

// finish is what happens to the results of a reduction of count elements each.
type finish func(dst []float32, count float32)

func divideByCount(dst []float32, count float32) {
	for i := range dst {
		dst[i] /= count
	}
}

func reduceOp(name, opType string, r kernels.Reduction, f finish) *Op {
	return &Op{
		Name: name, Type: opType, Since: 1, RowAxes: rowsReduce,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			out, err := inferReduce(n, in)
			if err == nil {
				err = plainReductions(opType, nil).with(tensor.Float32, kernelFunc(nil)).want(n, in, 0)
			}
			return out, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			axes, err := reducedAxes(n, in)
			if err != nil {
				return nil, err
			}
			if in[0].DType != tensor.Float32 {
				return plainReductions(opType, axes)[in[0].DType], nil
			}
			return &reduceKernel{r, f, axisGroups(axes)}, nil
		},
	}
}

func inferReduce(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	axes, err := reducedAxes(n, in)
	if err != nil {
		return nil, err
	}
	if len(axes) > kernels.MaxAxes {
		return nil, unsupported(n, "%d axes, expected at most %d", len(axes), kernels.MaxAxes)
	}
	keep, err := n.IntAttr("keepdims", 1)
	if err != nil {
		return nil, err
	}
	shape := []int{}
	for axis, d := range in[0].Shape {
		switch {
		case !axes[axis]:
			shape = append(shape, d)
		case keep != 0:
			shape = append(shape, 1)
		}
	}
	return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
}

// reducedAxes tells which axes are reduced: from the attribute, since opset 18 (ReduceSum 13) from the second input, all of them where
// neither says.
func reducedAxes(n *graph.Node, in []graph.Arg) ([]bool, error) {
	if err := arity(n, in, 1, 2); err != nil {
		return nil, err
	}
	list, err := n.IntsAttr("axes")
	if err != nil {
		return nil, err
	}
	if present(in, 1) {
		if list, err = constInts(n, in, 1); err != nil {
			return nil, err
		}
	}
	noop, err := n.IntAttr("noop_with_empty_axes", 0)
	if err != nil {
		return nil, err
	}
	axes := make([]bool, len(in[0].Shape))
	for _, a := range list {
		axis, err := axisOf(n, a, len(axes))
		if err != nil {
			return nil, err
		}
		if axes[axis] {
			return nil, modelErr(n, "axis %d is named twice", a)
		}
		axes[axis] = true
	}
	if len(list) == 0 && noop == 0 {
		for i := range axes {
			axes[i] = true
		}
	}
	return axes, nil
}

// rowsReduce holds where the axis of rows is not reduced.
func rowsReduce(n *graph.Node, in, out []graph.Arg, axes []int) []int {
	reduced, err := reducedAxes(n, in)
	if err != nil || rowsKept(n, in, out, axes) == nil || reduced[axes[0]] {
		return nil
	}
	axis := axes[0]
	if len(out[0].Shape) < len(reduced) {
		for _, gone := range reduced[:axes[0]] {
			if gone {
				axis--
			}
		}
	}
	return []int{axis}
}

// axisGroup is the run of adjacent reduced axes first…last−1.
type axisGroup struct{ first, last int }

// axisGroups lists the groups from the last to the first.
func axisGroups(axes []bool) []axisGroup {
	var groups []axisGroup
	for i := len(axes); i > 0; i-- {
		switch {
		case !axes[i-1]:
		case i < len(axes) && axes[i]:
			groups[len(groups)-1].first = i - 1
		default:
			groups = append(groups, axisGroup{i - 1, i})
		}
	}
	return groups
}

type reduceKernel struct {
	reduction kernels.Reduction
	finish    finish
	groups    []axisGroup
}

// outerNInner are the sizes before, in and behind a group whose later groups are reduced already.
func (k *reduceKernel) outerNInner(g int, shape []int) (outer, n, inner int) {
	outer, n, inner = 1, 1, 1
	for axis, d := range shape {
		switch {
		case axis < k.groups[g].first:
			outer *= d
		case axis < k.groups[g].last:
			n *= d
		case !slices.ContainsFunc(k.groups[:g], func(done axisGroup) bool { return axis >= done.first && axis < done.last }):
			inner *= d
		}
	}
	return outer, n, inner
}

// ScratchBytes implements graph.ScratchKernel: results of all groups but the last, then the columns of ReduceF32.
func (k *reduceKernel) ScratchBytes(args []graph.Arg) int {
	results, columns := 0, 0
	for g := range k.groups {
		outer, n, inner := k.outerNInner(g, args[0].Shape)
		columns = max(columns, kernels.ReduceScratch(n, inner))
		if g+1 < len(k.groups) {
			results += outer * inner
		}
	}
	return 4 * (results + columns)
}

// Run implements graph.Kernel.
func (k *reduceKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	dst := tensor.Data[float32](out[0])
	count := k.reduceTo(dst, tensor.Data[float32](in[0]), in[0].Shape, k.reduction, floats(scratch))
	if k.finish != nil {
		k.finish(dst, float32(count))
	}
	return nil
}

// reduceTo reduces x of this shape and returns the number of elements behind each result.
func (k *reduceKernel) reduceTo(dst, x []float32, shape []int, r kernels.Reduction, free []float32) int {
	count := 1
	if len(k.groups) == 0 { // every element is a sum of one
		kernels.ReduceF32(r, dst, x, len(x), 1, 1, nil)
	}
	for g := range k.groups {
		outer, n, inner := k.outerNInner(g, shape)
		count *= n
		to := dst
		if g+1 < len(k.groups) {
			to, free = free[:outer*inner], free[outer*inner:]
		}
		kernels.ReduceF32(r, to, x, outer, n, inner, free)
		x = to
		if r == kernels.ReduceSumAbs || r == kernels.ReduceSumSquare {
			r = kernels.ReduceSum
		}
	}
	return count
}

// floats views scratch memory as float32.
func floats(b []byte) []float32 { return words[float32](b) }

// globalPoolOp reduces all axes behind the channels, which stay with size 1.
func globalPoolOp(name, opType string, r kernels.Reduction, f finish) *Op {
	axes := func(n *graph.Node, in []graph.Arg) ([]bool, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if len(in[0].Shape) < 3 {
			return nil, modelErr(n, "input has shape %v, expected batch, channels and at least one axis more", in[0].Shape)
		}
		a := make([]bool, len(in[0].Shape))
		for i := range a[2:] {
			a[2+i] = true
		}
		return a, wantDType(n, in, 0, tensor.Float32)
	}
	return &Op{
		Name: name, Type: opType, Since: 1, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if _, err := axes(n, in); err != nil {
				return nil, err
			}
			shape := slices.Clone(in[0].Shape)
			for i := range shape[2:] {
				shape[2+i] = 1
			}
			return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			a, err := axes(n, in)
			if err != nil {
				return nil, err
			}
			return &reduceKernel{r, f, axisGroups(a)}, nil
		},
	}
}
