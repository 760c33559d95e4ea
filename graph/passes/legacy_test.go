package passes

import (
	"fmt"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestStandardKeepsOldBroadcasting: what broadcasts as before opset 7 stays as it is, so that the model can be written again.
func TestStandardKeepsOldBroadcasting(t *testing.T) {
	old := func(op, in, x, out string, attrs ...any) *graph.Node {
		n := &graph.Node{Op: op, Inputs: []string{in, x}, Outputs: []string{out}, Attrs: map[string]graph.Attr{}, Opset: 6}
		for i := 0; i < len(attrs); i += 2 {
			n.Attrs[attrs[i].(string)] = graph.Int(int64(attrs[i+1].(int)))
		}
		return n
	}
	m := &graph.Model{Opsets: map[string]int64{"": 6}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 2}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, Shape: []int{-1, 2}}, {Name: "rows", DType: tensor.Float32, Shape: []int{2, 2}}},
		Initializers: map[string]*tensor.Tensor{"w": tensor.Of([]float32{1, 2, 3, 4}, 2, 2), "b": tensor.Of([]float32{1, 2}, 2),
			"k": tensor.Of([]float32{5, 6}, 2)},
		Nodes: []*graph.Node{
			old("Add", "w", "k", "rows", "broadcast", 1, "axis", 0), // constant, and no kernel knows how
			old("MatMul", "x", "w", "p"), old("Add", "p", "b", "q", "broadcast", 1, "axis", 1),
			old("MatMul", "q", "w", "r"), old("Add", "r", "b", "y", "broadcast", 1),
		},
	}}
	got, err := Standard(m)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, n := range got.Graph.Nodes {
		text += fmt.Sprint(n.Op, n.Inputs, len(n.Attrs), " ")
	}
	if want := "Add[w k] 2 MatMul[x w] 0 Add[p b] 2 Gemm[q w b] 1 "; text != want {
		t.Errorf("nodes are %s, expected %s", text, want)
	}
}
