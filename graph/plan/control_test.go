package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
)

// body makes the attribute of a body with the inputs and outputs named.
func body(in, out string, nodes ...*graph.Node) graph.Attr {
	g := &graph.Graph{Name: out, Nodes: nodes, Initializers: map[string]*tensor.Tensor{}}
	for _, name := range strings.Fields(in) {
		g.Inputs = append(g.Inputs, graph.Value{Name: name})
	}
	for _, name := range strings.Fields(out) {
		g.Outputs = append(g.Outputs, graph.Value{Name: name, DType: tensor.Float32, Shape: []int{-1}})
	}
	return graph.Attr{Kind: graph.AttrGraph, Graph: g}
}

// list is a model of x [N], n (an int64) and c (a bool), with the output y.
func list(nodes ...*graph.Node) *graph.Model {
	return &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs: []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1}}, {Name: "n", DType: tensor.Int64, Shape: []int{}},
			{Name: "c", DType: tensor.Bool, Shape: []int{}}},
		Outputs: []graph.Value{{Name: "y"}},
		Initializers: map[string]*tensor.Tensor{
			"one": tensor.Of([]float32{1}), "big": tensor.Of([]float32{100}), "yes": tensor.Of([]bool{true}), "no": tensor.Of([]bool{false}),
			"axis": tensor.Of([]int64{0}, 1), "i0": tensor.Of([]int64{0}), "i1": tensor.Of([]int64{1}),
		},
		Nodes: nodes,
	}}
}

func branches(in, out string, then, other graph.Attr) *graph.Node {
	return node("If", in, out, "then_branch", then, "else_branch", other)
}

func runList(t *testing.T, p *plan.Plan, x []float32, n int64, c bool) (*tensor.Tensor, error) {
	t.Helper()
	out := p.NewOutputs()
	err := p.Run([]*tensor.Tensor{tensor.Of(x, len(x)), tensor.Of([]int64{n}), tensor.Of([]bool{c})}, out)
	return out[0], err
}

