package quant_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/quant"
)

// classifier is 16 → 32 ReLU → 4 softmax with random weights; the second product is MatMul + Add, the first Gemm.
func classifier(transB bool) *graph.Model {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(shape ...int) *tensor.Tensor {
		t := tensor.New(tensor.Float32, shape...)
		for i := range tensor.Data[float32](t) {
			tensor.Data[float32](t)[i] = float32(r.NormFloat64())
		}
		return t
	}
	node := func(op, in, out string) *graph.Node {
		return &graph.Node{Name: out, Op: op, Inputs: strings.Fields(in), Outputs: strings.Fields(out), Attrs: map[string]graph.Attr{}}
	}
	gemm := node("Gemm", "x w0 b0", "z0")
	w0 := random(16, 32)
	if transB {
		gemm.Attrs["transB"] = graph.Int(1)
		t := tensor.New(tensor.Float32, 32, 16)
		for i := range 16 {
			for j := range 32 {
				tensor.Data[float32](t)[j*16+i] = tensor.Data[float32](w0)[i*32+j]
			}
		}
		w0 = t
	}
	return &graph.Model{
		Opsets: map[string]int64{"": 17},
		Graph: graph.Graph{
			Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 16}}},
			Outputs:      []graph.Value{{Name: "y", DType: tensor.Float32, Shape: []int{-1, 4}}},
			Initializers: map[string]*tensor.Tensor{"w0": w0, "b0": random(32), "w1": random(32, 4), "b1": random(4)},
			Nodes:        []*graph.Node{gemm, node("Relu", "z0", "h"), node("MatMul", "h w1", "m"), node("Add", "m b1", "z1"), node("Softmax", "z1", "y")},
		},
	}
}

func samples(n int) [][]*tensor.Tensor {
	r := rand.New(rand.NewPCG(3, 4))
	var s [][]*tensor.Tensor
	for range n {
		x := tensor.New(tensor.Float32, 32, 16)
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(r.NormFloat64())
		}
		s = append(s, []*tensor.Tensor{x})
	}
	return s
}

func TestInt8(t *testing.T) {
	for _, transB := range []bool{false, true} {
		q, report, err := quant.Int8(classifier(transB), samples(10), nil)
		if err != nil {
			t.Fatal(err)
		}
		if report.Agreement < 0.97 || report.Rows != 320 {
			t.Errorf("transB %v: the same decision on %v of %d rows, expected 0.97", transB, report.Agreement, report.Rows)
		}
		if len(report.Layers) != 2 || report.Layers[0].WeightSNR < 30 {
			t.Errorf("layers are %+v", report.Layers)
		}
		p, err := plan.Compile(q, plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		steps, _, err := p.Describe(p.NewInputs(1))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range steps {
			names = append(names, s.Op+":"+s.DType)
		}
		// Between the two products nothing is a float: the point of it all.
		if got := fmt.Sprint(names); got != "[quantize_linear:uint8 qgemm:uint8 qgemm:float32 softmax:float32]" {
			t.Errorf("transB %v: the plan is %s", transB, got)
		}
	}
}

// TestFusedEqualsUnfused compares the integer kernels with the float evaluation of the same QDQ graph, whose
// intermediate values are made outputs so that nothing can be fused.
func TestFusedEqualsUnfused(t *testing.T) {
	q, _, err := quant.Int8(classifier(false), samples(4), nil)
	if err != nil {
		t.Fatal(err)
	}
	open := q.Clone()
	for _, n := range q.Graph.Nodes {
		if n.Op == "DequantizeLinear" && !strings.Contains(n.Name, "dqw") && !strings.Contains(n.Name, "dqb") {
			open.Graph.Outputs = append(open.Graph.Outputs, graph.Value{Name: n.Inputs[0]}, graph.Value{Name: n.Outputs[0]})
		}
	}
	fused, err := plan.Compile(q, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	unfused, err := plan.Compile(open, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, b := fused.NewOutputs(), unfused.NewOutputs()
	for _, in := range samples(4) {
		if err := errors.Join(fused.Run(in, a), unfused.Run(in, b)); err != nil {
			t.Fatal(err)
		}
		x, y := tensor.Data[float32](a[0]), tensor.Data[float32](b[0])
		far := 0
		for i := range x {
			if d := x[i] - y[i]; d > 1e-4 || d < -1e-4 {
				far++ // a value on the edge between two integers may fall to either side
			}
		}
		if far > len(x)/50 {
			t.Errorf("%d of %d scores differ", far, len(x))
		}
	}
}

func TestInt8Refuses(t *testing.T) {
	tree := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs: []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 16}}}, Outputs: []graph.Value{{Name: "y"}},
		Nodes: []*graph.Node{{Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"y"}}},
	}}
	if _, _, err := quant.Int8(tree, samples(1), nil); !errors.Is(err, quant.ErrNothing) {
		t.Errorf("no products: error %v, expected ErrNothing", err)
	}
	if _, _, err := quant.Int8(classifier(false), nil, nil); !errors.Is(err, graph.ErrInput) {
		t.Errorf("no data: error %v, expected ErrInput", err)
	}
	bad := samples(1)
	x := tensor.Data[float32](bad[0][0])
	zero := x[0] - x[0]
	x[0] = 1 / zero
	if _, _, err := quant.Int8(classifier(false), bad, nil); !errors.Is(err, graph.ErrInput) {
		t.Errorf("infinite data: error %v, expected ErrInput", err)
	}
	old := classifier(false)
	old.Opsets[""] = 12
	if _, _, err := quant.Int8(old, samples(1), nil); !errors.Is(err, graph.ErrUnsupported) {
		t.Errorf("opset 12: error %v, expected ErrUnsupported", err)
	}
}

// TestWeightsNeverSaturate: in no pair of rows may 255 times the weights leave s16, see quantizeWeights.
func TestWeightsNeverSaturate(t *testing.T) {
	q, _, err := quant.Int8(classifier(false), samples(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range q.Graph.Initializers {
		if w.DType != tensor.Int8 || len(w.Shape) != 2 {
			continue
		}
		cols, data := w.Shape[1], tensor.Data[int8](w)
		for r := 0; r+1 < w.Shape[0]; r += 2 {
			for c := range cols {
				a, b := int(data[r*cols+c]), int(data[(r+1)*cols+c])
				if hi, lo := 255*(max(a, 0)+max(b, 0)), 255*(min(a, 0)+min(b, 0)); hi > 32767 || lo < -32768 {
					t.Fatalf("%s: rows %d and %d of column %d are %d and %d", name, r, r+1, c, a, b)
				}
			}
		}
	}
}
