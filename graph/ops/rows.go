package ops

import "github.com/hotpath/hotpath/graph"

// Row rules: what each family does to rows, along axis 0 (Op.Rows) or along any axis (Op.RowAxes). They are the proof behind
// Signature.RowIndependent and RowAxes.

// rowsElementwise holds where rows lie along the same axis of the output for every argument that has them, and every other one broadcasts
// along it: position i of the output then meets row i alone.
func rowsElementwise(_ *graph.Node, in, _ []graph.Arg, axes []int) []int {
	rank := 0
	for _, a := range in {
		rank = max(rank, len(a.Shape))
	}
	common := graph.NoRows
	for i, a := range in {
		if axes[i] == graph.NoRows {
			continue
		}
		axis := axes[i] + rank - len(a.Shape)
		if common != graph.NoRows && axis != common {
			return nil
		}
		common = axis
	}
	for i, a := range in {
		if at := common - rank + len(a.Shape); axes[i] == graph.NoRows && at >= 0 && a.Shape[at] != 1 {
			return nil
		}
	}
	return []int{common}
}

// rowsFirst holds where only the first argument carries rows and the operator works within them.
func rowsFirst(_ *graph.Node, _ []graph.Arg, rows []bool) bool {
	for _, r := range rows[1:] {
		if r {
			return false
		}
	}
	return rows[0]
}

// rowsKept holds where only the first argument carries rows and the operator leaves them where they are.
func rowsKept(_ *graph.Node, _, _ []graph.Arg, axes []int) []int {
	for _, a := range axes[1:] {
		if a != graph.NoRows {
			return nil
		}
	}
	if axes[0] == graph.NoRows {
		return nil
	}
	return axes[:1]
}

// rowsOffAxis holds where the operator mixes positions of one axis (attribute "axis", default def) other than that of the rows, which all
// arguments have.
func rowsOffAxis(def int64) func(n *graph.Node, in, out []graph.Arg, axes []int) []int {
	return func(n *graph.Node, in, _ []graph.Arg, axes []int) []int {
		a, err := n.IntAttr("axis", def)
		if err != nil {
			return nil
		}
		for i := range in {
			axis, err := axisOf(n, a, len(in[i].Shape))
			if err != nil || axes[i] == graph.NoRows || axes[i] == axis || axes[i] != axes[0] {
				return nil
			}
		}
		return axes[:1]
	}
}

// rowsReshaped finds rows again where elements keep their order: behind as many elements, and as many of them.
func rowsReshaped(n *graph.Node, in, out []graph.Arg, axes []int) []int {
	if rowsKept(n, in, out, axes) == nil {
		return nil
	}
	before := 1
	for _, d := range in[0].Shape[:axes[0]] {
		before *= d
	}
	for axis, d := range out[0].Shape {
		if before == 1 && d == in[0].Shape[axes[0]] {
			return []int{axis}
		}
		if d == 0 || before%d != 0 {
			return nil
		}
		before /= d
	}
	return nil
}