func TestControlFlow(t *testing.T) {
	nested := body("", "d", node("Add", "x x", "d"))
	for i := range 4 { // four deep, each reads x through all levels above it
		e := fmt.Sprint("e", i)
		nested = body("", e, branches("c", "f"+e, nested, body("", "g"+e, node("Neg", "x", "g"+e))), node("Add", "f"+e+" x", e))
	}
	accumulate := body("i more v", "again w s", node("Add", "v x", "w"), node("Identity", "w", "s"), node("Less", "i n1", "again"))
	cases := map[string]struct {
		m    *graph.Model
		n    int64
		c    bool
		want string // shape and elements
	}{
		"then":          {list(branches("c", "y", body("", "d", node("Add", "x x", "d")), body("", "e", node("Neg", "x", "e")))), 0, true, "[2] [2 4]"},
		"else":          {list(branches("c", "y", body("", "d", node("Add", "x x", "d")), body("", "e", node("Neg", "x", "e")))), 0, false, "[2] [-1 -2]"},
		"other ranks":   {list(branches("c", "z", body("", "d", node("Unsqueeze", "x axis", "d")), body("", "e", node("Neg", "x", "e"))), node("Add", "z z", "y")), 0, true, "[1 2] [2 4]"},
		"nested":        {list(branches("c", "y", nested, nested)), 0, true, "[2] [6 12]"},
		"outer value":   {list(branches("c", "y", body("", "x"), body("", "big"))), 0, true, "[2] [1 2]"},
		"outer const":   {list(branches("c", "y", body("", "x"), body("", "big"))), 0, false, "[] [100]"},
		"constant":      {list(branches("yes", "y", body("", "d", node("Add", "x x", "d")), body("", "e", node("Neg", "x", "e")))), 0, false, "[2] [2 4]"},
		"loop":          {list(node("Loop", "n c x", "w y", "body", body("i more v", "more w s", node("Add", "v x", "w"), node("Identity", "w", "s")))), 3, true, "[3 2] [2 4 3 6 4 8]"},
		"last":          {list(node("Loop", "n c x", "y", "body", body("i more v", "more w", node("Add", "v x", "w")))), 3, true, "[2] [4 8]"},
		"no trip":       {list(node("Loop", "n c x", "w y", "body", body("i more v", "more w s", node("Add", "v x", "w"), node("Identity", "w", "s")))), 0, true, "[0 0] []"},
		"condition off": {list(node("Loop", "n c x", "y", "body", body("i more v", "more w", node("Add", "v x", "w")))), 3, false, "[2] [1 2]"},
		"until": {list(node("Sub", "n i1", "n1"), &graph.Node{Op: "Loop", Inputs: []string{"", "", "x"}, Outputs: []string{"y"},
			Attrs: map[string]graph.Attr{"body": accumulate}}), 2, true, "[2] [3 6]"},
		"growing": {list(node("Loop", "n c x", "y", "body", body("i more v", "more w", node("Concat", "v x", "w", "axis", graph.Int(0))))), 2, true, "[6] [1 2 1 2 1 2]"},
		"loop in loop": {list(node("Loop", "n c x", "y", "body", body("i more v", "more w",
			node("Loop", "n more v", "w", "body", body("j go u", "go t", node("Add", "u x", "t")))))), 2, true, "[2] [5 10]"},
		"sequence carried": {list(node("SequenceEmpty", "", "q"), node("Loop", "n c q", "r", "body", body("i more s", "more t",
			node("Cast", "i", "f", "to", graph.Int(1)), node("Add", "f x", "a"), node("SequenceInsert", "s a", "t"))),
			node("ConcatFromSequence", "r", "y", "axis", graph.Int(0))), 3, true, "[6] [1 2 2 3 3 4]"},
		"scan": {list(node("Scan", "one x", "z y", "num_scan_inputs", graph.Int(1), "body", body("s e", "t p",
			node("Add", "s e", "t"), node("Identity", "t", "p")))), 0, true, "[2] [2 4]"},
		"scan backward": {list(node("Scan", "one x", "z y", "num_scan_inputs", graph.Int(1), "scan_input_directions", graph.Ints(1), "scan_output_directions", graph.Ints(1),
			"body", body("s e", "t p", node("Add", "s e", "t"), node("Identity", "t", "p")))), 0, true, "[2] [4 3]"},
		"scan along axis 1": {list(node("Unsqueeze", "x axis", "row"), node("Scan", "one row", "z y", "num_scan_inputs", graph.Int(1), "scan_input_axes", graph.Ints(-1),
			"scan_output_axes", graph.Ints(1), "body", body("s e", "t p", node("ReduceSum", "e", "k", "keepdims", graph.Int(0)), node("Add", "s k", "t"), node("Add", "t e", "p")))), 0, true, "[1 2] [3 6]"},
		"map": {list(node("SequenceConstruct", "x x x", "q"), node("SequenceMap", "q x", "r", "body", body("a b", "s", node("Add", "a b", "s"))),
			node("ConcatFromSequence", "r", "y", "axis", graph.Int(0))), 0, true, "[6] [2 4 2 4 2 4]"},
		"known condition": {list(node("Shape", "x", "s"), node("Gather", "s i0", "k"), node("Less", "k i1", "empty"),
			branches("empty", "z", body("", "one"), body("", "d", node("Add", "x x", "d"))), node("Add", "z x", "y")), 0, true, "[2] [3 6]"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := compile(t, c.m, plan.Options{})
			for range 2 {
				y, err := runList(t, p, []float32{1, 2}, c.n, c.c)
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(y.Shape, tensor.Data[float32](y)); got != c.want {
					t.Fatalf("%s, expected %s", got, c.want)
				}
			}
		})
	}
}

