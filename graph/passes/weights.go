package passes

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// MinHalfWeights is the size in bytes from which half-float weights stay half floats: smaller ones fit in the caches widened.
const MinHalfWeights = 64 << 10

// keepHalfWeights adds to keep each Cast of a large constant matrix of half floats to f32 that only products use, as their right side.
func keepHalfWeights(g *graph.Graph, keep map[*graph.Node]bool) {
	e := edgesOf(g)
	for _, n := range g.Nodes {
		if w := halfWeights(g, n); w == nil || e.output[n.Outputs[0]] {
			continue
		}
		products := true
		for _, u := range e.users[n.Outputs[0]] {
			products = products && (is(u, "MatMul") || is(u, "Gemm")) && u.Inputs[1] == n.Outputs[0] && u.Inputs[0] != n.Outputs[0] &&
				(len(u.Inputs) < 3 || u.Inputs[2] != n.Outputs[0])
		}
		if products {
			keep[n] = true
		}
	}
}

// halfWeights is the constant that n casts to f32, if it is a large matrix of half floats.
func halfWeights(g *graph.Graph, n *graph.Node) *tensor.Tensor {
	if !is(n, "Cast") {
		return nil
	}
	w := g.Initializers[n.Inputs[0]]
	if w == nil || w.DType != tensor.Float16 && w.DType != tensor.BFloat16 || len(w.Shape) != 2 || len(w.Bytes) < MinHalfWeights {
		return nil
	}
	if to, err := n.IntAttr("to", 0); err != nil || to != int64(tensor.Float32.ONNX()) {
		return nil
	}
	return w
}

// fuseWeights makes HalfGemm of products with widened half floats, then moves a bias and a Relu behind products with packed weights into
// their epilogues.
func fuseWeights(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		cols := 0
		switch {
		case is(n, "MatMul") || is(n, "Gemm"):
			cols = halfGemm(g, e, n)
		case n.Domain == graph.DomainMicrosoft && n.Op == "MatMulNBits":
			if v, err := n.IntAttr("N", 0); err == nil && v > 0 {
				cols = int(v)
			}
		}
		if cols == 0 {
			continue
		}
		biasAt := 2
		if n.Op == "MatMulNBits" {
			biasAt = 5
		}
		if add := e.onlyUser(n.Outputs[0]); is(add, "Add") && (len(n.Inputs) <= biasAt || n.Inputs[biasAt] == "") {
			bias := add.Inputs[0]
			if bias == n.Outputs[0] {
				bias = add.Inputs[1]
			}
			if isRow(g.Initializers[bias], cols) {
				inputs := make([]string, biasAt+1)
				copy(inputs, n.Inputs)
				inputs[biasAt] = bias
				n.Inputs, n.Outputs = inputs, add.Outputs
				gone[add] = true
			}
		}
		if relu := e.onlyUser(n.Outputs[0]); is(relu, "Relu") {
			n.Domain, n.Outputs = graph.DomainFused, relu.Outputs
			if n.Attrs == nil {
				n.Attrs = map[string]graph.Attr{}
			}
			n.Attrs[ops.AttrActivation] = graph.Str("Relu")
			gone[relu] = true
		}
	}
	remove(g, gone)
}

// isRow reports whether t is a constant [n] of f32.
func isRow(t *tensor.Tensor, n int) bool {
	return t != nil && t.DType == tensor.Float32 && len(t.Shape) == 1 && t.Shape[0] == n
}

// halfGemm turns n into a HalfGemm if its right side is half-float weights, and returns its columns, 0 if it is something else.
func halfGemm(g *graph.Graph, e *edges, n *graph.Node) (cols int) {
	cast := e.producer[n.Inputs[1]]
	if cast == nil {
		return 0
	}
	w := halfWeights(g, cast)
	if w == nil {
		return 0
	}
	if n.Op == "MatMul" { // it has none of the attributes
		n.Attrs = nil
	}
	alpha, errA := n.FloatAttr("alpha", 1)
	beta, errB := n.FloatAttr("beta", 1)
	transA, errT := n.IntAttr("transA", 0)
	transB, errU := n.IntAttr("transB", 0)
	if errA != nil || errB != nil || errT != nil || errU != nil || alpha != 1 || transA != 0 {
		return 0
	}
	cols = w.Shape[1]
	if transB != 0 {
		cols = w.Shape[0]
	}
	biased := len(n.Inputs) > 2 && n.Inputs[2] != ""
	if biased && (beta != 1 || !isRow(g.Initializers[n.Inputs[2]], cols)) {
		return 0
	}
	matrix := int64(0)
	if n.Op == "Gemm" {
		matrix = 1
	}
	n.Domain, n.Op = graph.DomainFused, "HalfGemm"
	n.Attrs = map[string]graph.Attr{"transB": graph.Int(transB), ops.AttrMatrix: graph.Int(matrix)}
	inputs := []string{n.Inputs[0], cast.Inputs[0]}
	if biased {
		inputs = append(inputs, n.Inputs[2])
	}
	n.Inputs = inputs
	return cols
}
