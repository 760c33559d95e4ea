package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Operators that change the shape and keep the elements in order.
var (
	opReshape   = shapeOp("reshape", "Reshape", 5, 2, 1, reshapeShape)
	opFlatten   = shapeOp("flatten", "Flatten", 1, 1, 0, flattenShape)
	opSqueeze   = shapeOp("squeeze", "Squeeze", 1, 2, 0, squeezeShape)
	opUnsqueeze = shapeOp("unsqueeze", "Unsqueeze", 1, 2, 0, unsqueezeShape)
)

func shapeOp(name, opType string, since int64, maxInputs, shapeInput int, shape func(n *graph.Node, in []graph.Arg) ([]int, error)) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, ShapeInput: shapeInput,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, maxInputs); err != nil {
				return nil, err
			}
			s, err := shape(n, in)
			if err != nil {
				return nil, err
			}
			want, _ := tensor.Elements(in[0].Shape)
			if got, ok := tensor.Elements(s); !ok || got != want {
				return nil, modelErr(n, "cannot give %v the shape %v", in[0].Shape, s)
			}
			return []graph.Arg{{DType: in[0].DType, Shape: s}}, nil
		},
		Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				copyElements(out[0], in[0])
				return nil
			}), nil
		},
		// Elements keep their order, so rows stay rows exactly where their number does; graph/plan checks that by
		// inferring shapes for two different numbers of rows.
		RowAxes: rowsReshaped, Moves: 1, View: true,
	}
}

// constInts reads an int64 argument that decides on a shape.
func constInts(n *graph.Node, in []graph.Arg, i int) ([]int64, error) {
	if !hasConst(in, i) {
		return nil, needsValue(n, i)
	}
	if in[i].DType != tensor.Int64 {
		return nil, modelErr(n, "input %d is %s, expected int64", i, in[i].DType)
	}
	return tensor.Data[int64](in[i].Const), nil
}

func reshapeShape(n *graph.Node, in []graph.Arg) ([]int, error) {
	want, err := constInts(n, in, 1)
	if err != nil {
		return nil, err
	}
	allowZero, err := n.IntAttr("allowzero", 0)
	if err != nil {
		return nil, err
	}
	total, _ := tensor.Elements(in[0].Shape)
	shape := make([]int, len(want))
	known, free := 1, -1
	for i, d := range want {
		switch {
		case d == -1 && free < 0:
			free = i
			continue
		case d == 0 && allowZero == 0 && i < len(in[0].Shape):
			shape[i] = in[0].Shape[i]
		case d >= 0 && (d <= int64(total) || total == 0 && d <= math.MaxInt32):
			shape[i] = int(d)
		default:
			return nil, modelErr(n, "target shape %v for %v", want, in[0].Shape)
		}
		known *= shape[i]
	}
	if free >= 0 {
		if known == 0 || total%known != 0 {
			return nil, modelErr(n, "target shape %v for %v", want, in[0].Shape)
		}
		shape[free] = total / known
	}
	return shape, nil
}

func flattenShape(n *graph.Node, in []graph.Arg) ([]int, error) {
	a, err := n.IntAttr("axis", 1)
	if err != nil {
		return nil, err
	}
	rank := len(in[0].Shape)
	if a < -int64(rank) || a > int64(rank) {
		return nil, modelErr(n, "axis %d for a value of rank %d", a, rank)
	}
	if a < 0 {
		a += int64(rank)
	}
	shape := []int{1, 1}
	for i, d := range in[0].Shape {
		if int64(i) < a {
			shape[0] *= d
		} else {
			shape[1] *= d
		}
	}
	return shape, nil
}

// axesOf reads the axes of input 1, before opset 13 of the attribute.
func axesOf(n *graph.Node, in []graph.Arg) (axes []int64, given bool, err error) {
	if present(in, 1) {
		axes, err = constInts(n, in, 1)
		return axes, true, err
	}
	_, given = n.Attrs["axes"]
	axes, err = n.IntsAttr("axes")
	return axes, given, err
}

func squeezeShape(n *graph.Node, in []graph.Arg) ([]int, error) {
	rank := len(in[0].Shape)
	drop := make([]bool, rank)
	axes, given, err := axesOf(n, in)
	if err != nil {
		return nil, err
	}
	if given {
		for _, a := range axes {
			axis, err := axisOf(n, a, rank)
			if err != nil {
				return nil, err
			}
			drop[axis] = true
		}
	} else {
		for i, d := range in[0].Shape {
			drop[i] = d == 1
		}
	}
	shape := []int{}
	for i, d := range in[0].Shape {
		if !drop[i] {
			shape = append(shape, d)
		}
	}
	return shape, nil
}

func unsqueezeShape(n *graph.Node, in []graph.Arg) ([]int, error) {
	axes, given, err := axesOf(n, in)
	if err == nil && !given {
		err = modelErr(n, "no axes")
	}
	if err != nil {
		return nil, err
	}
	rank := len(in[0].Shape) + len(axes)
	added := make([]bool, rank)
	for _, a := range axes {
		axis, err := axisOf(n, a, rank)
		if err != nil {
			return nil, err
		}
		if added[axis] {
			return nil, modelErr(n, "axis %d is named twice", a)
		}
		added[axis] = true
	}
	shape, next := make([]int, rank), 0
	for i := range shape {
		if added[i] {
			shape[i] = 1
			continue
		}
		shape[i] = in[0].Shape[next]
		next++
	}
	return shape, nil
}
