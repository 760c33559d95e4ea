package plan_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// TestRecurrent runs an LSTM in both directions whose first output is omitted: rows are independent, keep their bits with two threads, and
// a run allocates nothing.
func TestRecurrent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := node("LSTM", "x w r", "y h", "direction", graph.Str("bidirectional"), "layout", graph.Int(1))
	n.Outputs[0] = ""
	m := &graph.Model{Opsets: map[string]int64{"": 22}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 5, 3}}},
		Outputs:      []graph.Value{{Name: "h", DType: tensor.Float32, Shape: []int{-1, 2, 4}}},
		Initializers: map[string]*tensor.Tensor{"w": random(r, 2, 16, 3), "r": random(r, 2, 16, 4)},
		Nodes:        []*graph.Node{n},
	}}
	pool := kernels.NewPool(2)
	defer pool.Close()
	p := compile(t, m, plan.Options{Pool: pool})
	if !p.Signature().RowIndependent {
		t.Error("rows are not proven independent")
	}
	in, out, one := p.NewInputs(6), p.NewOutputs(), p.NewOutputs()
	fill(in, 3)
	run := func() {
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
	}
	run()
	single := p.NewInputs(1)
	for row := range 6 {
		copy(single[0].Bytes, in[0].Bytes[row*60:])
		if err := p.Run(single, one); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one[0].Bytes, out[0].Bytes[row*32:(row+1)*32]) {
			t.Errorf("row %d alone differs from the batch", row)
		}
	}
	if allocs := testing.AllocsPerRun(20, run); allocs != 0 && !testkit.Race {
		t.Errorf("%v allocations per run", allocs)
	}
}
