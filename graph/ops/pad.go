package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opPad adds elements at both ends of every axis, or removes some where a pad is negative: from attributes, since opset 11 from constant
// inputs (pads, value, axes).
var opPad = &Op{
	Name: "pad", Type: "Pad", Since: 2,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		p, err := padsOf(n, in)
		return err == nil && len(p.before) > 0 && p.before[0] == 0 && p.after[0] == 0 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		p, err := padsOf(n, in)
		if err != nil {
			return nil, err
		}
		shape := slices.Clone(in[0].Shape)
		for i, d := range shape {
			if shape[i] += p.before[i] + p.after[i]; shape[i] < 0 {
				return nil, modelErr(n, "pads %d and %d of an axis of %d", p.before[i], p.after[i], d)
			}
			limit := map[kernels.PadMode]int{kernels.PadConstant: math.MaxInt, kernels.PadEdge: math.MaxInt, kernels.PadReflect: d - 1, kernels.PadWrap: d}[p.mode]
			if p.mode != kernels.PadConstant && d == 0 && shape[i] > 0 || max(p.before[i], p.after[i]) > limit {
				return nil, modelErr(n, "pads %d and %d of an axis of %d", p.before[i], p.after[i], d)
			}
		}
		return movable(n, in[0].DType, shape)
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		p, err := padsOf(n, in)
		if err != nil {
			return nil, err
		}
		hasValue := present(in, 2)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			value := p.value
			if hasValue {
				value = in[2].Bytes
			}
			size := in[0].DType.Size()
			kernels.Pad(out[0].Bytes, in[0].Bytes, out[0].Shape, in[0].Shape, p.before, p.mode, value[:size], size)
			return nil
		}), nil
	},
}

// pads is what a Pad node says.
type pads struct {
	before, after []int
	mode          kernels.PadMode
	value         []byte // of an element, where no input gives it
}

func padsOf(n *graph.Node, in []graph.Arg) (*pads, error) {
	if err := arity(n, in, 1, 4); err != nil {
		return nil, err
	}
	rank := len(in[0].Shape)
	mode, err := n.StringAttr("mode", "constant")
	if err != nil {
		return nil, err
	}
	modes := []string{"constant", "edge", "reflect", "wrap"}
	p := &pads{before: make([]int, rank), after: make([]int, rank), mode: kernels.PadMode(max(0, slices.Index(modes, mode)))}
	if !slices.Contains(modes, mode) {
		return nil, modelErr(n, "attribute \"mode\" is %q", mode)
	}
	list, err := n.IntsAttr("pads")
	if err == nil && present(in, 1) {
		list, err = constInts(n, in, 1)
	}
	if err != nil {
		return nil, err
	}
	axes := make([]int64, rank)
	for i := range axes {
		axes[i] = int64(i)
	}
	if present(in, 3) {
		if axes, err = constIndices(n, in, 3); err != nil {
			return nil, err
		}
	}
	if len(list) != 2*len(axes) {
		return nil, modelErr(n, "%d pads for %d axes", len(list), len(axes))
	}
	seen := make([]bool, rank)
	for i, a := range axes {
		axis, err := axisOf(n, a, rank)
		if err != nil {
			return nil, err
		}
		b, e := list[i], list[i+len(axes)]
		if seen[axis] || max(b, -b, e, -e) > math.MaxInt32 || min(b, e) == math.MinInt64 {
			return nil, modelErr(n, "pads %d and %d of axis %d", b, e, a)
		}
		seen[axis], p.before[axis], p.after[axis] = true, int(b), int(e)
	}
	value, err := n.FloatAttr("value", 0)
	if err != nil {
		return nil, err
	}
	switch {
	case present(in, 2):
		if size, _ := tensor.Elements(in[2].Shape); size != 1 || in[2].DType != in[0].DType {
			return nil, modelErr(n, "the value is %s %v, expected one %s", in[2].DType, in[2].Shape, in[0].DType)
		}
	case in[0].DType == tensor.Float32:
		p.value = tensor.Of([]float32{value}, 1).Bytes
	default:
		p.value = make([]byte, 8)
	}
	return p, nil
}
