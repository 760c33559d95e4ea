package plan_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

func node(op, in, out string, attrs ...any) *graph.Node {
	n := &graph.Node{Op: op, Inputs: strings.Fields(in), Outputs: strings.Fields(out), Attrs: map[string]graph.Attr{}}
	for i := 0; i < len(attrs); i += 2 {
		n.Attrs[attrs[i].(string)] = attrs[i+1].(graph.Attr)
	}
	return n
}

func random(r *rand.Rand, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(r.NormFloat64())
	}
	return t
}

// mlp is the reference network: 100 inputs, 128 and 64 ReLU, 1 sigmoid.
func mlp() *graph.Model {
	r := rand.New(rand.NewPCG(1, 2))
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "input", DType: tensor.Float32, Shape: []int{-1, 100}}},
		Outputs:      []graph.Value{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 1}}},
		Initializers: map[string]*tensor.Tensor{},
	}}
	sizes, x := []int{100, 128, 64, 1}, "input"
	for i, n := range sizes[1:] {
		w, b, z, y := fmt.Sprint("w", i), fmt.Sprint("b", i), fmt.Sprint("z", i), fmt.Sprint("y", i)
		m.Graph.Initializers[w], m.Graph.Initializers[b] = random(r, sizes[i], n), random(r, n)
		act := "Relu"
		if n == 1 {
			act, y = "Sigmoid", "output"
		}
		m.Graph.Nodes = append(m.Graph.Nodes, node("Gemm", x+" "+w+" "+b, z), node(act, z, y))
		x = y
	}
	return m
}

func compile(t testing.TB, m *graph.Model, o plan.Options) *plan.Plan {
	t.Helper()
	p, err := plan.Compile(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func fill(in []*tensor.Tensor, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	for _, x := range in {
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(r.NormFloat64())
		}
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes pools allocate")
	}
	pool := kernels.NewPool(2)
	defer pool.Close()
	for _, o := range []plan.Options{{}, {Pool: pool}} {
		p := compile(t, mlp(), o)
		for _, rows := range []int{1, 7, 32} {
			in, out := p.NewInputs(rows), p.NewOutputs()
			fill(in, 3)
			run := func() {
				if err := p.Run(in, out); err != nil {
					t.Fatal(err)
				}
			}
			run()
			if allocs := testing.AllocsPerRun(50, run); allocs != 0 {
				t.Errorf("%d rows: %v allocations per run", rows, allocs)
			}
		}
	}
}

// TestSameBits: row i of any batch is the answer to row i alone, on one thread or two.
func TestSameBits(t *testing.T) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	alone, two := compile(t, mlp(), plan.Options{}), compile(t, mlp(), plan.Options{Pool: pool})
	const rows = 65
	in := alone.NewInputs(rows)
	fill(in, 4)
	batch, batch2, one := alone.NewOutputs(), two.NewOutputs(), alone.NewOutputs()
	if err := errors.Join(alone.Run(in, batch), two.Run(in, batch2)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(batch[0].Bytes, batch2[0].Bytes) {
		t.Error("two threads give other bits than one")
	}
	single := alone.NewInputs(1)
	for r := range rows {
		copy(single[0].Bytes, in[0].Bytes[r*400:(r+1)*400])
		if err := alone.Run(single, one); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one[0].Bytes, batch[0].Bytes[r*4:(r+1)*4]) {
			t.Fatalf("row %d of a batch of %d differs from the row alone", r, rows)
		}
	}
}

func TestConcurrentRuns(t *testing.T) {
	p := compile(t, mlp(), plan.Options{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			in, out, again := p.NewInputs(g+1), p.NewOutputs(), p.NewOutputs()
			fill(in, uint64(g))
			for range 50 {
				if err := errors.Join(p.Run(in, out), p.Run(in, again)); err != nil {
					t.Error(err)
				}
				if !slices.Equal(out[0].Bytes, again[0].Bytes) {
					t.Error("the same input gave two answers")
				}
			}
		})
	}
	wg.Wait()
}

