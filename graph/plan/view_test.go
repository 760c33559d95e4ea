package plan_test

import (
	"fmt"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestViewsShareMemory: changing the shape of a value of the arena is no step, and what the view shows lives as long as the view.
func TestViewsShareMemory(t *testing.T) {
	p := compile(t, shaped(node("Neg", "x", "a"), node("Unsqueeze", "a first", "b"), node("Unsqueeze", "b first", "c"), node("Abs", "a", "d"),
		node("Neg", "d", "e"), node("Neg", "e", "f"), node("Mul", "f c", "y")), plan.Options{})
	if got := fmt.Sprint(opsOf(t, p)); got != "[neg abs neg neg mul]" {
		t.Errorf("the steps are %s", got)
	}
	in, out := p.NewInputs(2), p.NewOutputs()
	x := tensor.Data[float32](in[0])
	for i := range x {
		x[i] = float32(i + 1)
	}
	if err := p.Run(in, out); err != nil {
		t.Fatal(err)
	}
	for i, v := range x {
		if got, want := tensor.Data[float32](out[0])[i], -v*v; got != want {
			t.Errorf("of %v got %v, expected %v", v, got, want)
		}
	}
}

// TestViewsOfOthersAreCopied: an output of the model has memory of its own, and a view of an input or of an output shows what it holds now.
func TestViewsOfOthersAreCopied(t *testing.T) {
	m := shaped(node("Neg", "x", "a"), node("Unsqueeze", "a first", "y"), node("Unsqueeze", "x first", "b"), node("Unsqueeze", "y first", "c"), node("Neg", "b", "z"), node("Neg", "c", "w"))
	m.Graph.Outputs = append(m.Graph.Outputs, graph.Value{Name: "z"}, graph.Value{Name: "w"})
	p := compile(t, m, plan.Options{})
	out := p.NewOutputs()
	for run := range 2 {
		in := p.NewInputs(1)
		x := tensor.Data[float32](in[0])
		for i := range x {
			x[i] = float32(i + 10*run + 1)
		}
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
		for i, v := range x {
			if y, z, w := tensor.Data[float32](out[0])[i], tensor.Data[float32](out[1])[i], tensor.Data[float32](out[2])[i]; y != -v || z != -v || w != v {
				t.Errorf("run %d: of %v got %v, %v and %v", run, v, y, z, w)
			}
		}
	}
}
