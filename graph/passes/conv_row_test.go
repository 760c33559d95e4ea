package passes_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestRowConvolutions: convolutions along one axis in images of one column or row become such of rows, with the bias added after them.
func TestRowConvolutions(t *testing.T) {
	const all = 1<<31 - 1
	for _, c := range []struct {
		axis  int64 // of size 1
		perm  []int64
		attrs []any
		want  string
	}{
		{3, []int64{0, 2, 1, 3}, nil, "Transpose Conv"},
		{2, []int64{0, 3, 1, 2}, nil, "Transpose Conv"},
		{3, nil, nil, "Conv"},
		{2, nil, nil, "Conv"},
		{3, nil, []any{"pads", graph.Ints(1, 0, 2, 0), "strides", graph.Ints(2, 1), "kernel_shape", graph.Ints(3, 1)}, "Conv"},
		{2, nil, []any{"pads", graph.Ints(0, 1, 0, 2), "strides", graph.Ints(1, 2), "dilations", graph.Ints(5, 2)}, "Conv"},
		{3, nil, []any{"auto_pad", graph.Str("SAME_UPPER"), "strides", graph.Ints(2, 1)}, "Conv"},
	} {
		n := newNetwork(20, 20)
		at := c.axis
		if c.perm != nil { // the axis before the Transpose
			at = c.perm[c.axis]
		}
		x := n.add("Unsqueeze", "x", "axes", graph.Ints(at))
		x = n.add("Slice", x, "starts", graph.Ints(0, 0, 0, 0), "ends", graph.Ints(all, all, all, all))
		if c.perm != nil {
			x = n.add("Transpose", x, "perm", graph.Ints(c.perm...))
		}
		kernel := []int{24, 20, 3, 1}
		if c.axis == 2 {
			kernel = []int{24, 20, 1, 3}
		}
		x = n.add("Conv", x+" "+n.random(kernel...), c.attrs...)
		x = n.slice(x, c.axis, 0, 1, 1)
		x = n.add("Squeeze", x, "axes", graph.Ints(c.axis))
		m := n.model(n.add("Add", x+" "+n.random(1, 24, 1)))
		for _, node := range m.Graph.Nodes {
			node.Opset = 9
		}
		standard, err := passes.Standard(m)
		if err != nil {
			t.Fatal(err)
		}
		fused := standard.Clone()
		if err := passes.Fuse(fused); err != nil {
			t.Fatal(err)
		}
		if got := opNames(fused); got != c.want {
			t.Errorf("%+v: nodes are %s, expected %s", c, got, c.want)
		}
		v := tensor.New(tensor.Float32, 2, 20, 20)
		r := rand.New(rand.NewPCG(1, 1))
		for i := range tensor.Data[float32](v) {
			tensor.Data[float32](v)[i] = float32(r.NormFloat64())
		}
		want, got := execute(t, &standard.Graph, v)[0], execute(t, &fused.Graph, v)[0]
		if !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.Bytes, want.Bytes) {
			t.Errorf("%+v: other bits: %v and %v", c, got.Shape, want.Shape)
		}
	}
}
