package passes

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// mergeMatMulAdd turns MatMul with a constant matrix, followed by Add of a constant row, into Gemm. The bits stay: the
// product is the same kernel and the bias is added last in both forms. Only where the left side is a matrix for sure:
// Gemm has rank 2.
func mergeMatMulAdd(g *graph.Graph) {
	e := edgesOf(g)
	rank2 := matrices(g)
	gone := map[*graph.Node]bool{}
	for _, mm := range g.Nodes {
		if !is(mm, "MatMul") || !rank2[mm.Inputs[0]] {
			continue
		}
		w := g.Initializers[mm.Inputs[1]]
		add := e.onlyUser(mm.Outputs[0])
		if w == nil || len(w.Shape) != 2 || !is(add, "Add") {
			continue
		}
		bias := add.Inputs[0]
		if bias == mm.Outputs[0] {
			bias = add.Inputs[1]
		}
		b := g.Initializers[bias]
		if b == nil || b.DType != tensor.Float32 || len(b.Shape) != 1 || b.Shape[0] != w.Shape[1] {
			continue
		}
		if isLegacy(mm) {
			if _, aligned := add.Attrs["axis"]; aligned {
				continue
			}
			mm.Attrs = map[string]graph.Attr{"broadcast": graph.Int(1)}
		}
		mm.Op, mm.Inputs, mm.Outputs = "Gemm", append(mm.Inputs, bias), add.Outputs
		gone[add] = true
	}
	remove(g, gone)
}

// matrices are the values known to have rank 2: declared inputs, and what rank-keeping operators make of them.
func matrices(g *graph.Graph) map[string]bool {
	m := map[string]bool{}
	stretches := func(name string) bool { // does not raise the rank of a matrix it is combined with
		t := g.Initializers[name]
		return m[name] || t != nil && len(t.Shape) <= 2
	}
	for _, v := range g.Inputs {
		m[v.Name] = len(v.Shape) == 2
	}
	for _, n := range g.Nodes {
		switch {
		case n.Op == "Gemm" || n.Op == "Flatten":
			m[n.Outputs[0]] = true
		case n.Op == "Add" || n.Op == "Sub" || n.Op == "Mul" || n.Op == "Div":
			a, b := n.Inputs[0], n.Inputs[1]
			m[n.Outputs[0]] = m[a] && stretches(b) || m[b] && stretches(a)
		case len(n.Inputs) > 0 && m[n.Inputs[0]]:
			switch n.Op {
			case "MatMul":
				w := g.Initializers[n.Inputs[1]]
				m[n.Outputs[0]] = w != nil && len(w.Shape) == 2
			case "Relu", "Sigmoid", "Tanh", "Softmax", "Identity", "Dropout", "Scaler", "Imputer",
				"QuantizeLinear", "DequantizeLinear", "Cast", "Concat":
				m[n.Outputs[0]] = true
			}
		}
	}
	return m
}
