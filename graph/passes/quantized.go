package passes

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseQuantized finds DequantizeLinear → Gemm (→ Relu) (→ QuantizeLinear) with constant s8 weights and makes one QGemm
// of it. Signed activations become unsigned ones by shifting values and zero point by 128, which changes nothing else,
// so that there is one integer kernel.
func fuseQuantized(g *graph.Graph) {
	unsignActivations(g)
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if !is(n, "Gemm") {
			continue
		}
		q, ok := quantizedGemm(g, e, n)
		if !ok {
			continue
		}
		out := n
		if relu := e.onlyUser(n.Outputs[0]); is(relu, "Relu") {
			q.Attrs[ops.AttrActivation] = graph.Str("Relu")
			gone[relu] = true
			out = relu
		}
		if quant := e.onlyUser(out.Outputs[0]); is(quant, "QuantizeLinear") && unsignedScalar(g, quant) {
			for len(q.Inputs) < 6 {
				q.Inputs = append(q.Inputs, "")
			}
			q.Inputs = append(q.Inputs, quant.Inputs[1], quant.Inputs[2])
			gone[quant] = true
			out = quant
		}
		q.Outputs = out.Outputs
		*n = *q
	}
	remove(g, gone)
}

// quantizedGemm is the QGemm without epilogue that Gemm n amounts to, if its operands are quantised the right way.
func quantizedGemm(g *graph.Graph, e *edges, n *graph.Node) (*graph.Node, bool) {
	alpha, errA := n.FloatAttr("alpha", 1)
	beta, errB := n.FloatAttr("beta", 1)
	transA, errT := n.IntAttr("transA", 0)
	transB, errU := n.IntAttr("transB", 0)
	if errA != nil || errB != nil || errT != nil || errU != nil || alpha != 1 || beta != 1 || transA != 0 || transB != 0 {
		return nil, false
	}
	a, w := e.producer[n.Inputs[0]], e.producer[n.Inputs[1]]
	if !is(a, "DequantizeLinear") || !is(w, "DequantizeLinear") || !unsignedScalar(g, a) || !plainTypes(w) {
		return nil, false
	}
	weights, scale := g.Initializers[w.Inputs[0]], g.Initializers[w.Inputs[1]]
	if weights == nil || scale == nil || weights.DType != tensor.Int8 || len(weights.Shape) != 2 || scale.DType != tensor.Float32 {
		return nil, false
	}
	if axis, err := w.IntAttr("axis", 1); err != nil || scale.Len() != 1 && (axis != 1 && axis != -1 || scale.Len() != weights.Shape[1]) {
		return nil, false
	}
	if len(w.Inputs) > 2 && w.Inputs[2] != "" {
		zero := g.Initializers[w.Inputs[2]]
		if zero == nil || zero.DType != tensor.Int8 {
			return nil, false
		}
		for _, z := range tensor.Data[int8](zero) {
			if z != 0 {
				return nil, false
			}
		}
	}
	q := &graph.Node{
		Name: n.Name, Domain: graph.DomainFused, Op: "QGemm",
		Inputs: []string{a.Inputs[0], a.Inputs[1], a.Inputs[2], w.Inputs[0], w.Inputs[1]},
		Attrs:  map[string]graph.Attr{},
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		bias := e.producer[n.Inputs[2]]
		if !is(bias, "DequantizeLinear") || !biasInAccumulatorUnits(g, bias, g.Initializers[a.Inputs[1]], scale, weights.Shape[1]) {
			return nil, false
		}
		q.Inputs = append(q.Inputs, bias.Inputs[0])
	}
	return q, true
}

// biasInAccumulatorUnits proves that one unit of the s32 bias is one unit of the integer product: scale = scale_a·scale_w
// to within a rounding, zero point 0.
func biasInAccumulatorUnits(g *graph.Graph, dq *graph.Node, scaleA, scaleW *tensor.Tensor, cols int) bool {
	bias, scale := g.Initializers[dq.Inputs[0]], g.Initializers[dq.Inputs[1]]
	if bias == nil || scale == nil || bias.DType != tensor.Int32 || bias.Len() != cols || len(bias.Shape) != 1 || scale.DType != tensor.Float32 {
		return false
	}
	if len(dq.Inputs) > 2 && dq.Inputs[2] != "" {
		zero := g.Initializers[dq.Inputs[2]]
		if zero == nil || zero.DType != tensor.Int32 {
			return false
		}
		for _, z := range tensor.Data[int32](zero) {
			if z != 0 {
				return false
			}
		}
	}
	a := float64(tensor.Data[float32](scaleA)[0])
	w, s := tensor.Data[float32](scaleW), tensor.Data[float32](scale)
	if len(s) != len(w) {
		return false
	}
	for i := range s {
		if want := a * float64(w[i]); math.Abs(float64(s[i])-want) > want*1e-6 {
			return false
		}
	}
	return true
}

// unsignedScalar reports whether a Q or DQ node has one constant scale and one constant u8 zero point.
func unsignedScalar(g *graph.Graph, n *graph.Node) bool {
	if len(n.Inputs) < 3 || n.Inputs[2] == "" {
		return false
	}
	scale, zero := g.Initializers[n.Inputs[1]], g.Initializers[n.Inputs[2]]
	return scale != nil && scale.DType == tensor.Float32 && scale.Len() == 1 && zero != nil && zero.DType == tensor.Uint8 && zero.Len() == 1 &&
		plainTypes(n)
}

// plainTypes reports whether a Q or DQ node has none of the attributes that change its types or share scales among blocks.
func plainTypes(n *graph.Node) bool {
	for _, name := range []string{"output_dtype", "precision", "block_size"} {
		if v, err := n.IntAttr(name, 0); err != nil || v != 0 {
			return false
		}
	}
	return true
}

// unsignActivations rewrites s8 QuantizeLinear whose users are all s8 DequantizeLinear with the same kind of constants.
func unsignActivations(g *graph.Graph) {
	e := edgesOf(g)
	for _, q := range g.Nodes {
		if !is(q, "QuantizeLinear") || e.output[q.Outputs[0]] || !signedScalar(g, q) {
			continue
		}
		users := e.users[q.Outputs[0]]
		all := len(users) > 0
		for _, dq := range users {
			all = all && is(dq, "DequantizeLinear") && dq.Inputs[0] == q.Outputs[0] && signedScalar(g, dq)
		}
		if !all {
			continue
		}
		q.Inputs[2] = shiftedZero(g, q.Inputs[2])
		for _, dq := range users {
			dq.Inputs[2] = shiftedZero(g, dq.Inputs[2])
		}
	}
}

func signedScalar(g *graph.Graph, n *graph.Node) bool {
	if len(n.Inputs) < 3 || n.Inputs[2] == "" {
		return false
	}
	zero := g.Initializers[n.Inputs[2]]
	return zero != nil && zero.DType == tensor.Int8 && zero.Len() == 1 && plainTypes(n)
}

// shiftedZero is the name of a u8 constant that is s8 constant name + 128.
func shiftedZero(g *graph.Graph, name string) string {
	shifted := name + "+128"
	if g.Initializers[shifted] == nil {
		zero := tensor.Data[int8](g.Initializers[name])[0]
		g.Initializers[shifted] = tensor.Of([]uint8{uint8(int(zero) + 128)})
	}
	return shifted
}
