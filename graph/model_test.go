package graph_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func node(op, in, out string) *graph.Node {
	return &graph.Node{Op: op, Inputs: strings.Fields(in), Outputs: strings.Fields(out)}
}

func testGraph(nodes ...*graph.Node) graph.Graph {
	return graph.Graph{
		Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 2}}},
		Outputs:      []graph.Value{{Name: "y"}},
		Initializers: map[string]*tensor.Tensor{"w": tensor.Of([]float32{1, 2}, 2)},
		Nodes:        nodes,
	}
}

func TestCheckSorts(t *testing.T) {
	g := testGraph(node("Relu", "a", "y"), node("Add", "x w", "a"))
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	if g.Nodes[0].Op != "Add" || g.Nodes[1].Op != "Relu" {
		t.Errorf("order is %s, %s", g.Nodes[0].Op, g.Nodes[1].Op)
	}
}

func TestCheckRefuses(t *testing.T) {
	cases := map[string]struct {
		g    graph.Graph
		want string
	}{
		"ON08 cycle":           {testGraph(node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "x", "y")), "cycle"},
		"ON08 self loop":       {testGraph(node("Add", "x y", "y")), "cycle"},
		"ON08 duplicate":       {testGraph(node("Relu", "x", "y"), node("Relu", "x", "y")), "produced twice"},
		"ON08 missing input":   {testGraph(node("Add", "x nothing", "y")), `"nothing" is not produced`},
		"ON08 missing output":  {testGraph(node("Relu", "x", "z")), `output "y" is not produced`},
		"ON08 shadowing":       {testGraph(node("Relu", "x", "w"), node("Relu", "x", "y")), "produced twice"},
		"ON08 input made":      {testGraph(node("Relu", "w", "x"), node("Relu", "x", "y")), "produced twice"},
		"no outputs":           {graph.Graph{Name: "g"}, "no outputs"},
		"nameless input":       {graph.Graph{Inputs: make([]graph.Value, 1), Outputs: make([]graph.Value, 1)}, "no name"},
		"input and initalizer": {graph.Graph{Inputs: []graph.Value{{Name: "w"}}, Outputs: make([]graph.Value, 1), Initializers: map[string]*tensor.Tensor{"w": nil}}, "an input and an initializer"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.g.Check()
			if !errors.Is(err, graph.ErrModel) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected ErrModel with %q", err, c.want)
			}
		})
	}
}

func TestSignatureRoundTrip(t *testing.T) {
	m := &graph.Model{Graph: testGraph(node("Relu", "x", "y"))}
	want := &graph.Signature{
		Task:    graph.Classification,
		Inputs:  []graph.Input{{Name: "x", Columns: []string{"a", "b"}, Missing: true, Image: []int{1, 2}, Max: 16}},
		Outputs: []graph.Output{{Name: "y", Labels: []string{"no", "yes"}}},
	}
	if err := m.SetSignature(want); err != nil {
		t.Fatal(err)
	}
	got, err := m.Signature()
	if err != nil {
		t.Fatal(err)
	}
	in := got.Inputs[0]
	if got.Task != want.Task || !in.Missing || len(in.Columns) != 2 || in.Max != 16 || in.DType != tensor.Float32 || in.Shape[1] != 2 {
		t.Errorf("input came back as %+v", in)
	}
	if len(got.Outputs[0].Labels) != 2 {
		t.Errorf("output came back as %+v", got.Outputs[0])
	}
	m.Metadata[graph.SignatureKey] = "{"
	if _, err := m.Signature(); !errors.Is(err, graph.ErrModel) {
		t.Errorf("broken metadata: error %v, expected ErrModel", err)
	}
}

func TestAttributeKinds(t *testing.T) {
	n := &graph.Node{Op: "X", Outputs: []string{"y"}, Attrs: map[string]graph.Attr{"axis": graph.Float32(1)}}
	if _, err := n.IntAttr("axis", 0); !errors.Is(err, graph.ErrModel) {
		t.Errorf("ON11 attribute of the wrong kind: error %v, expected ErrModel", err)
	}
	if v, err := n.IntAttr("other", 7); v != 7 || err != nil {
		t.Errorf("missing attribute: %d, %v, expected the default 7", v, err)
	}
}
