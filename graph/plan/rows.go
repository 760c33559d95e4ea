package plan

import (
	"bytes"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// rowKind says what a value has to do with the rows of the inputs.
type rowKind uint8

const (
	apart   rowKind = iota // nothing: it is the same for any number of rows
	counted                // known from shapes: each element is the number of rows, or the same for any number
	coupled                // depends on the number of rows in another way
	carries                // row i along an axis follows from row i of the inputs alone
)

// carried is what a value has to do with rows, with the axis that they lie along.
type carried struct {
	kind rowKind
	axis int
}

// proveRows sets Signature.RowAxes: every operator on the way keeps rows apart by its own rule, and every value that carries rows has as
// many as the inputs, for two different counts. Where other dimensions are unknown too, that holds for two sizes of them.
func (p *Plan) proveRows(g *graph.Graph) {
	axes := rowAxes(p.signature.Inputs)
	if slices.Max(append(slices.Clone(axes), graph.NoRows)) == graph.NoRows {
		return
	}
	outputs := p.provePaths(g, axes, nil)
	if outputs == nil {
		return
	}
	p.signature.RowAxes = &graph.RowAxes{Inputs: axes, Outputs: outputs}
	p.signature.RowIndependent = !slices.ContainsFunc(slices.Concat(axes, outputs), func(axis int) bool { return axis != 0 })
}

// rowAxes is where the rows of inputs lie: along axis 0 where its size is unknown. Beside such an input others may have them along another
// axis, the first of unknown size, or none.
func rowAxes(inputs []graph.Input) []int {
	axes, first := make([]int, len(inputs)), false
	for i, in := range inputs {
		axes[i] = slices.Index(in.Shape, -1)
		first = first || axes[i] == 0
	}
	for i := range axes {
		if !first {
			axes[i] = graph.NoRows
		}
	}
	return axes
}

// keepsRows gives the axis of rows of each output, given that of the inputs and what is known of all values for two and for three rows;
// nil where rows do not stay apart. Values in same must be the same for any number of rows.
func (r *region) keepsRows(axes []int, args [2][]graph.Arg, same []int) []int {
	values := make([]carried, len(r.slots))
	for i, s := range r.inputs {
		if axes[i] != graph.NoRows {
			values[s] = carried{carries, axes[i]}
		}
	}
	for i := range r.steps {
		st := &r.steps[i]
		in, any := make([]carried, len(st.in)), apart
		for j, s := range st.in {
			if s != noSlot {
				in[j] = values[s]
				any = max(any, in[j].kind)
			}
		}
		switch {
		case any == apart:
		case r.slots[st.out[0]].derived:
			for _, s := range st.out {
				if axis := sameRows(args[0][s].Const, args[1][s].Const); axis != graph.NoRows {
					values[s] = carried{carries, axis}
					continue
				}
				values[s].kind = countedOrCoupled(st, in, args, s)
			}
		case any != carries:
			for _, s := range st.out {
				values[s].kind = coupled
			}
		case !r.stepKeepsRows(st, in, args, values):
			return nil
		}
	}
	for _, s := range same {
		if values[s].kind != apart {
			return nil
		}
	}
	outputs := make([]int, len(r.outputs))
	for i, s := range r.outputs {
		if values[s].kind != carries {
			return nil
		}
		outputs[i] = values[s].axis
	}
	return outputs
}

// countedOrCoupled is the kind of an output, in slot s, of a step whose outputs are known from shapes.
func countedOrCoupled(st *step, in []carried, args [2][]graph.Arg, s int) rowKind {
	a, b := args[0][s], args[1][s]
	if !slices.Equal(a.Shape, b.Shape) || a.Const == nil || b.Const == nil {
		return coupled
	}
	if a.DType != tensor.Int64 && a.DType != tensor.Int32 && a.DType != tensor.Bool {
		return coupled
	}
	data := st.op.Moves
	if st.op.OfShape || data < 0 {
		data = len(in)
	}
	for i, v := range in {
		if v.kind == coupled || v.kind == counted && i >= data {
			return coupled
		}
	}
	if st.op.OfShape { // a dimension is the number of rows, or does not depend on it; the number of elements is neither
		if kind := countedValues(a.Const, b.Const); kind == coupled {
			return coupled
		}
	}
	if bytes.Equal(a.Const.Bytes, b.Const.Bytes) {
		return apart // none of its elements is the number of rows, or says only that it is not 0
	}
	if a.DType == tensor.Bool {
		return coupled
	}
	return counted
}

// sameRows is the axis that known values for two and for three rows have these along, all alike, as an initial state has them; or NoRows.
func sameRows(a, b *tensor.Tensor) int {
	if a == nil || b == nil || len(a.Shape) != len(b.Shape) || a.DType.Size() == 0 {
		return graph.NoRows
	}
	for axis, d := range a.Shape {
		if d != 2 || b.Shape[axis] != 3 || !differOnlyAt(a.Shape, b.Shape, axis) {
			continue
		}
		step := a.DType.Size()
		for _, d := range a.Shape[axis+1:] {
			step *= d
		}
		if step == 0 {
			return graph.NoRows
		}
		for i := range len(a.Bytes) / 2 / step { // the elements before the axis
			row := a.Bytes[2*i*step:][:step]
			for _, other := range [][]byte{a.Bytes[(2*i+1)*step:], b.Bytes[3*i*step:], b.Bytes[(3*i+1)*step:], b.Bytes[(3*i+2)*step:]} {
				if !bytes.Equal(row, other[:step]) {
					return graph.NoRows
				}
			}
		}
		return axis
	}
	return graph.NoRows
}

// countedValues compares what Shape gives for two and for three rows.
func countedValues(a, b *tensor.Tensor) rowKind {
	x, y := tensor.Data[int64](a), tensor.Data[int64](b)
	for i := range x {
		if x[i] != y[i] && (x[i] != 2 || y[i] != 3) {
			return coupled
		}
	}
	return counted
}

// stepKeepsRows reports whether a step some of whose inputs carry rows keeps them apart, and says in values where its outputs have them.
func (r *region) stepKeepsRows(st *step, in []carried, args [2][]graph.Arg, values []carried) bool {
	axes := make([]int, len(in))
	for i, v := range in {
		if axes[i] = graph.NoRows; v.kind == carries {
			axes[i] = v.axis
		}
		if v.kind == coupled || v.kind == counted && (i == 0 || i != st.op.ShapeInput) {
			return false
		}
	}
	for k := range args {
		to := outputRows(st, argsOf(st.in, args[k]), argsOf(st.out, args[k]), axes)
		if to == nil {
			return false
		}
		for j, s := range st.out {
			axis := to[min(j, len(to)-1)]
			shape, other := args[k][s].Shape, args[0][s].Shape
			if axis < 0 || axis >= len(shape) || shape[axis] != 2+k || k > 0 && (axis != values[s].axis || !differOnlyAt(shape, other, axis)) {
				return false
			}
			values[s] = carried{carries, axis}
		}
		for i, v := range in {
			if v.kind == counted && !countsOnly(args[0][st.in[i]].Const, args[1][st.in[i]].Const, to[0]) {
				return false
			}
		}
	}
	return true
}

// outputRows applies the rule of an operator.
func outputRows(st *step, in, out []graph.Arg, axes []int) []int {
	if st.op.RowAxes != nil {
		return st.op.RowAxes(st.node, in, out, axes)
	}
	rows := make([]bool, len(axes))
	for i, axis := range axes {
		if rows[i] = axis == 0; axis > 0 {
			return nil
		}
	}
	if st.op.Rows == nil || !st.op.Rows(st.node, in, rows) {
		return nil
	}
	return []int{0}
}

// differOnlyAt reports whether shapes of the same rank differ at most along one axis.
func differOnlyAt(a, b []int, axis int) bool {
	return len(a) == len(b) && slices.Equal(a[:axis], b[:axis]) && slices.Equal(a[axis+1:], b[axis+1:])
}

// countsOnly reports whether only the dimension at axis of a shape follows from the number of rows.
func countsOnly(a, b *tensor.Tensor, axis int) bool {
	if a == nil || b == nil || a.DType != tensor.Int64 || axis >= a.Len() {
		return false
	}
	x, y := tensor.Data[int64](a), tensor.Data[int64](b)
	return len(x) == len(y) && slices.Equal(x[:axis], y[:axis]) && slices.Equal(x[axis+1:], y[axis+1:])
}
