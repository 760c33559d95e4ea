package plan_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// fusedModel is a product with nodes after it; the last one produces y. Inputs x of rank 3, m of rank 2 and one more that fits either.
func fusedModel(nodes ...*graph.Node) *graph.Model {
	r := rand.New(rand.NewPCG(8, 9))
	return &graph.Model{Opsets: map[string]int64{"": 24}, Graph: graph.Graph{
		Inputs: []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 5, 12}}, {Name: "m", DType: tensor.Float32, Shape: []int{-1, 12}},
			{Name: "r3", DType: tensor.Float32, Shape: []int{-1, 5, 33}}, {Name: "r2", DType: tensor.Float32, Shape: []int{-1, 33}}, {Name: "row", DType: tensor.Float32, Shape: []int{33}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32}},
		Initializers: map[string]*tensor.Tensor{
			"w": random(r, 12, 33), "wt": random(r, 33, 12), "w1": random(r, 12, 1), "b": random(r, 33), "b1": random(r, 1), "whole": random(r, 5, 33),
			"lo": tensor.Of([]float32{-0.5}), "hi": tensor.Of([]float32{0.75}),
		},
		Nodes: nodes,
	}}
}

// TestFusedSameBits compiles each chain as it is, where it becomes one node, and with its middle values as outputs, where nothing can be
// fused: y is the same.
func TestFusedSameBits(t *testing.T) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	chains := [][]*graph.Node{
		{node("MatMul", "x w", "p"), node("Add", "b p", "a"), node("Gelu", "a", "y")},
		{node("MatMul", "x w", "p"), node("Add", "p b", "a"), node("Add", "r3 a", "s"), node("Tanh", "s", "y")},
		{node("MatMul", "x w", "p"), node("Add", "p whole", "a"), node("Clip", "a lo hi", "y")},
		{node("MatMul", "x w", "p"), node("Add", "p row", "a"), node("Clip", "a lo", "y")},
		{node("MatMul", "m w", "p"), node("Add", "p r3", "a"), node("Sigmoid", "a", "y")}, // the residual has another rank
		{node("MatMul", "x w1", "p"), node("Add", "p r3", "a"), node("Relu", "a", "y")},   // and here stretches the product
		{node("MatMul", "m w1", "p"), node("Add", "p b", "a"), node("Relu", "a", "y")},
		{node("Gemm", "m wt b", "p", "transB", graph.Int(1)), node("Add", "p r2", "a"), node("HardSwish", "a", "y")},
		{node("Gemm", "m w", "p", "beta", graph.Float32(3)), node("Add", "p b", "a"), node("Gelu", "a", "y", "approximate", graph.Str("tanh"))},
		{node("Gemm", "m w", "p", "alpha", graph.Float32(0.3)), node("Add", "p r2", "a"), node("Add", "a b", "c"), node("Elu", "c", "y")}, // the second Add stays
		{node("Gemm", "m w1 b1", "p"), node("Add", "p r2", "a"), node("HardSigmoid", "a", "y")},
		{node("MatMul", "m w", "p"), node("Add", "p r2", "a"), node("LeakyRelu", "a", "y", "alpha", graph.Float32(0.2))},
		{node("MatMul", "x w", "p"), node("Softplus", "p", "y")},
		{node("MatMul", "x w", "p"), node("Swish", "p", "y")},
	}
	for _, chain := range chains {
		name, fused, apart := "", fusedModel(chain...), fusedModel(chain...)
		for _, n := range chain {
			name += n.Op + " "
		}
		for _, n := range chain[:len(chain)-1] {
			apart.Graph.Outputs = append(apart.Graph.Outputs, graph.Value{Name: n.Outputs[0], DType: tensor.Float32})
		}
		standard, err := passes.Standard(fused)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := passes.Fuse(standard); err != nil {
			t.Fatal(name, err)
		}
		if got := standard.Graph.Nodes; got[0].Domain != graph.DomainFused || len(got) > 1 && got[1].Op != "Add" {
			t.Errorf("%s: %d nodes, the first %v of domain %q", name, len(got), got[0], got[0].Domain)
		}
		a, b := compile(t, fused, plan.Options{Pool: pool}), compile(t, apart, plan.Options{})
		for _, rows := range []int{1, 3} {
			in := a.NewInputs(rows)
			fill(in, uint64(rows))
			if slices.Contains(chain[0].Inputs, "m") && slices.ContainsFunc(chain, func(n *graph.Node) bool { return slices.Contains(n.Inputs, "r3") }) {
				in[1] = tensor.New(tensor.Float32, 5, 12)
				fill(in[1:2], 3)
			}
			x, y := a.NewOutputs(), b.NewOutputs()
			if err := a.Run(in, x); err != nil {
				t.Fatal(name, err)
			}
			if err := b.Run(in, y); err != nil {
				t.Fatal(name, err)
			}
			if !slices.Equal(x[0].Shape, y[0].Shape) || !bytes.Equal(x[0].Bytes, y[0].Bytes) {
				t.Errorf("%s, %d rows: fused %v, apart %v: shapes or bits differ", name, rows, x[0].Shape, y[0].Shape)
			}
		}
	}
}

