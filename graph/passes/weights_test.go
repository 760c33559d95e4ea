package passes_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// halfModel is Cast, product, Add, Relu with weights of dtype d and this shape; wide holds the same weights as f32.
func halfModel(product string, d tensor.DType, k, n int, transB bool) (half, wide *graph.Model) {
	r := rand.New(rand.NewPCG(5, 6))
	w, f := tensor.New(d, k, n), tensor.New(tensor.Float32, k, n)
	if transB {
		w.Resize(n, k)
		f.Resize(n, k)
	}
	for i := range f.Len() {
		bits := kernels.F32ToF16(float32(r.NormFloat64()))
		tensor.Data[float32](f)[i] = kernels.F16ToF32(bits)
		if d == tensor.BFloat16 {
			bits = kernels.F32ToBF16(float32(r.NormFloat64()))
			tensor.Data[float32](f)[i] = kernels.BF16ToF32(bits)
		}
		w.Bytes[2*i], w.Bytes[2*i+1] = byte(bits), byte(bits>>8)
	}
	bias := tensor.New(tensor.Float32, n)
	for i := range n {
		tensor.Data[float32](bias)[i] = float32(r.NormFloat64())
	}
	node := func(op, in, out string, attrs map[string]graph.Attr) *graph.Node {
		return &graph.Node{Op: op, Inputs: strings.Fields(in), Outputs: strings.Fields(out), Attrs: attrs}
	}
	half = &graph.Model{
		Opsets: map[string]int64{"": 17},
		Graph: graph.Graph{
			Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, k}}},
			Outputs:      []graph.Value{{Name: "y", DType: tensor.Float32, Shape: []int{-1, n}}},
			Initializers: map[string]*tensor.Tensor{"h": w, "b": bias},
			Nodes: []*graph.Node{
				node("Cast", "h", "w", map[string]graph.Attr{"to": graph.Int(1)}),
				node(product, "x w", "p", map[string]graph.Attr{}), node("Add", "b p", "a", nil), node("Relu", "a", "y", nil),
			},
		},
	}
	if transB {
		half.Graph.Nodes[1].Attrs["transB"] = graph.Int(1)
	}
	wide = half.Clone()
	wide.Graph.Nodes = wide.Graph.Nodes[1:]
	delete(wide.Graph.Initializers, "h")
	wide.Graph.Initializers["w"] = f
	return half, wide
}

// TestHalfWeights: large half-float weights stay half floats in one fused node, whose answers have the bits of the widened model.
func TestHalfWeights(t *testing.T) {
	for _, c := range []struct {
		product string
		dtype   tensor.DType
		transB  bool
	}{{"MatMul", tensor.Float16, false}, {"Gemm", tensor.Float16, true}, {"MatMul", tensor.BFloat16, false}, {"Gemm", tensor.BFloat16, false}} {
		half, wide := halfModel(c.product, c.dtype, 300, 120, c.transB)
		m, err := passes.Standard(half)
		if err != nil {
			t.Fatal(err)
		}
		if got := opNames(m); got != "Cast "+c.product+" Add Relu" {
			t.Errorf("Standard: nodes are %s", got)
		}
		if err := passes.Fuse(m); err != nil {
			t.Fatal(err)
		}
		if got := opNames(m); got != "HalfGemm" || m.Graph.Nodes[0].Domain != graph.DomainFused {
			t.Errorf("%s: nodes are %s", c.product, got)
		}
		x := tensor.New(tensor.Float32, 3, 300)
		r := rand.New(rand.NewPCG(7, 8))
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(r.NormFloat64())
		}
		var outs []string
		for _, m := range []*graph.Model{half, wide} {
			p, err := plan.Compile(m, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			out := p.NewOutputs()
			if err := p.Run([]*tensor.Tensor{x}, out); err != nil {
				t.Fatal(err)
			}
			outs = append(outs, string(out[0].Bytes))
		}
		if outs[0] != outs[1] {
			t.Errorf("%s %s: the answers are not those of the widened weights", c.product, c.dtype)
		}
	}
}

// TestFuseNBits: bias and Relu go into the epilogue of MatMulNBits; a bias that is not a row stays.
func TestFuseNBits(t *testing.T) {
	for _, c := range []struct {
		bias []int
		want string
	}{{[]int{16}, "MatMulNBits"}, {[]int{1, 16}, "MatMulNBits Add Relu"}} {
		m, _ := halfModel("MatMul", tensor.Float16, 32, 16, false)
		n := m.Graph.Nodes[1]
		n.Domain, n.Op, n.Inputs = graph.DomainMicrosoft, "MatMulNBits", []string{"x", "q", "s"}
		n.Attrs = map[string]graph.Attr{"K": graph.Int(32), "N": graph.Int(16), "block_size": graph.Int(32)}
		m.Opsets[graph.DomainMicrosoft] = 1
		m.Graph.Initializers["q"], m.Graph.Initializers["s"] = tensor.New(tensor.Uint8, 16, 1, 16), tensor.New(tensor.Float32, 16)
		m.Graph.Initializers["b"] = tensor.New(tensor.Float32, c.bias...)
		m.Graph.Nodes = m.Graph.Nodes[1:]
		m, err := passes.Standard(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := passes.Fuse(m); err != nil {
			t.Fatal(err)
		}
		if got := opNames(m); got != c.want {
			t.Errorf("bias %v: nodes are %s, expected %s", c.bias, got, c.want)
		}
		if _, err := plan.Compile(m, plan.Options{}); c.want == "MatMulNBits" && err == nil {
			t.Error("a plan takes a fused operator from a model")
		}
	}
}
