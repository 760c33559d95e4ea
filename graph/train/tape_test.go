package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
)

// TestTapeSharedValues: the weight V that two products use gets the sum of both gradients, in
// y = sigmoid(tanh(x·W)·V)·V.
func TestTapeSharedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	b := newBuilder()
	b.input("x", tensor.Float32, 3)
	weight := func(name string, rows, cols int) string {
		w := make([]float32, rows*cols)
		for i := range w {
			w[i] = float32(r.Float64() - 0.3)
		}
		return b.constant(name, tensor.Of(w, rows, cols))
	}
	w, v := weight("w", 3, 4), weight("v", 4, 4)
	h := b.node(graph.DomainONNX, "Gemm", "h", nil, "x", w)
	h = b.node(graph.DomainONNX, "Tanh", "tanh", nil, h)
	first := b.node(graph.DomainONNX, "Gemm", "first", nil, h, v) // V once
	first = b.node(graph.DomainONNX, "Sigmoid", "sigmoid", nil, first)
	second := b.node(graph.DomainONNX, "Gemm", "second", nil, first, v) // and again
	tp, err := newTape(&b.m.Graph, "x", second, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(tp.params) != 2 {
		t.Fatalf("%d parameters, expected w and v", len(tp.params))
	}
	if err := tp.resize(5, 3); err != nil {
		t.Fatal(err)
	}
	for i := range tp.x() {
		tp.x()[i] = float32(r.Float64() - 0.5)
	}
	value := func() (sum float64) {
		for _, z := range tp.forward() {
			sum += float64(z)
		}
		return sum
	}
	value()
	for i := range tp.dOut() {
		tp.dOut()[i] = 1
	}
	tp.backward()
	for _, p := range tp.params {
		for i := range p.w {
			const step = 1.0 / 128
			at := p.w[i]
			p.w[i] = at + step
			up := value()
			p.w[i] = at - step
			down := value()
			p.w[i] = at
			if want := (up - down) / (2 * step); math.Abs(want-float64(p.g[i])) > 1e-3*(1+math.Abs(want)) {
				t.Errorf("%s[%d]: gradient %v, differences say %v", p.name, i, p.g[i], want)
			}
		}
	}
}

// TestStepAllocatesNothing: after the first step of an epoch the loop lives on the memory it has.
func TestStepAllocatesNothing(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes pools allocate")
	}
	tab := open(t, cancerCSV)
	goal, err := readTarget(&tab.Columns[len(tab.Columns)-1], "")
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := splitRows(goal, 0, 0)
	c, err := Spec{Target: "-1", Model: "mlp:32,16"}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.resolveTask(goal, len(rows)); err != nil {
		t.Fatal(err)
	}
	features, _, err := chooseFeatures(tab, len(tab.Columns)-1, &c.Spec, rows)
	if err != nil {
		t.Fatal(err)
	}
	p := newPreprocess(features, c, rows)
	x, err := p.features(tab, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	tp, err := newTape(&p.m.Graph, p.value, network(p, c.hidden, 1, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	pr := &problem{config: c, tape: tp, loss: c.loss.make(), x: x, y: goal.values, width: p.width, cols: 1}
	opt := c.opt.make(tp.params, 0)
	y := make([]float32, 32)
	if n := testing.AllocsPerRun(20, func() {
		if _, _, err := pr.gradients(rows[:32], y); err != nil {
			t.Fatal(err)
		}
		penalise(tp.params, 0.1)
		opt.step(tp.params, 0.001)
	}); n != 0 {
		t.Errorf("%v allocations per step", n)
	}
}
