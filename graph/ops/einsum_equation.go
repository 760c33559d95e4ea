package ops

import (
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// equation is an Einsum equation for operands of known ranks. Labels are numbered: first the axes of the ellipsis, then letters as they
// appear.
type equation struct {
	terms  [][]int // the label of each axis of each operand
	out    []int
	labels int
}

// maxLabels is two alphabets and an ellipsis of all axes.
const maxLabels = 52 + kernels.MaxAxes

// labelSizes is the size along each label.
type labelSizes [maxLabels]int

// readEquation parses attribute "equation" for operands of the ranks of in. An ellipsis of fewer axes than another is aligned at the last,
// as in NumPy.
func readEquation(n *graph.Node, in []graph.Arg) (*equation, error) {
	text, err := n.StringAttr("equation", "")
	if err != nil {
		return nil, err
	}
	left, right, explicit := strings.Cut(strings.ReplaceAll(text, " ", ""), "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(in) {
		return nil, modelErr(n, "equation %q has %d terms for %d inputs", text, len(terms), len(in))
	}
	dots := make([]int, len(terms)) // axes of each ellipsis
	ellipsis := 0
	letters := map[byte]int{}
	var order []byte
	for i, term := range terms {
		rank := len(in[i].Shape)
		if rank > kernels.MaxAxes {
			return nil, unsupported(n, "input %d of %d axes, expected at most %d", i, rank, kernels.MaxAxes)
		}
		names, hasDots, ok := cutTerm(term)
		if !ok {
			return nil, modelErr(n, "equation %q, term %d", text, i)
		}
		if dots[i] = rank - len(names); dots[i] < 0 || dots[i] > 0 && !hasDots {
			return nil, modelErr(n, "equation %q names %d axes of input %d, which has shape %v", text, len(names), i, in[i].Shape)
		}
		ellipsis = max(ellipsis, dots[i])
		for _, c := range []byte(names) {
			if letters[c]++; letters[c] == 1 {
				order = append(order, c)
			}
		}
	}
	e := &equation{labels: ellipsis + len(order)}
	read := func(term string, dots int) (labels []int, unknown bool) {
		for at := 0; at < len(term); at++ {
			if term[at] == '.' {
				for d := ellipsis - dots; d < ellipsis; d++ {
					labels = append(labels, d)
				}
				at += 2
				continue
			}
			c := slices.Index(order, term[at])
			labels = append(labels, ellipsis+c)
			unknown = unknown || c < 0
		}
		return labels, unknown
	}
	for i, term := range terms {
		labels, _ := read(term, dots[i])
		e.terms = append(e.terms, labels)
	}
	if explicit {
		_, _, ok := cutTerm(right)
		if !ok {
			return nil, modelErr(n, "equation %q, the output", text)
		}
		var unknown bool
		e.out, unknown = read(right, ellipsis)
		if len(distinct(e.out)) != len(e.out) || unknown {
			return nil, modelErr(n, "equation %q, the output", text)
		}
		return e, nil
	}
	for d := range ellipsis {
		e.out = append(e.out, d)
	}
	for _, c := range slices.Sorted(slices.Values(order)) {
		if letters[c] == 1 {
			e.out = append(e.out, ellipsis+slices.Index(order, c))
		}
	}
	return e, nil
}

// cutTerm returns the letters of a term, and whether an ellipsis is among them; ok is false where there is anything else.
func cutTerm(term string) (names string, dots, ok bool) {
	before, after, dots := strings.Cut(term, "...")
	names = before + after
	for _, c := range []byte(names) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "", false, false
		}
	}
	return names, dots, true
}

// sizes gives every label its size; 1 stretches. ok is false where two differ.
func (e *equation) sizes(dims *labelSizes, shapeOf func(i int) []int) bool {
	for l := range e.labels {
		dims[l] = 1
	}
	for i, labels := range e.terms {
		for axis, d := range shapeOf(i) {
			if have := &dims[labels[axis]]; *have == 1 {
				*have = d
			} else if d != 1 && d != *have {
				return false
			}
		}
	}
	return true
}

// rows holds where axis 0 of the result is axis 0, and no other, of all operands with rows, and no axis of the others.
func (e *equation) rows(in []graph.Arg, rows []bool) bool {
	if len(e.out) == 0 {
		return false
	}
	row := e.out[0]
	for i, labels := range e.terms {
		for axis, l := range labels {
			if rows[i] && (l == row) != (axis == 0) || !rows[i] && l == row && in[i].Shape[axis] != 1 {
				return false
			}
		}
		if rows[i] && len(labels) == 0 {
			return false
		}
	}
	return slices.Contains(rows, true)
}

// einsumTypes are the dtypes of Einsum, without half floats.
var einsumTypes = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8,
	tensor.Uint16, tensor.Uint32, tensor.Uint64}

func inferEinsum(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, len(in), len(in)); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 0, einsumTypes...); err != nil {
		return nil, err
	}
	for _, a := range in[1:] {
		if a.DType != in[0].DType {
			return nil, modelErr(n, "inputs are %s and %s", in[0].DType, a.DType)
		}
	}
	e, err := readEquation(n, in)
	if err != nil {
		return nil, err
	}
	if _, err := e.plan(n); err != nil {
		return nil, err
	}
	var dims labelSizes
	if !e.sizes(&dims, func(i int) []int { return in[i].Shape }) {
		return nil, modelErr(n, "shapes that differ along one label of the equation")
	}
	shape := make([]int, len(e.out))
	for i, l := range e.out {
		shape[i] = dims[l]
	}
	if _, ok := tensor.Elements(shape); !ok {
		return nil, modelErr(n, "a result of shape %v", shape)
	}
	return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
}