// TestConstantBranch: an If with a constant condition is no step.
func TestConstantBranch(t *testing.T) {
	inner := branches("no", "w", body("", "u", node("Neg", "d", "u")), body("", "v", node("Mul", "d d", "v")))
	p := compile(t, list(branches("yes", "y", body("", "w", node("Add", "x x", "d"), inner), body("", "e", node("Neg", "x", "e")))), plan.Options{})
	steps, _, err := p.Describe(p.NewInputs(1))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, s := range steps {
		got += s.Op + " "
	}
	if got != "add mul identity " && got != "add mul " {
		t.Errorf("steps are %s", got)
	}
	y, err := runList(t, p, []float32{3}, 0, false)
	if err != nil || tensor.Data[float32](y)[0] != 36 {
		t.Errorf("%v, error %v", y, err)
	}
}

// TestBranchesDoNotAllocate: bodies without steps that need values run like a plan.
func TestBranchesDoNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes pools allocate")
	}
	then := body("", "d", branches("c", "d", body("", "f", node("Add", "x x", "f")), body("", "x")))
	p := compile(t, list(branches("c", "z", then, body("", "e", node("Neg", "x", "e"))), node("Neg", "z", "y")), plan.Options{})
	in := []*tensor.Tensor{tensor.Of([]float32{1, 2}, 2), tensor.Of([]int64{0}), tensor.Of([]bool{true})}
	out := p.NewOutputs()
	run := func() {
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if allocs := testing.AllocsPerRun(50, run); allocs != 0 {
		t.Errorf("%v allocations per run", allocs)
	}
}

// TestHostileControlFlow names its cases by the catalogue of hostile inputs.
func TestHostileControlFlow(t *testing.T) {
	forever := func(in string, b graph.Attr) *graph.Node {
		return &graph.Node{Op: "Loop", Inputs: append([]string{"", ""}, strings.Fields(in)...), Outputs: []string{"y"}, Attrs: map[string]graph.Attr{"body": b}}
	}
	compiled := map[string]struct {
		m    *graph.Model
		want error
		text string
	}{
		"ON08 shadowing input":  {list(node("Loop", "n c x", "y", "body", body("i more x", "more w", node("Add", "x x", "w")))), graph.ErrModel, "hides"},
		"ON08 shadowing node":   {list(node("Neg", "x", "z"), branches("c", "y", body("", "z", node("Neg", "x", "z")), body("", "x"))), graph.ErrModel, "hides"},
		"ON08 own output":       {list(branches("c", "y", body("", "d", node("Neg", "y", "d")), body("", "x"))), graph.ErrModel, "cycle"},
		"ON08 missing capture":  {list(branches("c", "y", body("", "d", node("Neg", "nothing", "d")), body("", "x"))), graph.ErrModel, "nothing"},
		"unknown operator":      {list(branches("c", "y", body("", "d", node("Nonsense", "x", "d")), body("", "x"))), graph.ErrUnsupported, "Nonsense"},
		"ON11 body missing":     {list(node("If", "c", "y", "then_branch", body("", "x"))), graph.ErrModel, "else_branch"},
		"ON11 body of one kind": {list(node("Loop", "n c x", "y", "body", graph.Int(1))), graph.ErrModel, "body"},
	}
	for name, c := range compiled {
		if _, err := plan.Compile(c.m, plan.Options{}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v, expected %v with %q", name, err, c.want, c.text)
		}
	}
	run := map[string]struct {
		m    *graph.Model
		want error
	}{
		"endless":              {list(forever("x", body("i more v", "more v2", node("Identity", "v", "v2")))), graph.ErrLimit},
		"endless in endless":   {list(forever("x", body("i more v", "more w", forever2("v", "w", body("j go u", "go t", node("Identity", "u", "t")))))), graph.ErrLimit},
		"doubling":             {list(forever("x", body("i more v", "more w", node("Concat", "v v", "w", "axis", graph.Int(0))))), graph.ErrLimit},
		"stacking":             {list(node("Loop", "n c x", "w y", "body", body("i more v", "more w s", node("Identity", "v", "w"), node("Expand", "x far", "s")))), graph.ErrLimit},
		"growing sequence":     {list(node("SequenceEmpty", "", "q"), forever2("q", "r", body("i more s", "more t", node("SequenceInsert", "s x", "t"))), node("SequenceLength", "r", "l"), node("Cast", "l", "y", "to", graph.Int(1))), graph.ErrLimit},
		"carries other types":  {list(node("Loop", "n c x", "y", "body", body("i more v", "v w", node("Identity", "v", "w")))), graph.ErrInput},
		"bodies with inputs":   {list(branches("c", "y", body("k", "k"), body("", "x"))), graph.ErrInput},
		"too many outputs":     {list(branches("c", "y y2", body("", "x"), body("", "x"))), graph.ErrInput},
		"condition is a list":  {list(branches("x", "y", body("", "x"), body("", "x"))), graph.ErrInput},
		"scan of nothing":      {list(node("Scan", "x", "y", "num_scan_inputs", graph.Int(0), "body", body("e", "p", node("Neg", "e", "p")))), graph.ErrInput},
		"scan of too many":     {list(node("Scan", "x", "y", "num_scan_inputs", graph.Int(1<<40), "body", body("e", "p", node("Neg", "e", "p")))), graph.ErrInput},
		"scan along axis 7":    {list(node("Scan", "x", "y", "num_scan_inputs", graph.Int(1), "scan_input_axes", graph.Ints(7), "body", body("e", "p", node("Neg", "e", "p")))), graph.ErrInput},
		"stacks of many kinds": {list(node("Loop", "n c x", "w y", "body", body("i more v", "more w v", node("Concat", "v x", "w", "axis", graph.Int(0))))), graph.ErrInput},
	}
	run["stacking"].m.Graph.Initializers["far"] = tensor.Of([]int64{1 << 14, 1}, 2)
	for name, c := range run {
		t.Run(name, func(t *testing.T) {
			p := compile(t, c.m, plan.Options{MaxBytes: 1 << 20, MaxIterations: 1 << 13})
			if _, err := runList(t, p, []float32{1, 2}, 1000, true); !errors.Is(err, c.want) {
				t.Errorf("error %v, expected %v", err, c.want)
			}
		})
	}
}

