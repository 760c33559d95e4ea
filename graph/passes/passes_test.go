package passes_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
)

// mlp is MatMul, Add, Relu, Identity, MatMul, Add with a constant subgraph and a dead node beside it.
func mlp() *graph.Model {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(shape ...int) *tensor.Tensor {
		t := tensor.New(tensor.Float32, shape...)
		for i := range tensor.Data[float32](t) {
			tensor.Data[float32](t)[i] = float32(r.NormFloat64())
		}
		return t
	}
	node := func(op, in, out string) *graph.Node {
		return &graph.Node{Op: op, Inputs: strings.Fields(in), Outputs: strings.Fields(out), Attrs: map[string]graph.Attr{}}
	}
	return &graph.Model{
		Opsets: map[string]int64{"": 17},
		Graph: graph.Graph{
			Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 4}}},
			Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, Shape: []int{-1, 3}}},
			Initializers: map[string]*tensor.Tensor{
				"w0": random(4, 8), "b0": random(8), "w1": random(8, 3), "half": random(3), "other": random(3), "unused": random(2),
			},
			Nodes: []*graph.Node{
				node("MatMul", "x w0", "m0"), node("Add", "b0 m0", "a0"), node("Relu", "a0", "r"), node("Identity", "r", "i"),
				node("Add", "half other", "b1"), node("MatMul", "i w1", "m1"), node("Add", "m1 b1", "y"), node("Tanh", "m1", "dead"),
			},
		},
	}
}

func opNames(m *graph.Model) string {
	var names []string
	for _, n := range m.Graph.Nodes {
		names = append(names, n.Op)
	}
	return strings.Join(names, " ")
}

func TestStandard(t *testing.T) {
	m := mlp()
	out, err := passes.Standard(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := opNames(out); got != "Gemm Relu Gemm" {
		t.Errorf("nodes are %s", got)
	}
	for _, gone := range []string{"unused", "half", "other"} {
		if out.Graph.Initializers[gone] != nil {
			t.Errorf("initializer %s was kept", gone)
		}
	}
	if got := opNames(m); got != "MatMul Add Relu Identity Add MatMul Add Tanh" {
		t.Errorf("the argument was changed to %s", got)
	}
}

// TestStandardNamesOutputs: what an Identity makes an output is computed under that name, and read under it, in bodies too.
func TestStandardNamesOutputs(t *testing.T) {
	node := func(op, in, out string) *graph.Node {
		return &graph.Node{Op: op, Inputs: strings.Fields(in), Outputs: strings.Fields(out), Attrs: map[string]graph.Attr{}}
	}
	branch := func(op string) graph.Attr {
		return graph.Attr{Kind: graph.AttrGraph, Graph: &graph.Graph{Nodes: []*graph.Node{node(op, "r", "b")}, Outputs: []graph.Value{{Name: "b"}}}}
	}
	choice := node("If", "c", "chosen")
	choice.Attrs["then_branch"], choice.Attrs["else_branch"] = branch("Neg"), branch("Abs")
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{2}}, {Name: "c", DType: tensor.Bool, Shape: []int{}}},
		Outputs: []graph.Value{{Name: "y"}, {Name: "again"}, {Name: "z"}, {Name: "chosen"}, {Name: "input"}},
		Nodes: []*graph.Node{node("Relu", "x", "r"), node("Identity", "r", "y"), node("Identity", "r", "again"), node("Tanh", "r", "z"), choice,
			node("Identity", "x", "input")},
	}}
	out, err := passes.Standard(m)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range out.Graph.Nodes {
		got = append(got, n.Op+" "+strings.Join(n.Reads(), ",")+" "+n.Outputs[0])
	}
	if want := "Relu x y; Identity x input; Identity y again; Tanh y z; If c,y chosen"; strings.Join(got, "; ") != want {
		t.Errorf("nodes are %q, expected %q", strings.Join(got, "; "), want)
	}
}

