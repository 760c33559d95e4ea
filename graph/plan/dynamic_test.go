package plan_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
)

// given is a model of x [N, 4] and of a list r of integers that says shapes.
func given(nodes ...*graph.Node) *graph.Model {
	m := shaped(nodes...)
	m.Graph.Inputs = append(m.Graph.Inputs, graph.Value{Name: "r", DType: tensor.Int64, Shape: []int{-1}})
	return m
}

func TestShapesThatFollowFromValues(t *testing.T) {
	double := func(x []float32) []float32 {
		y := slices.Clone(x)
		for i := range y {
			y[i] *= 2
		}
		return y
	}
	cases := map[string]struct {
		m    *graph.Model
		want func(x []float32, r []int64) (shape []int, y []float32)
	}{
		"one step at the end": {given(node("Add", "x x", "d"), node("Reshape", "d r", "y")),
			func(x []float32, r []int64) ([]int, []float32) { return dims(r), double(x) }},
		"regions on both sides": {given(node("Neg", "x", "n"), node("Reshape", "n r", "d"), node("Add", "d d", "a"), node("Neg", "a", "y")),
			func(x []float32, r []int64) ([]int, []float32) { return dims(r), double(x) }},
		"shapes known across a step": {given(append(rowCount(), node("Reshape", "x r", "d"), node("Add", "d d", "a"), node("Concat", "n free", "back", "axis", graph.Int(0)),
			node("Reshape", "a back", "y"))...),
			func(x []float32, r []int64) ([]int, []float32) { return []int{len(x) / 4, 4}, double(x) }},
		"values computed before": {given(node("Add", "r r", "rr"), node("Sub", "rr r", "same"), node("Reshape", "x same", "d"), node("Add", "d d", "y")),
			func(x []float32, r []int64) ([]int, []float32) { return dims(r), double(x) }},
		"two steps, one behind the other": {given(node("Reshape", "x r", "d"), node("Shape", "d", "s"), node("Add", "d d", "a"), node("Reshape", "a s", "b"), node("Reshape", "b r", "y")),
			func(x []float32, r []int64) ([]int, []float32) { return dims(r), double(x) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := compile(t, c.m, plan.Options{})
			if p.Signature().RowIndependent {
				t.Error("rows are said to be independent")
			}
			out := p.NewOutputs()
			for _, r := range [][]int64{{4, 3}, {12}, {2, 3, 2}, {12}, {4, 3}} {
				in := []*tensor.Tensor{tensor.New(tensor.Float32, 3, 4), tensor.Of(r, len(r))}
				fill(in[:1], uint64(len(r)))
				run := func() {
					if err := p.Run(in, out); err != nil {
						t.Fatal(err)
					}
				}
				run()
				shape, y := c.want(tensor.Data[float32](in[0]), r)
				if !slices.Equal(out[0].Shape, shape) || !slices.Equal(tensor.Data[float32](out[0]), y) {
					t.Fatalf("%v: %v %v, expected %v %v", r, out[0].Shape, tensor.Data[float32](out[0]), shape, y)
				}
				if allocs := testing.AllocsPerRun(10, run); allocs != 0 && !testkit.Race {
					t.Errorf("%v: %v allocations per run with the same values", r, allocs)
				}
			}
			bad := []*tensor.Tensor{tensor.New(tensor.Float32, 3, 4), tensor.Of([]int64{5}, 1)}
			if err := p.Run(bad, out); !errors.Is(err, graph.ErrInput) {
				t.Errorf("error %v, expected %v", err, graph.ErrInput)
			}
		})
	}
}

func dims(r []int64) []int {
	shape := make([]int, len(r))
	for i, d := range r {
		shape[i] = int(d)
	}
	return shape
}

// TestUnknownRank: an input without a shape takes any; the plan is compiled for the ranks it meets.
func TestUnknownRank(t *testing.T) {
	m := given(node("Softmax", "x", "a"), node("Add", "a a", "y"))
	m.Graph.Inputs = m.Graph.Inputs[:1]
	m.Graph.Inputs[0].Shape = nil
	p := compile(t, m, plan.Options{})
	out := p.NewOutputs()
	for _, shape := range [][]int{{2}, {3, 2}, {2, 1, 2}, {2}} {
		if err := p.Run([]*tensor.Tensor{tensor.New(tensor.Float32, shape...)}, out); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out[0].Shape, shape) || tensor.Data[float32](out[0])[0] != 1 {
			t.Errorf("%v gave %v %v", shape, out[0].Shape, tensor.Data[float32](out[0]))
		}
	}
}

// TestOtherSizesThanOne: a model whose unknown dimensions cannot be 1 is compiled for the first shapes it meets.
func TestOtherSizesThanOne(t *testing.T) {
	m := shaped(node("Reshape", "x pairs", "y"))
	m.Graph.Inputs[0].Shape = []int{-1, -1}
	m.Graph.Initializers["pairs"] = tensor.Of([]int64{-1, 2}, 2)
	p := compile(t, m, plan.Options{})
	out := p.NewOutputs()
	if err := p.Run([]*tensor.Tensor{tensor.New(tensor.Float32, 2, 3)}, out); err != nil || !slices.Equal(out[0].Shape, []int{3, 2}) {
		t.Errorf("shape %v, error %v", out[0].Shape, err)
	}
	if err := p.Run([]*tensor.Tensor{tensor.New(tensor.Float32, 1, 3)}, out); !errors.Is(err, graph.ErrInput) {
		t.Errorf("error %v, expected %v", err, graph.ErrInput)
	}
}

// TestValuesHaveLimits: what a value asks for is compared with the memory of the plan before it is taken.
func TestValuesHaveLimits(t *testing.T) {
	m := given(node("ConstantOfShape", "r", "y"))
	p := compile(t, m, plan.Options{MaxBytes: 1 << 20})
	in := []*tensor.Tensor{tensor.New(tensor.Float32, 1, 4), nil}
	for _, r := range [][]int64{{1 << 20}, {1 << 40}, {1 << 31, 1 << 31}, {1 << 15, 1 << 4}} {
		in[1] = tensor.Of(r, len(r))
		if err := p.Run(in, p.NewOutputs()); !errors.Is(err, graph.ErrLimit) && !errors.Is(err, graph.ErrInput) {
			t.Errorf("%v: error %v", r, err)
		}
	}
	in[1] = tensor.Of([]int64{1 << 10, 1 << 4}, 2)
	if err := p.Run(in, p.NewOutputs()); err != nil {
		t.Error(err)
	}
}

func TestConcurrentStages(t *testing.T) {
	p := compile(t, given(node("Neg", "x", "n"), node("Reshape", "n r", "d"), node("Neg", "d", "y")), plan.Options{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			out := p.NewOutputs()
			for i := range 50 {
				r := [][]int64{{8}, {2, 4}, {2, 2, 2}}[(g+i)%3]
				in := []*tensor.Tensor{tensor.New(tensor.Float32, 2, 4), tensor.Of(r, len(r))}
				fill(in[:1], uint64(g))
				if err := p.Run(in, out); err != nil || !slices.Equal(out[0].Shape, dims(r)) || !slices.Equal(out[0].Bytes, in[0].Bytes) {
					t.Errorf("%v: shape %v, error %v", r, out[0].Shape, err)
				}
			}
		})
	}
	wg.Wait()
}
