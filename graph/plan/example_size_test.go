package plan_test

import (
	"bytes"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestConstantsOutliveExampleSizes: a model that takes none of the sizes that a plan tries first has its weights when it runs.
func TestConstantsOutliveExampleSizes(t *testing.T) {
	model := func() *graph.Model {
		m := mlp()
		g := &m.Graph
		g.Inputs = append(g.Inputs, graph.Value{Name: "z", DType: tensor.Float32, Shape: []int{-1, -1}})
		g.Initializers["shape"] = tensor.Of([]int64{7, 2}, 2)
		g.Nodes = append(g.Nodes, node("Reshape", "z shape", "r"))
		g.Outputs = append(g.Outputs, graph.Value{Name: "r"})
		return m
	}
	owned, err := plan.Open(plan.Source{Read: func() (*graph.Model, error) { return model(), nil }}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var answers [2][]byte
	for i, p := range []*plan.Plan{compile(t, model(), plan.Options{}), owned} {
		in := []*tensor.Tensor{tensor.New(tensor.Float32, 3, 100), tensor.New(tensor.Float32, 2, 7)}
		fill(in, 3)
		out := p.NewOutputs()
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
		answers[i] = out[0].Bytes
	}
	if !bytes.Equal(answers[0], answers[1]) {
		t.Error("other bits where the plan has the model to itself")
	}
}