func TestStandardKeepsSharedProducts(t *testing.T) {
	m := mlp()
	m.Graph.Outputs = append(m.Graph.Outputs, graph.Value{Name: "dead"})
	out, err := passes.Standard(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := opNames(out); got != "Gemm Relu MatMul Add Tanh" && got != "Gemm Relu MatMul Tanh Add" {
		t.Errorf("nodes are %s: the product with two users must stay", got)
	}
}

func TestFuse(t *testing.T) {
	m, err := passes.Standard(mlp())
	if err != nil {
		t.Fatal(err)
	}
	if err := passes.Fuse(m); err != nil {
		t.Fatal(err)
	}
	if got := opNames(m); got != "Gemm Gemm" || m.Graph.Nodes[0].Domain != graph.DomainFused {
		t.Errorf("nodes are %s", got)
	}
}

func TestFoldLimit(t *testing.T) {
	m := mlp()
	m.Graph.Initializers["half"] = tensor.New(tensor.Float32, 1, 1<<14)
	m.Graph.Initializers["other"] = tensor.New(tensor.Float32, 1<<14, 1)
	if _, err := passes.Standard(m); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a folded constant of 1 GiB: error %v, expected a limit", err)
	}
}

func TestHostileArity(t *testing.T) {
	for _, op := range []string{"MatMul", "Add", "Gemm", "QuantizeLinear", "Relu"} {
		for _, n := range []*graph.Node{{Op: op, Outputs: []string{"y"}}, {Op: op, Inputs: []string{"x", "x"}}} {
			m := mlp()
			m.Graph.Nodes = append(m.Graph.Nodes, n)
			if len(n.Outputs) > 0 {
				n.Outputs = []string{"extra"}
			}
			if _, err := passes.Standard(m); !errors.Is(err, graph.ErrModel) {
				t.Errorf("%s with %d inputs and %d outputs: error %v, expected ErrModel", op, len(n.Inputs), len(n.Outputs), err)
			}
		}
	}
}

// TestUnreadMask: a Dropout whose mask nothing reads is gone, one whose mask is an output stays.
func TestUnreadMask(t *testing.T) {
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 2}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32}},
		Nodes: []*graph.Node{
			{Op: "Dropout", Inputs: []string{"x"}, Outputs: []string{"d", "mask"}},
			{Op: "Relu", Inputs: []string{"d"}, Outputs: []string{"y"}},
		},
	}}
	out, err := passes.Standard(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := opNames(out); got != "Relu" {
		t.Errorf("nodes are %s", got)
	}
	m.Graph.Outputs = append(m.Graph.Outputs, graph.Value{Name: "mask", DType: tensor.Bool})
	if out, err = passes.Standard(m); err != nil {
		t.Fatal(err)
	}
	if got := opNames(out); got != "Dropout Relu" {
		t.Errorf("with the mask as an output nodes are %s", got)
	}
}

// TestSubnormalWeights: they become the smallest normal number, and others stay.
func TestSubnormalWeights(t *testing.T) {
	tiny := math.Float32frombits(1)
	n := newNetwork(4, 2, 2)
	w := tensor.Of([]float32{tiny, -tiny, 0, 0.5}, 1, 4, 1, 1)
	n.Initializers["w"] = w
	m := n.model(n.add("Conv", "x w"))
	if err := passes.Fuse(m); err != nil {
		t.Fatal(err)
	}
	smallest := math.Float32frombits(1 << 23)
	got := tensor.Data[float32](m.Graph.Initializers[m.Graph.Nodes[0].Inputs[1]])
	if want := []float32{smallest, -smallest, 0, 0.5}; !slices.Equal(got, want) {
		t.Errorf("weights are %v, expected %v", got, want)
	}
	if v := tensor.Data[float32](w)[0]; v != tiny {
		t.Errorf("the caller's weight became %v", v)
	}
}
