package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// granularity says which scale an element of a quantised value has: the only one, that of its position along an axis, or that of its
// block along an axis.
type granularity struct {
	axis  int // −1: one scale
	block int // 0: one scale for each position of the axis
}

// readGranularity checks the shapes of scale and zero point, inputs 1 and 2 of a Q or DQ node.
func readGranularity(n *graph.Node, in []graph.Arg) (g granularity, err error) {
	x, scale := in[0].Shape, in[1].Shape
	count, ok := tensor.Elements(scale)
	if !ok {
		return g, modelErr(n, "a scale of shape %v", scale)
	}
	if present(in, 2) {
		if zeros, ok := tensor.Elements(in[2].Shape); !ok || zeros != count {
			return g, modelErr(n, "%v zero points for scales of shape %v", in[2].Shape, scale)
		}
	}
	a, err := n.IntAttr("axis", 1)
	if err != nil {
		return g, err
	}
	size, err := n.IntAttr("block_size", 0)
	if err != nil {
		return g, err
	}
	if count == 1 && size == 0 {
		return granularity{axis: -1}, nil
	}
	if len(x) == 1 {
		a = 0
	}
	if g.axis, err = axisOf(n, a, len(x)); err != nil {
		return g, err
	}
	d := x[g.axis]
	if size == 0 && len(scale) == 1 {
		if count != d {
			err = modelErr(n, "%d scales for axis %d of shape %v", count, g.axis, x)
		}
		return g, err
	}
	if len(scale) != len(x) {
		return g, modelErr(n, "scales of shape %v for shape %v", scale, x)
	}
	blocks := scale[g.axis]
	if size == 0 && blocks > 0 {
		size = int64((d + blocks - 1) / blocks)
	}
	want := slices.Clone(x)
	if size > 0 {
		want[g.axis] = int((int64(d)-1)/size) + 1
	}
	if size < 0 || d > 0 && (size == 0 || !slices.Equal(scale, want)) {
		return g, modelErr(n, "scales of shape %v for shape %v in blocks of %d along axis %d", scale, x, size, g.axis)
	}
	g.block = int(min(size, int64(d)))
	return g, nil
}

// runs calls f with runs of elements of x, from position at on, of which all have scale number scale, or if each, as many from there on.
func (g granularity) runs(x []int, f func(at, count, scale int, each bool)) {
	if g.axis < 0 {
		n, _ := tensor.Elements(x)
		f(0, n, 0, false)
		return
	}
	outer, d, inner := around(x, g.axis)
	blocks := 0
	if g.block > 0 {
		blocks = (d + g.block - 1) / g.block
	}
	for o := range outer {
		switch {
		case g.block == 0 && inner == 1:
			f(o*d, d, 0, true)
		case g.block == 0:
			for i := range d {
				f((o*d+i)*inner, inner, i, false)
			}
		case inner == 1:
			for b := range blocks {
				f(o*d+b*g.block, min(g.block, d-b*g.block), o*blocks+b, false)
			}
		default:
			for i := range d {
				f((o*d+i)*inner, inner, (o*blocks+i/g.block)*inner, true)
			}
		}
	}
}

// rowsGranular holds where no row has scales of its own.
func rowsGranular(n *graph.Node, in []graph.Arg, rows []bool) bool {
	g, err := readGranularity(n, in)
	return err == nil && (g.axis < 0 || g.axis > 0 && g.block == 0) && rowsFirst(n, in, rows)
}

// floatAttrType reads an attribute that names a dtype, tensor.Invalid where it is missing or 0.
func dtypeAttr(n *graph.Node, name string) (tensor.DType, error) {
	code, err := n.IntAttr(name, 0)
	if err != nil || code == 0 {
		return tensor.Invalid, err
	}
	d := tensor.Invalid
	if code > 0 && code < 1<<31 {
		d = tensor.FromONNX(int32(code))
	}
	if d == tensor.Invalid {
		err = unsupported(n, "attribute %q is %d", name, code)
	}
	return d, err
}
