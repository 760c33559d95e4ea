package plan_test

import (
	"fmt"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestRowsThroughBranches: rows are independent where they are on every way through the branches and no condition depends on them.
func TestRowsThroughBranches(t *testing.T) {
	double, negate := body("", "d", node("Add", "x x", "d")), body("", "m", node("Neg", "x", "m"))
	centre := body("", "z", node("ReduceMean", "x", "mean"), node("Sub", "x mean", "z"))
	count := []*graph.Node{node("Shape", "x", "s"), node("Gather", "s i0", "rows")}
	const apart, not = "&{[0 -1 -1] [0]}", "<nil>"
	for name, c := range map[string]struct {
		nodes []*graph.Node
		want  string
	}{
		"either branch":          {[]*graph.Node{branches("c", "y", double, negate)}, apart},
		"one after the other":    {[]*graph.Node{branches("c", "v", double, negate), node("Not", "c", "other"), branches("other", "w", body("", "e", node("Abs", "x", "e")), body("", "f", node("Ceil", "x", "f"))), node("Mul", "v w", "y")}, apart},
		"one in another":         {[]*graph.Node{branches("c", "y", body("", "o", branches("c", "i", double, negate), node("Neg", "i", "o")), negate)}, apart},
		"a branch mixes rows":    {[]*graph.Node{branches("c", "y", double, centre)}, not},
		"rows decide":            {[]*graph.Node{node("ReduceMax", "x", "top", "keepdims", graph.Int(0)), node("Less", "top one", "t"), branches("t", "y", double, negate)}, not},
		"their number decides":   {append(count, node("Equal", "rows i1", "t"), branches("t", "y", double, negate)), not},
		"their presence decides": {append(count, node("Cast", "rows", "t", "to", graph.Int(int64(tensor.Bool.ONNX()))), branches("t", "y", double, centre)), apart},
		"an initial state":       {append(count, node("Unsqueeze", "rows axis", "many"), node("ConstantOfShape", "many", "z"), node("Add", "x z", "y")), apart},
		"a loop":                 {[]*graph.Node{node("Loop", "n c x", "y", "body", body("i more v", "again w", node("Add", "v v", "w"), node("Identity", "more", "again")))}, not},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fmt.Sprint(compile(t, list(c.nodes...), plan.Options{}).Signature().RowAxes); got != c.want {
				t.Errorf("rows lie along %s, expected %s", got, c.want)
			}
		})
	}
}

// TestRowsOfState: a recurrent state has rows along its second axis.
func TestRowsOfState(t *testing.T) {
	m := &graph.Model{Opsets: map[string]int64{"": 22}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, -1}}, {Name: "state", DType: tensor.Float32, Shape: []int{2, -1, 4}}},
		Outputs:      []graph.Value{{Name: "y"}, {Name: "next"}},
		Initializers: map[string]*tensor.Tensor{"w": tensor.New(tensor.Float32, 1, 16, 3), "r": tensor.New(tensor.Float32, 1, 16, 4), "zero": tensor.Of([]int64{0}, 1), "steps": tensor.Of([]int64{0, -1, 3}, 3)},
		Nodes: []*graph.Node{
			node("Reshape", "x steps", "cut"), node("Transpose", "cut", "first", "perm", graph.Ints(1, 0, 2)), node("Split", "state", "h c"),
			node("LSTM", "first w r   h c", "all last cell"), node("Concat", "last cell", "next", "axis", graph.Int(0)), node("Squeeze", "last zero", "y"),
		},
	}}
	m.Graph.Nodes[3].Inputs = []string{"first", "w", "r", "", "", "h", "c"}
	m.Graph.Inputs[0].Shape = []int{-1, 9}
	s := compile(t, m, plan.Options{}).Signature()
	if got := fmt.Sprint(s.RowAxes); got != "&{[0 1] [0 1]}" || s.RowIndependent {
		t.Errorf("rows lie along %s, and along axis 0 everywhere is %v", got, s.RowIndependent)
	}
}