// TestAddNormSameBits: a residual and its norm are one step with the bits of two, whether or not the sum is read, and keep rows apart.
func TestAddNormSameBits(t *testing.T) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	for _, norm := range []string{"LayerNormalization", "RMSNormalization"} {
		for _, addend := range []string{"r3", "b", "whole"} {
			var got [3][]*tensor.Tensor
			for i, outputs := range [][]string{{"y"}, {"y", "a"}, {"y", "a", "z"}} { // z: the sum of other nodes, so that nothing is fused
				nodes := []*graph.Node{node("Tanh", "r3", "h"), node("Add", addend+" h", "a"), node(norm, "a b", "y")} // b: the scale
				if len(outputs) == 3 {
					nodes[1] = node("Add", addend+" h", "s")
					nodes = append(nodes, node("Max", "s s", "a"), node("Neg", "s", "z"))
				}
				m := fusedModel(nodes...)
				m.Graph.Inputs, m.Graph.Outputs = m.Graph.Inputs[2:3], nil
				for _, name := range outputs {
					m.Graph.Outputs = append(m.Graph.Outputs, graph.Value{Name: name, DType: tensor.Float32})
				}
				standard, err := passes.Standard(m)
				if err == nil {
					err = passes.Fuse(standard)
				}
				if err != nil {
					t.Fatal(err)
				}
				if fused := slices.ContainsFunc(standard.Graph.Nodes, func(n *graph.Node) bool { return n.Domain == graph.DomainFused }); fused != (i < 2) {
					t.Errorf("%s of a sum with %s, outputs %v: fused %v", norm, addend, outputs, fused)
				}
				p := compile(t, m, plan.Options{Pool: pool})
				if !p.Signature().RowIndependent {
					t.Errorf("%s of a sum with %s: rows are not apart", norm, addend)
				}
				in := p.NewInputs(40)
				fill(in, 6)
				got[i] = p.NewOutputs()
				if err := p.Run(in, got[i]); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got[i][0].Bytes, got[0][0].Bytes) || i > 1 && !bytes.Equal(got[i][1].Bytes, got[1][1].Bytes) {
					t.Errorf("%s of a sum with %s, outputs %v: other bits", norm, addend, outputs)
				}
			}
		}
	}
}

// TestFusedRows: a batch of sequences with a residual keeps its rows apart, one whose residual is not a row's does not.
func TestFusedRows(t *testing.T) {
	for residual, want := range map[string]bool{"x": true, "one": true, "all": false} {
		m := fusedModel(node("MatMul", "x square", "p"), node("Add", "p "+residual, "a"), node("Relu", "a", "y"))
		m.Graph.Inputs = m.Graph.Inputs[:1]
		r := rand.New(rand.NewPCG(1, 1))
		m.Graph.Initializers["square"], m.Graph.Initializers["one"], m.Graph.Initializers["all"] = random(r, 12, 12), random(r, 1, 5, 12), random(r, 2, 5, 12)
		if got := compile(t, m, plan.Options{}).Signature().RowIndependent; got != want {
			t.Errorf("residual %s: rows independent: %v", residual, got)
		}
	}
}

// TestSumOfProducts: the first product takes the sum of both into its epilogue, and then reads what a later node makes.
func TestSumOfProducts(t *testing.T) {
	m := mlp()
	m.Graph.Nodes = []*graph.Node{node("Gemm", "input w0 b0", "p"), node("Gemm", "input w0 b0", "q"), node("Add", "p q", "output")}
	m.Graph.Outputs[0].Shape = []int{-1, 128}
	single := mlp()
	single.Graph.Nodes, single.Graph.Outputs[0].Shape = []*graph.Node{node("Gemm", "input w0 b0", "output")}, []int{-1, 128}
	sum, one := compile(t, m, plan.Options{}), compile(t, single, plan.Options{})
	in, a, b := sum.NewInputs(3), sum.NewOutputs(), one.NewOutputs()
	fill(in, 1)
	if err := errors.Join(sum.Run(in, a), one.Run(in, b)); err != nil {
		t.Fatal(err)
	}
	for i, v := range tensor.Data[float32](b[0]) {
		if got := tensor.Data[float32](a[0])[i]; got != 2*v {
			t.Fatalf("element %d is %v, expected %v", i, got, 2*v)
		}
	}
}
