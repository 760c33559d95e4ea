package server

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server/metrics"
)

// fixed is a model that was trained on two columns of numbers in [0, 1) and one of text.
type fixed struct{ sig graph.Signature }

func (f *fixed) Signature() *graph.Signature { return &f.sig }
func (f *fixed) WeightBytes() int64          { return 0 }
func (f *fixed) NewInputs(rows int) (ts []*tensor.Tensor) {
	for _, in := range f.sig.Inputs {
		ts = append(ts, tensor.New(in.DType, rows, in.Shape[1]))
	}
	return ts
}
func (f *fixed) NewOutputs() []*tensor.Tensor {
	return []*tensor.Tensor{tensor.New(tensor.Float32, 1, 2)}
}
func (f *fixed) Run(_, _ []*tensor.Tensor) error { return nil }

func newFixed() *fixed {
	unit := graph.ColumnStats{Rows: 1000, Missing: 0.5, Edges: []float32{0, 0.25, 0.5, 0.75, 1}, Shares: []float32{0, 0.25, 0.25, 0.25, 0.25, 0}}
	whole := unit
	whole.Missing = 0
	return &fixed{graph.Signature{
		Inputs: []graph.Input{
			{Name: "x", DType: tensor.Float32, Shape: []int{-1, 2}, Columns: []string{"same", "moved"}, Stats: []graph.ColumnStats{unit, whole}},
			{Name: "city", DType: tensor.String, Shape: []int{-1, 1}, Stats: []graph.ColumnStats{{Categories: []string{"Oslo", "Rome"}, Shares: []float32{0.5, 0.4, 0.1}}}},
			{Name: "picture", DType: tensor.Uint8, Shape: []int{-1, 1000}},
		},
		Outputs: []graph.Output{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 2}, Labels: []string{"no", "yes"},
			Stats: []graph.ColumnStats{{Categories: []string{"no", "yes"}, Shares: []float32{0.75, 0.25, 0}},
				{Edges: []float32{0.5, 0.7, 0.9}, Shares: []float32{0, 0.25, 0.75, 0}}}}},
	}}
}

// TestDriftIsToldOfWhatMoved samples one column as in training, one that moved and a text that is mostly new.
func TestDriftIsToldOfWhatMoved(t *testing.T) {
	zero := func() float64 { return 0 }
	set := metrics.New(metrics.Gauges{InFlight: zero, BodyBytes: zero, RunBytes: zero, Connections: zero})
	e := newEngine("m", 1, "", newFixed())
	e.metrics = set.Model("m", "1", 0)
	e.watch()
	c := &Call{session: e.session(), rows: 1}
	r := rand.New(rand.NewPCG(1, 2))
	step := func(i int) {
		x := tensor.Data[float32](c.session.Inputs[0])
		x[0], x[1] = r.Float32(), 0.5+r.Float32()
		if i%2 == 0 {
			x[0] = float32(math.NaN())
		}
		c.session.Inputs[1].Strings[0] = []string{"Oslo", "Paris", ""}[i%3]
		c.session.Inputs[2].Bytes[7] = 200
		y := tensor.Data[float32](c.session.Outputs[0])
		y[0], y[1] = 0.2, 0.8
		if i%4 == 0 {
			y[0], y[1] = 0.6, 0.4
		}
		e.sample(c, moment(i+1)*moment(sampleEvery))
		e.sample(c, moment(i+1)*moment(sampleEvery)+1) // too soon: not in the sample
	}
	for i := range 400 {
		step(i)
	}
	text, err := set.Exposition()
	if err != nil || bytes.Contains(text, []byte("hotpath_input_drift{")) {
		t.Errorf("drift is told from 400 rows: %v", err)
	}
	for i := 400; i < 4000; i++ {
		step(i)
	}
	if text, err = set.Exposition(); err != nil {
		t.Fatal(err)
	}
	value := func(series string) (v float64) {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, series+" "); ok {
				if _, err := fmt.Sscan(rest, &v); err != nil {
					t.Fatal(err)
				}
				return v
			}
		}
		t.Errorf("no series %s", series)
		return 0
	}
	series := func(name, key, value string) string {
		return fmt.Sprintf(`%s{%s,model="m",version="1"}`, name, key+`="`+value+`"`)
	}
	for _, w := range []struct {
		series    string
		low, high float64
	}{
		{series("hotpath_input_drift", "column", "same"), 0, 0.05},
		{series("hotpath_input_drift", "column", "moved"), 1, 20},
		{series("hotpath_input_drift", "column", "city"), 1, 20},
		{series("hotpath_prediction_drift", "column", "output"), 1, 1.2},
		{series("hotpath_prediction_drift", "column", "output (score)"), 0, 0.01},
		{series("hotpath_input_missing_ratio", "column", "same"), 0.49, 0.51},
		{series("hotpath_input_missing_ratio", "column", "city"), 0.33, 0.34},
		{series("hotpath_prediction_class_ratio", "class", "yes"), 0.74, 0.76},
		{series("hotpath_prediction_mean", "column", "output (score)"), 0.74, 0.76},
	} {
		if v := value(w.series); v < w.low || v > w.high {
			t.Errorf("%s is %g, expected %g to %g", w.series, v, w.low, w.high)
		}
	}
	inputs, _ := e.Distribution().Summaries()
	if len(inputs) != 4 || inputs[1].Rows != 4000 || math.Abs(*inputs[1].Mean-1) > 0.02 || *inputs[1].Min < 0.5 || math.Abs(*inputs[1].Std-0.289) > 0.01 ||
		inputs[3].Name != "picture (all)" || inputs[0].Drift == nil {
		t.Errorf("%+v", inputs)
	}
}

// TestSampleAllocatesNothing has a row looked at in every call.
func TestSampleAllocatesNothing(t *testing.T) {
	zero := func() float64 { return 0 }
	e := newEngine("m", 1, "", newFixed())
	e.metrics = metrics.New(metrics.Gauges{InFlight: zero, BodyBytes: zero, RunBytes: zero, Connections: zero}).Model("m", "1", 0)
	e.watch()
	c := &Call{session: e.session(), rows: 1}
	at := moment(0)
	if n := testing.AllocsPerRun(1000, func() {
		at += moment(sampleEvery)
		e.sample(c, at)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSample(b *testing.B) {
	zero := func() float64 { return 0 }
	e := newEngine("m", 1, "", newFixed())
	e.metrics = metrics.New(metrics.Gauges{InFlight: zero, BodyBytes: zero, RunBytes: zero, Connections: zero}).Model("m", "1", 0)
	e.watch()
	c := &Call{session: e.session(), rows: 1}
	for name, every := range map[string]moment{"taken": moment(sampleEvery), "passed over": 0} {
		b.Run(name, func(b *testing.B) {
			at := moment(1)
			for b.Loop() {
				at += every
				e.sample(c, at)
			}
		})
	}
}
