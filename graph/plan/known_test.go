package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
)

// shaped is a model of one input x [N, 4] and one output y, with constants for arithmetic on shapes.
func shaped(nodes ...*graph.Node) *graph.Model {
	return &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 4}}},
		Outputs: []graph.Value{{Name: "y"}},
		Initializers: map[string]*tensor.Tensor{
			"zero": tensor.Of([]int64{0}), "first": tensor.Of([]int64{0}, 1), "one": tensor.Of([]int64{1}), "two": tensor.Of([]int64{2}, 1),
			"free": tensor.Of([]int64{-1}, 1), "step": tensor.Of([]int64{1}),
		},
		Nodes: nodes,
	}}
}

// rowCount makes n, the first dimension of x, as exporters do.
func rowCount() []*graph.Node {
	return []*graph.Node{node("Shape", "x", "s"), node("Gather", "s zero", "g"), node("Unsqueeze", "g first", "n")}
}

func TestValuesKnownFromShapes(t *testing.T) {
	cases := map[string]struct {
		m    *graph.Model
		want func(rows int, x []float32) (shape []int, y []float32)
		rows bool // independent
		free bool // of allocations
	}{
		"reshape": {shaped(append(rowCount(), node("Concat", "n two free", "r", "axis", graph.Int(0)), node("Reshape", "x r", "y"))...),
			func(rows int, x []float32) ([]int, []float32) { return []int{rows, 2, 2}, x }, true, true},
		"rows in the second place": {shaped(append(rowCount(), node("Concat", "two n free", "r", "axis", graph.Int(0)), node("Reshape", "x r", "y"))...),
			func(rows int, x []float32) ([]int, []float32) { return []int{2, rows, 2}, x }, false, true},
		"scaled by the rows": {shaped(append(rowCount(), node("Cast", "n", "f", "to", graph.Int(1)), node("Mul", "x f", "y"))...),
			func(rows int, x []float32) ([]int, []float32) {
				y := slices.Clone(x)
				for i := range y {
					y[i] *= float32(rows)
				}
				return []int{rows, 4}, y
			}, false, true},
		"positions added": {shaped(append(rowCount(), node("Range", "zero g step", "i"), node("Cast", "i", "f", "to", graph.Int(1)),
			node("Unsqueeze", "f free", "c"), node("Add", "x c", "y"))...),
			func(rows int, x []float32) ([]int, []float32) {
				y := slices.Clone(x)
				for i := range y {
					y[i] += float32(i / 4)
				}
				return []int{rows, 4}, y
			}, false, true},
		"the shape itself": {shaped(node("Shape", "x", "s"), node("Cast", "s", "y", "to", graph.Int(1))),
			func(rows int, _ []float32) ([]int, []float32) { return []int{2}, []float32{float32(rows), 4} }, false, true},
		"large ones run": {shaped(append(rowCount(), node("Mul", "n big", "k"), node("ConstantOfShape", "k", "z"), node("ReduceSum", "z", "t", "keepdims", graph.Int(0)), node("Add", "x t", "y"))...),
			func(rows int, x []float32) ([]int, []float32) { return []int{rows, 4}, x }, false, false},
	}
	cases["large ones run"].m.Graph.Initializers["big"] = tensor.Of([]int64{40000}, 1)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := compile(t, c.m, plan.Options{})
			out := p.NewOutputs()
			for _, rows := range []int{3, 1, 3, 8} {
				in := p.NewInputs(rows)
				fill(in, uint64(rows))
				run := func() {
					if err := p.Run(in, out); err != nil {
						t.Fatal(err)
					}
				}
				run()
				shape, y := c.want(rows, tensor.Data[float32](in[0]))
				if !slices.Equal(out[0].Shape, shape) || !slices.Equal(tensor.Data[float32](out[0]), y) {
					t.Fatalf("%d rows: %v %v, expected %v %v", rows, out[0].Shape, tensor.Data[float32](out[0]), shape, y)
				}
				if allocs := testing.AllocsPerRun(10, run); c.free && allocs != 0 && !testkit.Race {
					t.Errorf("%d rows: %v allocations per run", rows, allocs)
				}
			}
			if got := p.Signature().RowIndependent; got != c.rows {
				t.Errorf("rows independent is %v, expected %v", got, c.rows)
			}
		})
	}
}

// TestKnownValuesAreNotRun: what follows from shapes is no step of a run.
func TestKnownValuesAreNotRun(t *testing.T) {
	p := compile(t, shaped(append(rowCount(), node("Concat", "n two free", "r", "axis", graph.Int(0)), node("Reshape", "x r", "y"))...), plan.Options{})
	steps, _, err := p.Describe(p.NewInputs(2))
	if err != nil || len(steps) != 1 || steps[0].Op != "reshape" {
		t.Errorf("steps are %v, error %v, expected one reshape", steps, err)
	}
}

// TestKnownValueOutOfRange: an index that is wrong for some shapes is an error of the run with them.
func TestKnownValueOutOfRange(t *testing.T) {
	m := shaped(node("Shape", "x", "s"), node("Gather", "s s", "g"), node("Reshape", "x g", "y"))
	m.Graph.Inputs[0].Shape = []int{-1, -1}
	p := compile(t, m, plan.Options{})
	in := []*tensor.Tensor{tensor.New(tensor.Float32, 2, 3)}
	if err := p.Run(in, p.NewOutputs()); !errors.Is(err, graph.ErrInput) {
		t.Errorf("error %v, expected %v", err, graph.ErrInput)
	}
	in[0] = tensor.New(tensor.Float32, 1, 1)
	out := p.NewOutputs()
	if err := p.Run(in, out); err != nil || fmt.Sprint(out[0].Shape) != "[1 1]" {
		t.Errorf("shape %v, error %v", out[0].Shape, err)
	}
}
