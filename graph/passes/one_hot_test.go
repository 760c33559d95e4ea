package passes_test

import (
	"math"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
)

// hot multiplies one-hot rows of x, 3 … 3 + 256 + 4, by weights, some of them −0, in two segments of the chain.
func hot(odd float32) *network {
	const count, cols = 260, 5
	n := newNetwork(1)
	n.Inputs = []graph.Value{{Name: "x", DType: tensor.Int32, Shape: []int{-1, 7}}}
	values := make([]int32, count)
	for i := range values {
		values[i] = int32(3 + i)
	}
	n.Initializers["values"] = tensor.Of(values, 1, 1, count)
	n.Initializers["three"] = tensor.Of([]int64{-1, 7, 1}, 3)
	n.Initializers["same"] = tensor.Of([]int64{1, 1, 1}, 3)
	w := n.random(count, cols)
	for i := 0; i < count*cols; i += 3 {
		tensor.Data[float32](n.Initializers[w])[i] = float32(math.Copysign(0, -1))
	}
	tensor.Data[float32](n.Initializers[w])[1] = odd
	x := n.add("Expand", n.add("Reshape", "x three")+" same")
	x = n.add("MatMul", n.add("Cast", n.add("Equal", x+" values"), "to", graph.Int(1))+" "+w)
	x = n.add("Sub", n.random(1, 1, cols)+" "+n.add("Tanh", x))
	n.model(n.add("Softmax", x, "axis", graph.Int(1)), x)
	return n
}

// TestOneHot: choosing rows has the bits of the product, also where no row is meant; infinite weights are left to it.
func TestOneHot(t *testing.T) {
	for want, odd := range map[string]float32{
		"Reshape Expand SelectRows Softmax":            0.5,
		"Reshape Expand Equal Cast MatMul Sub Softmax": float32(math.Inf(1)),
	} {
		n := hot(odd)
		standard, err := passes.Standard(n.model())
		if err != nil {
			t.Fatal(err)
		}
		fused := standard.Clone()
		if err := passes.Fuse(fused); err != nil {
			t.Fatal(err)
		}
		if got := opNames(fused); got != want {
			t.Errorf("nodes are %s, expected %s", got, want)
		}
		x := tensor.Of([]int32{0, 2, 3, 4, 100, 258, 259, 260, 262, 263, math.MaxInt32, math.MinInt32, 5, -3}, 2, 7)
		a, b := execute(t, &standard.Graph, x), execute(t, &fused.Graph, x)
		for i := range a {
			if !slices.Equal(a[i].Bytes, b[i].Bytes) || !slices.Equal(a[i].Shape, b[i].Shape) {
				t.Errorf("output %d has other bits", i)
			}
		}
	}
}
