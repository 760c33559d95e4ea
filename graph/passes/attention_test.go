package passes_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

// attentionModel is attention of 2 heads of 4 as exporters write it: nodes is "Op inputs -> outputs [perm]", one a line.
func attentionModel(nodes string) *graph.Model {
	in := func(name string, shape ...int) graph.Value {
		return graph.Value{Name: name, DType: tensor.Float32, Shape: shape}
	}
	m := &graph.Model{Opsets: map[string]int64{"": 23}, Graph: graph.Graph{
		Inputs:  []graph.Value{in("q", -1, 3, 2, 4), in("k", -1, 5, 2, 4), in("v", -1, 5, 2, 4), in("mask", -1, 1, 1, 5)},
		Outputs: []graph.Value{{Name: "y"}},
		Initializers: map[string]*tensor.Tensor{
			"half": tensor.Of([]float32{0.5}), "two": tensor.Of([]float32{2}, 1), "root": tensor.Of([]float32{0.70710678}), "zero": tensor.Of([]float32{0}), "row": tensor.Of([]float32{1, 2, 3, 4}, 4),
		},
	}}
	for line := range strings.Lines(nodes) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		arrow := slices.Index(f, "->")
		n := &graph.Node{Op: f[0], Inputs: f[1:arrow], Outputs: f[arrow+1 : arrow+2], Attrs: map[string]graph.Attr{}}
		if f = f[arrow+2:]; len(f) > 0 {
			var perm []int64
			for _, c := range f[0] {
				perm = append(perm, int64(c-'0'))
			}
			n.Attrs["perm"] = graph.Ints(perm...)
		}
		m.Graph.Nodes = append(m.Graph.Nodes, n)
	}
	return m
}

// The ways exporters write the same: with the key transposed at once or in two steps, the scale at the product or as a root at both
// factors, and rows without keys made 0.
var fusedForms = map[string]string{
	"at the product": `
		Transpose q -> qt 0213
		Transpose k -> kt 0231
		Transpose v -> vt 0213
		MatMul qt kt -> s
		Mul s half -> ss
		Add ss mask -> sm
		Softmax sm -> p
		MatMul p vt -> yt
		Transpose yt -> y 0213`,
	"divided, mask first": `
		Transpose q -> qt 0213
		Transpose k -> kh 0213
		Transpose kh -> kt 0132
		Transpose v -> vt 0213
		MatMul qt kt -> s
		Div s two -> ss
		Add mask ss -> sm
		Softmax sm -> p
		MatMul p vt -> yt
		Transpose yt -> y 0213`,
	"roots": `
		Transpose q -> qt 0213
		Mul qt root -> qs
		Transpose k -> kh 0213
		Transpose kh -> kt 0132
		Mul kt root -> ks
		Transpose v -> vt 0213
		MatMul qs ks -> s
		Add s mask -> sm
		Softmax sm -> p
		IsNaN p -> n
		Where n zero p -> pz
		MatMul pz vt -> yt
		Transpose yt -> y 0213`,
}

func TestFuseAttention(t *testing.T) {
	for name, nodes := range fusedForms {
		m, err := passes.Standard(attentionModel(nodes))
		if err != nil {
			t.Fatal(err)
		}
		if err := passes.Fuse(m); err != nil {
			t.Fatal(err)
		}
		if got := opNames(m); got != "Attention" || strings.Join(m.Graph.Nodes[0].Inputs, " ") != "q k v mask" {
			t.Errorf("%s: nodes are %s, inputs %v", name, got, m.Graph.Nodes[0].Inputs)
		}
	}
}

// TestFusedAttentionAnswers compares with the operator Attention, whose scale of ½ is exact.
func TestFusedAttentionAnswers(t *testing.T) {
	run := func(m *graph.Model) []float32 {
		p, err := plan.Compile(m, plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		in, out := p.NewInputs(2), p.NewOutputs()
		for i, x := range in {
			for j := range tensor.Data[float32](x) {
				tensor.Data[float32](x)[j] = float32((j*7919+i*31)%64)/32 - 1
			}
		}
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
		return tensor.Data[float32](out[0])
	}
	operator := attentionModel(`
		Transpose q -> qt 0213
		Transpose k -> kt 0213
		Transpose v -> vt 0213
		Attention qt kt vt mask -> yt
		Transpose yt -> y 0213`)
	operator.Graph.Nodes[3].Attrs["scale"] = graph.Float32(0.5)
	want := run(operator)
	for _, form := range []string{"at the product", "divided, mask first"} {
		if got := run(attentionModel(fusedForms[form])); !slices.Equal(got, want) {
			t.Errorf("%s: %v, expected %v", form, got[:4], want[:4])
		}
	}
	for i, got := range run(attentionModel(fusedForms["roots"])) {
		if d := got - want[i]; d > 1e-5 || d < -1e-5 {
			t.Errorf("roots: element %d is %v, expected %v", i, got, want[i])
		}
	}
}

// TestAttentionStays: what only looks like it is left alone.
func TestAttentionStays(t *testing.T) {
	for name, change := range map[string]func(m *graph.Model){
		"weights are an output": func(m *graph.Model) { m.Graph.Outputs = append(m.Graph.Outputs, graph.Value{Name: "p"}) },
		"scores are an output":  func(m *graph.Model) { m.Graph.Outputs = append(m.Graph.Outputs, graph.Value{Name: "ss"}) },
		"another axis":          func(m *graph.Model) { m.Graph.Nodes[6].Attrs["axis"] = graph.Int(2) },
		"scale by key":          func(m *graph.Model) { m.Graph.Nodes[4].Inputs[1] = "row" },
		"heads stay":            func(m *graph.Model) { m.Graph.Nodes[8].Attrs["perm"] = graph.Ints(0, 2, 3, 1) },
		"values by dim":         func(m *graph.Model) { m.Graph.Nodes[2].Attrs["perm"] = graph.Ints(0, 2, 3, 1) },
	} {
		m := attentionModel(fusedForms["at the product"])
		change(m)
		m, err := passes.Standard(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := passes.Fuse(m); err != nil {
			t.Fatal(err)
		}
		if got := opNames(m); strings.Contains(got, "Attention") {
			t.Errorf("%s: nodes are %s", name, got)
		}
	}
}
