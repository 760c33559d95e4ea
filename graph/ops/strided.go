package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opTranspose permutes axes; without "perm" it reverses them.
var opTranspose = &Op{
	Name: "transpose", Type: "Transpose", Since: 1, Moves: 1,
	RowAxes: func(n *graph.Node, in, _ []graph.Arg, axes []int) []int {
		perm, err := permOf(n, len(in[0].Shape))
		if err != nil {
			return nil
		}
		return []int{slices.Index(perm, axes[0])}
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		perm, err := permOf(n, len(in[0].Shape))
		if err != nil {
			return nil, err
		}
		shape := make([]int, len(perm))
		for i, p := range perm {
			shape[i] = in[0].Shape[p]
		}
		return movable(n, in[0].DType, shape)
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		perm, err := permOf(n, len(in[0].Shape))
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			var v kernels.View
			v.Size = in[0].DType.Size()
			for _, p := range perm {
				v.Axis(in[0].Shape[p], strideOf(in[0].Shape, p))
			}
			kernels.CopyView(out[0].Bytes, in[0].Bytes, &v)
			return nil
		}), err
	},
}

func permOf(n *graph.Node, rank int) ([]int, error) {
	list, err := n.IntsAttr("perm")
	if err != nil {
		return nil, err
	}
	perm := make([]int, rank)
	if _, given := n.Attrs["perm"]; !given {
		for i := range perm {
			perm[i] = rank - 1 - i
		}
		return perm, nil
	}
	if len(list) != rank {
		return nil, modelErr(n, "attribute \"perm\" has %d entries for a value of rank %d", len(list), rank)
	}
	seen := make([]bool, rank)
	for i, p := range list {
		if p < 0 || p >= int64(rank) || seen[p] {
			return nil, modelErr(n, "attribute \"perm\" is %v", list)
		}
		perm[i], seen[p] = int(p), true
	}
	return perm, nil
}

// strideOf is the distance in elements between neighbours along an axis of a dense array.
func strideOf(shape []int, axis int) int {
	s := 1
	for _, d := range shape[axis+1:] {
		s *= d
	}
	return s
}

// movable is the result of an operator that moves elements of any fixed size, along no more axes than a kernels.View has; viaPositions adds
// strings.
func movable(n *graph.Node, d tensor.DType, shape []int) ([]graph.Arg, error) {
	if d.Size() == 0 {
		return nil, unsupported(n, "input 0 is %s", d)
	}
	if len(shape) > kernels.MaxAxes {
		return nil, unsupported(n, "%d axes, expected at most %d", len(shape), kernels.MaxAxes)
	}
	if _, ok := tensor.Elements(shape); !ok {
		return nil, modelErr(n, "a result of shape %v", shape)
	}
	return []graph.Arg{{DType: d, Shape: shape}}, nil
}

// opExpand stretches to the broadcast of its shape and a constant one.
var opExpand = &Op{
	Name: "expand", Type: "Expand", Since: 8, MinInputs: 2, Rows: rowsFirst, Moves: 1, ShapeInput: 1,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		want, err := constShape(n, in, 1)
		if err != nil {
			return nil, err
		}
		shape, err := broadcastShape(n, in[0].Shape, want)
		if err != nil {
			return nil, err
		}
		return movable(n, in[0].DType, shape)
	},
	Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			var v kernels.View
			v.Size = in[0].DType.Size()
			for i, d := range out[0].Shape {
				axis := i - len(out[0].Shape) + len(in[0].Shape)
				if axis < 0 || in[0].Shape[axis] == 1 {
					v.Axis(d, 0)
				} else {
					v.Axis(d, strideOf(in[0].Shape, axis))
				}
			}
			kernels.CopyView(out[0].Bytes, in[0].Bytes, &v)
			return nil
		}), nil
	},
}

// constShape reads a constant int64 argument as dimensions.
func constShape(n *graph.Node, in []graph.Arg, i int) ([]int, error) {
	list, err := constInts(n, in, i)
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(list))
	for j, d := range list {
		if shape[j] = int(d); d < 0 {
			return nil, modelErr(n, "input %d is %v", i, list)
		}
	}
	if _, ok := tensor.Elements(shape); !ok {
		return nil, modelErr(n, "input %d is %v", i, list)
	}
	return shape, nil
}

// opTile repeats a value along every axis.
var opTile = &Op{
	Name: "tile", Type: "Tile", Since: 6, MinInputs: 2,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		repeats, err := constShape(n, in, 1)
		return err == nil && len(repeats) > 0 && repeats[0] == 1 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		repeats, err := constShape(n, in, 1)
		if err != nil {
			return nil, err
		}
		if len(repeats) != len(in[0].Shape) {
			return nil, modelErr(n, "%d repeats for a value of rank %d", len(repeats), len(in[0].Shape))
		}
		shape := slices.Clone(in[0].Shape)
		for i, r := range repeats {
			if _, ok := tensor.Elements([]int{shape[i], r}); !ok {
				return nil, modelErr(n, "repeats %v of shape %v", repeats, in[0].Shape)
			}
			shape[i] *= r
		}
		if 2*len(shape) > kernels.MaxAxes {
			return nil, unsupported(n, "%d axes, expected at most %d", len(shape), kernels.MaxAxes/2)
		}
		return movable(n, in[0].DType, shape)
	},
	Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			if len(in[0].Bytes) == 0 {
				return nil
			}
			var v kernels.View
			v.Size = in[0].DType.Size()
			for i, d := range in[0].Shape {
				v.Axis(out[0].Shape[i]/d, 0)
				v.Axis(d, strideOf(in[0].Shape, i))
			}
			kernels.CopyView(out[0].Bytes, in[0].Bytes, &v)
			return nil
		}), nil
	},
}
