package ops

import "github.com/hotpath/hotpath/graph"

// Row rules: what each family does to the rows along axis 0. They are the proof behind Signature.RowIndependent.

// rowsElementwise holds where every argument with rows has the output's rank and every other one broadcasts along
// axis 0: position i of the output then meets row i alone.
func rowsElementwise(_ *graph.Node, in []graph.Arg, rows []bool) bool {
	rank := 0
	for _, a := range in {
		rank = max(rank, len(a.Shape))
	}
	for i, a := range in {
		if rows[i] && len(a.Shape) != rank {
			return false
		}
		if !rows[i] && len(a.Shape) == rank && rank > 0 && a.Shape[0] != 1 {
			return false
		}
	}
	return true
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

// rowsOffAxis holds where the operator mixes positions of one axis (attribute "axis", default def) other than axis 0.
func rowsOffAxis(def int64) func(*graph.Node, []graph.Arg, []bool) bool {
	return func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		a, err := n.IntAttr("axis", def)
		if err != nil {
			return false
		}
		for i := range in {
			axis, err := axisOf(n, a, len(in[i].Shape))
			if err != nil || axis == 0 || !rows[i] {
				return false
			}
		}
		return true
	}
}
