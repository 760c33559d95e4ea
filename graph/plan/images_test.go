package plan_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// cnn is a small network of images: convolution, normalisation, depthwise convolution, pooling, a classifier.
func cnn() *graph.Model {
	r := rand.New(rand.NewPCG(5, 6))
	variance := tensor.New(tensor.Float32, 20)
	for i := range tensor.Data[float32](variance) {
		tensor.Data[float32](variance)[i] = 1 + r.Float32()
	}
	return &graph.Model{Opsets: map[string]int64{"": 20}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 3, 19, 23}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, Shape: []int{-1, 10}}},
		Initializers: map[string]*tensor.Tensor{
			"w1": random(r, 20, 3, 3, 3), "b1": random(r, 20), "w2": random(r, 20, 1, 3, 3), "w3": random(r, 24, 20, 3, 3), "v": variance,
			"s": random(r, 20), "t": random(r, 20), "m": random(r, 20), "w4": random(r, 24, 10),
		},
		Nodes: []*graph.Node{
			node("Conv", "x w1 b1", "a", "strides", graph.Ints(2, 2), "pads", graph.Ints(1, 1, 1, 1)),
			node("BatchNormalization", "a s t m v", "b"),
			node("Gelu", "b", "c"),
			node("Conv", "c w2", "d", "group", graph.Int(20), "pads", graph.Ints(1, 1, 1, 1)),
			node("MaxPool", "d", "e", "kernel_shape", graph.Ints(2, 2)),
			node("Conv", "e w3", "f", "pads", graph.Ints(1, 1, 1, 1)),
			node("GlobalAveragePool", "f", "g"),
			node("Flatten", "g", "h"),
			node("MatMul", "h w4", "i"),
			node("LogSoftmax", "i", "y"),
		},
	}}
}

// TestImagesSameBits: an image's answer does not depend on the batch, the threads or the tier, and a run allocates nothing.
func TestImagesSameBits(t *testing.T) {
	const batch = 3
	var want []byte
	for _, threads := range []int{1, 2} {
		pool := kernels.NewPool(threads)
		defer pool.Close()
		p := compile(t, cnn(), plan.Options{Pool: pool})
		if !p.Signature().RowIndependent {
			t.Error("rows were not proven independent")
		}
		in, out := p.NewInputs(batch), p.NewOutputs()
		fill(in, 1)
		run := func() {
			if err := p.Run(in, out); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if want == nil {
			want = slices.Clone(out[0].Bytes)
		}
		if !slices.Equal(out[0].Bytes, want) {
			t.Errorf("%d threads: other bits", threads)
		}
		if allocs := testing.AllocsPerRun(20, run); allocs != 0 && !testkit.Race {
			t.Errorf("%v allocations per run", allocs)
		}
		previous := kernels.SetTier(0)
		run()
		kernels.SetTier(previous)
		if !slices.Equal(out[0].Bytes, want) {
			t.Error("the reference gives other bits")
		}
		for i := range batch {
			one, answer := p.NewInputs(1), p.NewOutputs()
			size := len(one[0].Bytes)
			copy(one[0].Bytes, in[0].Bytes[i*size:])
			if err := p.Run(one, answer); err != nil {
				t.Fatal(err)
			}
			if n := len(answer[0].Bytes); !slices.Equal(answer[0].Bytes, want[i*n:(i+1)*n]) {
				t.Errorf("image %d alone: other bits", i)
			}
		}
	}
}

// TestOutputsCountAgainstTheLimit: ON11, a small model and request must not become a large answer.
func TestOutputsCountAgainstTheLimit(t *testing.T) {
	m := &graph.Model{Opsets: map[string]int64{"": 20}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 1}}},
		Outputs:      []graph.Value{{Name: "y", DType: tensor.Float32, Shape: []int{-1, -1}}},
		Initializers: map[string]*tensor.Tensor{"shape": tensor.Of([]int64{1, 1 << 40}, 2)},
		Nodes:        []*graph.Node{node("Expand", "x shape", "y")},
	}}
	p := compile(t, m, plan.Options{})
	if err := p.Run(p.NewInputs(1), p.NewOutputs()); !errors.Is(err, graph.ErrLimit) {
		t.Errorf("error %v, expected %v", err, graph.ErrLimit)
	}
}
