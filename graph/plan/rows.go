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
	carries                // row i along axis 0 follows from row i of the inputs alone
)

// otherSizes stand for unknown dimensions beyond the first, one pair after the other until a model takes both: sentences, then pictures.
var otherSizes = [][2]int{{5, 7}, {64, 96}}

// proveRows sets Signature.RowIndependent: every input has an unknown first dimension, every operator on the way keeps
// rows apart by its own rule, and every value that carries rows has as many as the inputs, for two different counts. Where other
// dimensions are unknown too, that holds for two sizes of them.
func (p *Plan) proveRows() {
	others := false
	for _, in := range p.signature.Inputs {
		if len(in.Shape) == 0 || in.Shape[0] >= 0 {
			return
		}
		others = others || slices.Contains(in.Shape[1:], -1)
	}
	if !others {
		p.signature.RowIndependent = p.keepsRows(1)
		return
	}
	for _, sizes := range otherSizes {
		if p.keepsRows(sizes[0]) && p.keepsRows(sizes[1]) {
			p.signature.RowIndependent = true
			return
		}
	}
}

// keepsRows reports whether rows stay apart where unknown dimensions beyond the first have this size.
func (p *Plan) keepsRows(other int) bool {
	var args [2][]graph.Arg // for two and three rows
	for k := range args {
		inputs := make([][]int, len(p.signature.Inputs))
		for i, in := range p.signature.Inputs {
			inputs[i] = withSizes(in.Shape, 2+k, other)
		}
		var err error
		if args[k], _, err = p.whole.infer(inputs, budget{elements: maxKnown}); err != nil {
			return false // the model works for one row only, or for other sizes
		}
	}
	return p.whole.keepsRows(args)
}

// keepsRows reports whether every output carries rows, given what is known of all values for two and for three rows.
func (r *region) keepsRows(args [2][]graph.Arg) bool {
	kinds := make([]rowKind, len(r.slots))
	for _, s := range r.inputs {
		kinds[s] = carries
	}
	for i := range r.steps {
		st := &r.steps[i]
		in, any := make([]rowKind, len(st.in)), apart
		for j, s := range st.in {
			if s != noSlot {
				in[j] = kinds[s]
				any = max(any, in[j])
			}
		}
		switch {
		case any == apart:
		case r.slots[st.out[0]].derived:
			for _, s := range st.out {
				kinds[s] = countedOrCoupled(st, in, args, s)
			}
		case any != carries:
			for _, s := range st.out {
				kinds[s] = coupled
			}
		case !r.stepKeepsRows(st, in, args):
			return false
		default:
			for _, s := range st.out {
				kinds[s] = carries
			}
		}
	}
	for _, s := range r.outputs {
		if kinds[s] != carries {
			return false
		}
	}
	return true
}

// countedOrCoupled is the kind of an output, in slot s, of a step whose outputs are known from shapes.
func countedOrCoupled(st *step, in []rowKind, args [2][]graph.Arg, s int) rowKind {
	a, b := args[0][s], args[1][s]
	if !slices.Equal(a.Shape, b.Shape) || a.Const == nil || b.Const == nil {
		return coupled
	}
	if a.DType != tensor.Int64 && a.DType != tensor.Int32 {
		return coupled
	}
	data := st.op.Moves
	if st.op.OfShape || data < 0 {
		data = len(in)
	}
	for i, k := range in {
		if k == coupled || k == counted && i >= data {
			return coupled
		}
	}
	if st.op.OfShape { // a dimension is the number of rows, or does not depend on it; the number of elements is neither
		if kind := countedValues(a.Const, b.Const); kind == coupled {
			return coupled
		}
	}
	if bytes.Equal(a.Const.Bytes, b.Const.Bytes) {
		return apart // none of its elements is the number of rows
	}
	return counted
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

// stepKeepsRows reports whether a step some of whose inputs carry rows keeps them apart.
func (r *region) stepKeepsRows(st *step, kinds []rowKind, args [2][]graph.Arg) bool {
	rows := make([]bool, len(kinds))
	for i, k := range kinds {
		switch rows[i] = k == carries; k {
		case coupled:
			return false
		case counted:
			if i == 0 || i != st.op.ShapeInput || !rowsFirstInShape(args[0][st.in[i]].Const, args[1][st.in[i]].Const) {
				return false
			}
		}
	}
	for k := range args {
		if st.op.Rows == nil || !st.op.Rows(st.node, argsOf(st.in, args[k]), rows) {
			return false
		}
		for _, s := range st.out {
			if shape := args[k][s].Shape; len(shape) == 0 || shape[0] != 2+k || !slices.Equal(shape[1:], args[0][s].Shape[1:]) {
				return false
			}
		}
	}
	return true
}

// rowsFirstInShape reports whether only the first dimension of a shape follows from the number of rows.
func rowsFirstInShape(a, b *tensor.Tensor) bool {
	if a == nil || b == nil || a.DType != tensor.Int64 || a.Len() == 0 {
		return false
	}
	return slices.Equal(tensor.Data[int64](a)[1:], tensor.Data[int64](b)[1:])
}