func TestManyShapesAreForgotten(t *testing.T) {
	p := compile(t, mlp(), plan.Options{})
	out := p.NewOutputs()
	for rows := range 300 {
		in := p.NewInputs(rows)
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
		if out[0].Shape[0] != rows {
			t.Fatalf("%d rows in, shape %v out", rows, out[0].Shape)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	p := compile(t, mlp(), plan.Options{MaxBytes: 1 << 20})
	out := p.NewOutputs()
	cases := map[string]struct {
		in   []*tensor.Tensor
		want error
	}{
		"no input": {nil, graph.ErrInput},
		"dtype":    {[]*tensor.Tensor{tensor.New(tensor.Int64, 1, 100)}, graph.ErrInput},
		"rank":     {[]*tensor.Tensor{tensor.New(tensor.Float32, 100)}, graph.ErrInput},
		"columns":  {[]*tensor.Tensor{tensor.New(tensor.Float32, 1, 99)}, graph.ErrInput},
		"memory":   {[]*tensor.Tensor{tensor.New(tensor.Float32, 4096, 100)}, graph.ErrLimit},
	}
	for name, c := range cases {
		if err := p.Run(c.in, out); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, expected %v", name, err, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	change := func(f func(m *graph.Model)) *graph.Model {
		m := mlp()
		f(m)
		return m
	}
	cases := map[string]struct {
		m    *graph.Model
		want error
		text string
	}{
		"operator":     {change(func(m *graph.Model) { m.Graph.Nodes[1].Op = "Frobnicate" }), graph.ErrUnsupported, "Frobnicate"},
		"ON10 opset":   {change(func(m *graph.Model) { m.Opsets[""] = 0 }), graph.ErrUnsupported, "opset 0"},
		"ON10 domain":  {change(func(m *graph.Model) { m.Graph.Nodes[1].Domain = "com.acme" }), graph.ErrUnsupported, "com.acme"},
		"internal":     {change(func(m *graph.Model) { m.Graph.Nodes[0].Domain = graph.DomainFused }), graph.ErrModel, "internal"},
		"shapes":       {change(func(m *graph.Model) { m.Graph.Initializers["w1"] = tensor.New(tensor.Float32, 5, 5) }), graph.ErrModel, "columns"},
		"dtype":        {change(func(m *graph.Model) { m.Graph.Outputs[0].DType = tensor.Int64 }), graph.ErrModel, "declared int64"},
		"dynamic B":    {change(func(m *graph.Model) { m.Graph.Nodes[0].Inputs[1] = "input" }), graph.ErrModel, ""},
		"ON13 metaraw": {change(func(m *graph.Model) { m.Metadata = map[string]string{graph.SignatureKey: "["} }), graph.ErrModel, graph.SignatureKey},
	}
	for name, c := range cases {
		if _, err := plan.Compile(c.m, plan.Options{}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v, expected %v with %q", name, err, c.want, c.text)
		}
	}
}

func TestRowIndependence(t *testing.T) {
	model := func(outShape []int, nodes ...*graph.Node) *graph.Model {
		return &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
			Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 2}}},
			Outputs: []graph.Value{{Name: "y", Shape: outShape}},
			Initializers: map[string]*tensor.Tensor{
				"flat": tensor.Of([]int64{1, -1}, 2), "same": tensor.Of([]int64{-1, 2}, 2), "back": tensor.Of([]int64{-1, 1}, 2),
				"row": tensor.Of([]float32{1, 2}, 2),
			},
			Nodes: nodes,
		}}
	}
	cases := map[string]struct {
		m    *graph.Model
		want bool
	}{
		"mlp":              {mlp(), true},
		"bias":             {model([]int{-1, 2}, node("Add", "x row", "y")), true},
		"reshape in place": {model([]int{-1, 2}, node("Reshape", "x same", "y")), true},
		"rows to columns":  {model([]int{1, -1}, node("Reshape", "x flat", "y")), false},
		"softmax over all": {model([]int{-1, 1}, node("Reshape", "x flat", "f"), node("Softmax", "f", "s"), node("Reshape", "s back", "y")), false},
		"rows appended":    {model([]int{-1, 2}, node("Concat", "x x", "y", "axis", graph.Int(0))), false},
		"columns appended": {model([]int{-1, 4}, node("Concat", "x x", "y", "axis", graph.Int(1))), true},
	}
	for name, c := range cases {
		p := compile(t, c.m, plan.Options{})
		if got := p.Signature().RowIndependent; got != c.want {
			t.Errorf("%s: rows independent is %v, expected %v", name, got, c.want)
		}
	}
}

