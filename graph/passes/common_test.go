package passes_test

import (
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestEqualNodesAreMerged: what is computed twice is computed once, also in chains and where a body reads it; outputs keep their names, and
// nodes that differ in an attribute or in an omitted output stay.
func TestEqualNodesAreMerged(t *testing.T) {
	n := func(op string, inputs, outputs []string, attrs map[string]graph.Attr) *graph.Node {
		return &graph.Node{Op: op, Inputs: inputs, Outputs: outputs, Attrs: attrs}
	}
	axis := func(i int64) map[string]graph.Attr { return map[string]graph.Attr{"axis": graph.Int(i)} }
	branch := func(reads, out string) graph.Attr {
		return graph.Attr{Kind: graph.AttrGraph, Graph: &graph.Graph{Outputs: []graph.Value{{Name: out}}, Initializers: map[string]*tensor.Tensor{},
			Nodes: []*graph.Node{n("Abs", []string{reads}, []string{out}, nil)}}}
	}
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 4}}, {Name: "c", DType: tensor.Bool, Shape: []int{}}},
		Outputs:      []graph.Value{{Name: "y"}, {Name: "z"}, {Name: "w"}},
		Initializers: map[string]*tensor.Tensor{},
		Nodes: []*graph.Node{
			n("Neg", []string{"x"}, []string{"a"}, nil), n("Neg", []string{"x"}, []string{"b"}, nil),
			n("Exp", []string{"a"}, []string{"p"}, nil), n("Exp", []string{"b"}, []string{"q"}, nil),
			n("Softmax", []string{"p"}, []string{"s"}, axis(1)), n("Softmax", []string{"q"}, []string{"r"}, axis(0)), n("Softmax", []string{"q"}, []string{"z"}, axis(1)),
			n("If", []string{"c"}, []string{"w"}, map[string]graph.Attr{"then_branch": branch("q", "t"), "else_branch": branch("b", "e")}),
			n("Mul", []string{"s", "r"}, []string{"y"}, nil),
		},
	}}
	if err := passes.Fuse(m); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, n := range m.Graph.Nodes {
		got[n.Op]++
	}
	if got["Neg"] != 1 || got["Exp"] != 1 || got["Softmax"] != 3 || got["If"] != 1 {
		t.Errorf("nodes are %v", got)
	}
}
