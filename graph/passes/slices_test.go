package passes_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
)

// slice adds one of axis by constants.
func (n *network) slice(x string, axis, start, end, step int64) string {
	return n.add("Slice", x, "axes", graph.Ints(axis), "starts", graph.Ints(start), "ends", graph.Ints(end), "steps", graph.Ints(step))
}

// spectrogram is a network on the magnitudes of a Fourier transform that a convolution makes.
func spectrogram() *graph.Model {
	const all = 1<<63 - 1
	n := newNetwork(1, -1)
	two := n.random()
	tensor.Data[float32](n.Initializers[two])[0] = 2
	x := n.slice(n.add("Conv", "x "+n.random(66, 1, 16)+" "+n.random(66), "strides", graph.Ints(8)), 0, 0, all, 1)
	re, im := n.slice(n.slice(x, 1, 0, 33, 1), 2, 1, all, 1), n.slice(n.slice(x, 1, -33, all, 1), 2, 1, all, 1)
	re, im = n.add("Pow", re+" "+two), n.add("Pow", n.add("Cast", im, "to", graph.Int(1))+" "+two)
	x = n.add("Conv", n.add("Sqrt", n.add("Add", re+" "+im))+" "+n.random(48, 33, 3)+" "+n.random(48), "pads", graph.Ints(1, 1))
	x = n.slice(n.slice(n.slice(n.add("Relu", x), 2, 1, all, 1), 2, -1, -all, -1), 1, 16, 40, 1)
	return n.model(n.add("Sigmoid", x))
}

// TestSlices: slices around convolutions are left to them, with the same bits, down to rows of which nothing is left.
func TestSlices(t *testing.T) {
	standard, err := passes.Standard(spectrogram())
	if err != nil {
		t.Fatal(err)
	}
	packed := standard.Clone()
	if err := passes.Fuse(packed); err != nil {
		t.Fatal(err)
	}
	if err := passes.Layout(packed); err != nil {
		t.Fatal(err)
	}
	if got, want := opNames(packed), "Conv Conv Pow Pow Add Sqrt Conv Slice Slice Sigmoid UnpackChannels"; got != want {
		t.Errorf("nodes are %s, expected %s", got, want)
	}
	for _, shape := range [][]int{{1, 1, 56}, {9, 1, 40}, {2, 1, 24}} {
		x := tensor.New(tensor.Float32, shape...)
		r := rand.New(rand.NewPCG(1, uint64(len(x.Bytes))))
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(r.NormFloat64())
		}
		want, got := execute(t, &standard.Graph, x)[0], execute(t, &packed.Graph, x)[0]
		if !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.Bytes, want.Bytes) {
			t.Errorf("%v: other bits: %v and %v", shape, got.Shape, want.Shape)
		}
	}
}

// TestSlicesApart: slices that overlap, or beside another user, leave a convolution as it is.
func TestSlicesApart(t *testing.T) {
	for name, build := range map[string]func(n *network, x string) (string, string){
		"overlapping": func(n *network, x string) (string, string) { return n.slice(x, 1, 0, 20, 1), n.slice(x, 1, 10, 33, 1) },
		"other user":  func(n *network, x string) (string, string) { return n.slice(x, 1, 0, 20, 1), n.add("Abs", x) },
		"every other": func(n *network, x string) (string, string) { return n.slice(x, 1, 0, 33, 2), n.slice(x, 1, 1, 33, 2) },
		"two axes": func(n *network, x string) (string, string) {
			return n.slice(x, 1, 0, 20, 1), n.add("Slice", x, "axes", graph.Ints(1, 2), "starts", graph.Ints(20, 0), "ends", graph.Ints(33, 4))
		},
	} {
		n := newNetwork(3, -1)
		a, b := build(n, n.add("Conv", "x "+n.random(33, 3, 3)))
		m, err := passes.Standard(n.model(a, b))
		if err != nil {
			t.Fatal(err)
		}
		if err := passes.Fuse(m); err != nil {
			t.Fatal(err)
		}
		convs := 0
		for _, node := range m.Graph.Nodes {
			if node.Op == "Conv" {
				convs++
			}
		}
		if convs != 1 {
			t.Errorf("%s: %d convolutions: %s", name, convs, opNames(m))
		}
	}
}