// TestArenaKeepsLiveValuesApart runs a graph in which values live long and die in another order than they are made.
func TestArenaKeepsLiveValuesApart(t *testing.T) {
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 3}}},
		Outputs: []graph.Value{{Name: "y"}, {Name: "x"}, {Name: "e"}},
		Nodes: []*graph.Node{
			node("Add", "x x", "a"), node("Mul", "a x", "b"), node("Sub", "b a", "c"), node("Add", "c b", "d"),
			node("Add", "d a", "e"), node("Concat", "a b c d e", "y", "axis", graph.Int(1)),
		},
	}}
	p := compile(t, m, plan.Options{})
	in, out := p.NewInputs(2), p.NewOutputs()
	copy(tensor.Data[float32](in[0]), []float32{1, 2, 3, 4, 5, 6})
	if err := p.Run(in, out); err != nil {
		t.Fatal(err)
	}
	for i, x := range tensor.Data[float32](in[0]) {
		a, b := 2*x, 2*x*x
		for j, want := range []float32{a, b, b - a, 2*b - a, 2 * b} {
			if got := tensor.Data[float32](out[0])[i/3*15+j*3+i%3]; got != want {
				t.Errorf("value %d of x=%v is %v, expected %v", j, x, got, want)
			}
		}
	}
	if !slices.Equal(out[1].Bytes, in[0].Bytes) {
		t.Error("an input that is also an output came back changed")
	}
}

func TestTextModel(t *testing.T) {
	m := &graph.Model{Opsets: map[string]int64{"": 17, graph.DomainML: 3}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "colour", DType: tensor.String, Shape: []int{-1, 1}}},
		Outputs:      []graph.Value{{Name: "y"}, {Name: "same"}},
		Initializers: map[string]*tensor.Tensor{"shape": tensor.Of([]int64{-1, 2}, 2)},
		Nodes: []*graph.Node{
			{Domain: graph.DomainML, Op: "OneHotEncoder", Inputs: []string{"colour"}, Outputs: []string{"hot"}, Attrs: map[string]graph.Attr{"cats_strings": graph.Strs([]string{"red", "blue"})}},
			node("Reshape", "hot shape", "y"), node("Concat", "colour colour", "same", "axis", graph.Int(1)),
		},
	}}
	p := compile(t, m, plan.Options{})
	in, out := p.NewInputs(3), p.NewOutputs()
	copy(in[0].Strings, []string{"blue", "green", "red"})
	run := func() {
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if got := fmt.Sprint(tensor.Data[float32](out[0])); got != "[0 1 0 0 1 0]" {
		t.Errorf("encoded as %s", got)
	}
	if got := fmt.Sprint(out[1].Strings); got != "[blue blue green green red red]" {
		t.Errorf("joined as %s", got)
	}
	if !p.Signature().RowIndependent {
		t.Error("rows are not proven independent")
	}
	if allocs := testing.AllocsPerRun(20, run); allocs != 0 {
		t.Errorf("%v allocations per run", allocs)
	}
}

// TestNaNStaysNaN: a missing answer must not look like a plausible one.
func TestNaNStaysNaN(t *testing.T) {
	p := compile(t, mlp(), plan.Options{})
	in, out := p.NewInputs(2), p.NewOutputs()
	fill(in, 5)
	tensor.Data[float32](in[0])[3] = float32(math.NaN())
	if err := p.Run(in, out); err != nil {
		t.Fatal(err)
	}
	y := tensor.Data[float32](out[0])
	if y[0] == y[0] || y[1] != y[1] {
		t.Errorf("a NaN in row 0 gave %v", y)
	}
}

func BenchmarkRun(b *testing.B) {
	p := compile(b, mlp(), plan.Options{})
	for _, rows := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("model=mlp/rows=%d", rows), func(b *testing.B) {
			in, out := p.NewInputs(rows), p.NewOutputs()
			fill(in, 1)
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Run(in, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
