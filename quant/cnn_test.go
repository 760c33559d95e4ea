package quant_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/quant"
)

func randomTensor(r *rand.Rand, scale float64, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(r.NormFloat64() * scale)
	}
	return t
}

// images is a network with every operator that has an integer kernel.
func images() *graph.Model {
	r := rand.New(rand.NewPCG(8, 9))
	node := func(op, in, out string, kv ...any) *graph.Node {
		n := &graph.Node{Name: out, Op: op, Inputs: strings.Fields(in), Outputs: []string{out}, Attrs: map[string]graph.Attr{}}
		for i := 0; i < len(kv); i += 2 {
			n.Attrs[kv[i].(string)] = kv[i+1].(graph.Attr)
		}
		return n
	}
	pad, two := graph.Ints(1, 1, 1, 1), graph.Ints(2, 2)
	return &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 3, 11, 9}}},
		Outputs: []graph.Value{{Name: "y"}},
		Initializers: map[string]*tensor.Tensor{
			"w1": randomTensor(r, 0.3, 20, 3, 3, 3), "b1": randomTensor(r, 0.2, 20), "w2": randomTensor(r, 0.5, 20, 1, 3, 3), "w3": randomTensor(r, 0.3, 20, 20, 1, 1),
			"w4": randomTensor(r, 0.2, 12, 10, 3, 3), "w5": randomTensor(r, 0.3, 12, 20, 1, 1), "w6": randomTensor(r, 0.3, 32, 5), "lo": tensor.Of([]float32{0}), "hi": tensor.Of([]float32{1.5}),
		},
		Nodes: []*graph.Node{
			node("Conv", "x w1 b1", "c1", "pads", pad, "strides", two),
			node("Relu", "c1", "r1"),
			node("MaxPool", "r1", "p1", "kernel_shape", two, "pads", graph.Ints(0, 0, 1, 1)),
			node("Conv", "p1 w2", "c2", "group", graph.Int(20), "pads", pad),
			node("Clip", "c2 lo hi", "k2"),
			node("Conv", "k2 w3", "c3"),
			node("Add", "c3 p1", "a3"),
			node("Relu", "a3", "r3"),
			node("Conv", "r3 w4", "c4", "group", graph.Int(2), "pads", pad),
			node("Conv", "r3 w5", "c5"),
			node("Sigmoid", "c5", "s5"),
			node("Mul", "c4 s5", "m5"),
			node("Concat", "m5 r3", "j", "axis", graph.Int(1)),
			node("GlobalAveragePool", "j", "g"),
			node("Flatten", "g", "f"),
			node("Gemm", "f w6", "z"),
			node("Softmax", "z", "y"),
		},
	}}
}

func imageSamples(n, batch int) [][]*tensor.Tensor {
	r := rand.New(rand.NewPCG(1, 2))
	var s [][]*tensor.Tensor
	for range n {
		s = append(s, []*tensor.Tensor{randomTensor(r, 1, batch, 3, 11, 9)})
	}
	return s
}

func quantized(t *testing.T) *graph.Model {
	t.Helper()
	q, report, err := quant.Int8(images(), imageSamples(8, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Layers) != 6 || report.Agreement < 0.9 {
		t.Errorf("%d layers, the same decision on %v", len(report.Layers), report.Agreement)
	}
	return q
}

// TestImagesStayBytes: from the first QuantizeLinear to the classifier nothing is a float, and the channels are brought to the end once.
func TestImagesStayBytes(t *testing.T) {
	p, err := plan.Compile(quantized(t), plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Signature().RowIndependent {
		t.Error("rows were not proven independent")
	}
	steps, _, err := p.Describe(p.NewInputs(1))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range steps {
		names = append(names, s.Op+":"+s.DType)
	}
	want := "[quantize_linear:uint8 transpose:uint8 qconv:uint8 qmax_pool:uint8 qconv:uint8 qconv:uint8 qadd:uint8 qconv:uint8 qconv:uint8 " +
		"qtable:uint8 qmul:uint8 qlinear_concat:uint8 qlinear_global_average_pool:uint8 transpose:uint8 qgemm:float32 softmax:float32]"
	if got := fmt.Sprint(names); got != want {
		t.Errorf("the plan is %s", got)
	}
}

// TestImagesSameBits: threads, batch, neighbours and tier do not show, and a run allocates nothing.
func TestImagesSameBits(t *testing.T) {
	const batch = 3
	q := quantized(t)
	in := imageSamples(1, batch)[0]
	var want []byte
	for _, threads := range []int{1, 2} {
		pool := kernels.NewPool(threads)
		defer pool.Close()
		p, err := plan.Compile(q, plan.Options{Pool: pool})
		if err != nil {
			t.Fatal(err)
		}
		out := p.NewOutputs()
		run := func() {
			if err := p.Run(in, out); err != nil {
				t.Fatal(err)
			}
		}
		for tier := range kernels.Tier() + 1 {
			func() {
				defer kernels.SetTier(kernels.SetTier(tier))
				run()
			}()
			if want == nil {
				want = slices.Clone(out[0].Bytes)
			}
			if !slices.Equal(out[0].Bytes, want) {
				t.Errorf("%d threads, %v: other bits", threads, tier)
			}
		}
		if allocs := testing.AllocsPerRun(20, run); allocs != 0 && !testkit.Race {
			t.Errorf("%v allocations per run", allocs)
		}
		one, answer := p.NewInputs(1), p.NewOutputs()
		for i := range batch {
			size := len(in[0].Bytes) / batch
			copy(one[0].Bytes, in[0].Bytes[i*size:])
			if err := p.Run(one, answer); err != nil {
				t.Fatal(err)
			}
			if row := len(want) / batch; !slices.Equal(answer[0].Bytes, want[i*row:(i+1)*row]) {
				t.Errorf("image %d alone: other bits", i)
			}
		}
	}
}

// TestImagesFusedEqualsUnfused compares with the float evaluation of the same graph, whose dequantised values are outputs, so that
// nothing is fused: each lies within a quantum, because one step before it may have been rounded the other way.
func TestImagesFusedEqualsUnfused(t *testing.T) {
	q := quantized(t)
	open := q.Clone()
	for _, n := range q.Graph.Nodes {
		if n.Op == "DequantizeLinear" && q.Graph.Initializers[n.Inputs[0]] == nil {
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
	in := imageSamples(3, 16)[2]
	if err := fused.Run(in, a); err != nil {
		t.Fatal(err)
	}
	if err := unfused.Run(in, b); err != nil {
		t.Fatal(err)
	}
	x, y := tensor.Data[float32](a[0]), tensor.Data[float32](b[0])
	for i := range x {
		if d := x[i] - y[i]; d > 0.02 || d < -0.02 {
			t.Errorf("score %d is %v, unfused %v", i, x[i], y[i])
		}
	}
}
