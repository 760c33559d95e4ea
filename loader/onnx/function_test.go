package onnx_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/onnx"
)

// TestFunctions reads testdata/functions.onnx: two calls of a function that calls another, itself and in a body.
func TestFunctions(t *testing.T) {
	data, err := os.ReadFile("testdata/functions.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	var walk func(g *graph.Graph)
	walk = func(g *graph.Graph) {
		for _, n := range g.Nodes {
			got += n.Domain + n.Op
			if a, ok := n.Attrs["axis"]; ok {
				got += fmt.Sprint(a.Int)
			}
			if n.Op == "Mul" {
				got += fmt.Sprint(tensor.Data[float32](g.Initializers[n.Inputs[1]]))
			}
			got += " "
			for _, body := range n.Bodies() {
				walk(body)
			}
		}
	}
	walk(&m.Graph)
	const call = "Identity Mul[2] Identity Softmax%d If Neg Identity Mul[0.5] Softmax0 " // sorted; bodies in the order of their attributes
	if want := fmt.Sprintf(call+call+"Add ", 1, 0); got != want {
		t.Errorf("nodes are  %s\nexpected   %s", got, want)
	}
	out, err := onnx.Write(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.Read(out); err != nil {
		t.Errorf("cannot read what was written: %v", err)
	}
}

// TestFunctionEdges: what calls may leave out, and outputs that no node makes.
func TestFunctionEdges(t *testing.T) {
	ref := msg(5, msg(1, []byte("axis")), msg(21, []byte("a")), num(20, 2))
	cases := map[string][]byte{
		"attribute without a value": functionOf("f", msg(7, callOf("Softmax", "i", "o", ref)), msg(6, []byte("a"))),
		"second output omitted":     functionOf("f", msg(7, callOf("Softmax", "i", "o")), msg(7, callOf("Neg", "o", "p")), msg(5, []byte("p"))),
		"second input omitted":      functionOf("f", msg(4, []byte("j")), msg(7, callOf("Clip", "i", "o", msg(1, []byte("j"))))),
	}
	for name, f := range cases {
		m, err := onnx.Read(calls(f))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n := m.Graph.Nodes[0]
		if _, has := n.Attrs["axis"]; has || n.Inputs[0] != "x" || n.Outputs[0] != "y" || len(n.Inputs) > 1 && n.Inputs[1] != "" {
			t.Errorf("%s: the node is %+v", name, n)
		}
	}
	input := msg(25, msg(1, []byte("f")), msg(10, []byte("local")), msg(4, []byte("i")), msg(5, []byte("i")), msg(9, num(2, 17)))
	m, err := onnx.Read(calls(input))
	if err != nil || len(m.Graph.Nodes) != 1 || m.Graph.Nodes[0].Op != "Identity" || m.Graph.Nodes[0].Inputs[0] != "x" || m.Graph.Nodes[0].Outputs[0] != "y" {
		t.Errorf("an input as output: %v", err)
	}
}