// forever2 is an endless Loop with one value carried.
func forever2(in, out string, b graph.Attr) *graph.Node {
	return &graph.Node{Op: "Loop", Inputs: []string{"", "", in}, Outputs: []string{out}, Attrs: map[string]graph.Attr{"body": b}}
}

// TestSequencesOfACaller: sequences go in and out, and what comes out is the caller's own.
func TestSequencesOfACaller(t *testing.T) {
	sequence := graph.Value{Name: "q", DType: tensor.Sequence, Elem: &graph.Value{DType: tensor.Float32}}
	m := list(node("SequenceInsert", "q x", "y"))
	m.Graph.Inputs = append(m.Graph.Inputs[:1], sequence)
	p := compile(t, m, plan.Options{})
	item := tensor.Of([]float32{7}, 1)
	in := []*tensor.Tensor{tensor.Of([]float32{1, 2}, 2), tensor.Compose(tensor.Sequence, item)}
	out := p.NewOutputs()
	for range 2 {
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
		if len(out[0].Items) != 2 || out[0].Items[0] == item || !slices.Equal(tensor.Data[float32](out[0].Items[1]), []float32{1, 2}) {
			t.Fatalf("items are %v", out[0].Items)
		}
	}
	bad := tensor.Compose(tensor.Sequence, tensor.Of([]int64{7}, 1))
	if err := p.Run([]*tensor.Tensor{in[0], bad}, out); !errors.Is(err, graph.ErrInput) {
		t.Errorf("a sequence of integers: error %v", err)
	}
}
