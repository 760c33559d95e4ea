package passes

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// fuseInt8 makes integer operators of DequantizeLinear → operator → QuantizeLinear, for activations of u8 with one scale:
//
//   - operators that move or select values run on the bytes, before DequantizeLinear (exact)
//   - a function of one value becomes a table (exact)
//   - Conv, Add, Mul, the average pools and Concat become the quantised ones, which round the exact integer result once
//
// What follows in layoutInt8 brings images to channels last.
func fuseInt8(g *graph.Graph) {
	unsignActivations(g)
	sinkDequantize(g)
	fuseTables(g)
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if gone[n] || len(n.Outputs) != 1 {
			continue
		}
		fuse := map[string]func(*graph.Graph, *edges, *graph.Node) (*graph.Node, bool){
			"Conv": quantizedConv, "Add": quantizedPair("QAdd"), "Mul": quantizedPair("QMul"),
			"AveragePool": quantizedAverage("QLinearAveragePool"), "GlobalAveragePool": quantizedAverage("QLinearGlobalAveragePool"),
			"Concat": quantizedConcat,
		}[n.Op]
		if fuse == nil || n.Domain != graph.DomainONNX {
			continue
		}
		q, ok := fuse(g, e, n)
		if !ok {
			continue
		}
		end, found := findResult(g, e, n)
		switch {
		case found && !(end.clamped && q.Domain == graph.DomainMicrosoft):
			setResult(q, end)
			for _, passed := range end.nodes {
				gone[passed] = true
			}
		case n.Op == "Conv": // an f32 result
			if relu := e.onlyUser(n.Outputs[0]); is(relu, "Relu") {
				q.Attrs[ops.AttrActivation], q.Outputs = graph.Str("Relu"), relu.Outputs
				gone[relu] = true
			}
		default:
			continue
		}
		*n = *q
	}
	remove(g, gone)
}

// result is a QuantizeLinear, and what lies between an operator and it.
type result struct {
	quant   *graph.Node
	lo, hi  uint8
	clamped bool
	nodes   []*graph.Node // replaced, quant among them
}

// findResult follows the only user of n through Relu and Clip, which are limits of the result, to a QuantizeLinear to u8.
func findResult(g *graph.Graph, e *edges, n *graph.Node) (result, bool) {
	r := result{hi: 255}
	act := e.onlyUser(n.Outputs[0])
	if quantizesU8(g, act) {
		r.quant, r.nodes = act, []*graph.Node{act}
		return r, true
	}
	lo, hi, ok := limits(g, act)
	if !ok || len(act.Outputs) != 1 {
		return r, false
	}
	if r.quant = e.onlyUser(act.Outputs[0]); !quantizesU8(g, r.quant) {
		return r, false
	}
	scale, zero := scalarOf(g, r.quant.Inputs)
	var limited [2]uint8
	kernels.QuantizeU8(limited[:], []float32{lo, hi}, scale, zero)
	r.lo, r.hi, r.clamped, r.nodes = limited[0], limited[1], true, []*graph.Node{act, r.quant}
	return r, r.lo <= r.hi
}

// limits are those that a Relu or a Clip with constant bounds sets.
func limits(g *graph.Graph, n *graph.Node) (lo, hi float32, ok bool) {
	if is(n, "Relu") {
		return 0, math.MaxFloat32, true
	}
	if !is(n, "Clip") {
		return 0, 0, false
	}
	lo, errLo := n.FloatAttr("min", -math.MaxFloat32)
	hi, errHi := n.FloatAttr("max", math.MaxFloat32)
	for i, to := range []*float32{&lo, &hi} {
		if len(n.Inputs) > i+1 && n.Inputs[i+1] != "" {
			t := g.Initializers[n.Inputs[i+1]]
			if t == nil || t.DType != tensor.Float32 || t.Len() != 1 {
				return 0, 0, false
			}
			*to = tensor.Data[float32](t)[0]
		}
	}
	return lo, hi, errLo == nil && errHi == nil && lo <= hi
}

// setResult gives q scale and zero point of the result, behind its other inputs or, for QConv and QLinearConcat, where they go, and its
// limits.
func setResult(q *graph.Node, r result) {
	scale, zero := r.quant.Inputs[1], ""
	if len(r.quant.Inputs) > 2 {
		zero = r.quant.Inputs[2]
	}
	switch q.Op {
	case "QConv":
		q.Inputs[6], q.Inputs[7] = scale, zero
	case "QLinearConcat":
		q.Inputs = append([]string{scale, zero}, q.Inputs...)
	default:
		q.Inputs = append(q.Inputs, scale, zero)
	}
	if r.clamped {
		q.Attrs[ops.AttrLo], q.Attrs[ops.AttrHi] = graph.Int(int64(r.lo)), graph.Int(int64(r.hi))
	}
	q.Outputs = r.quant.Outputs
}

// quantizesU8 reports whether n is a QuantizeLinear to u8 with one constant scale.
func quantizesU8(g *graph.Graph, n *graph.Node) bool {
	if !is(n, "QuantizeLinear") || len(n.Inputs) < 2 {
		return false
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		return unsignedScalar(g, n) && validScale(g, n.Inputs[1])
	}
	scale := g.Initializers[n.Inputs[1]]
	return scale != nil && scale.DType == tensor.Float32 && scale.Len() == 1 && validScale(g, n.Inputs[1]) && plainTypes(n)
}

// dequantizesU8 reports whether n is a DequantizeLinear of u8 with one constant scale.
func dequantizesU8(g *graph.Graph, n *graph.Node) bool {
	return is(n, "DequantizeLinear") && unsignedScalar(g, n) && validScale(g, n.Inputs[1])
}

// validScale reports whether all scales are positive and finite.
func validScale(g *graph.Graph, name string) bool {
	for _, s := range tensor.Data[float32](g.Initializers[name]) {
		if !(s > 0) || math.IsInf(float64(s), 0) {
			return false
		}
	}
	return true
}

// scalarOf reads scale and zero point, inputs 1 and 2 of a Q or DQ node.
func scalarOf(g *graph.Graph, inputs []string) (scale float32, zero uint8) {
	if len(inputs) > 2 && inputs[2] != "" {
		zero = tensor.Data[uint8](g.Initializers[inputs[2]])[0]
	}
	return tensor.Data[float32](g.Initializers[inputs[1]])[0], zero
}

// maxFusedProducts keeps sums of u8 times nine bits, with a bias below 2³⁰, within s32.
const maxFusedProducts = 16000

// quantizedConv is the QConv, before layout, without its result.
func quantizedConv(g *graph.Graph, e *edges, n *graph.Node) (*graph.Node, bool) {
	a, w := e.producer[n.Inputs[0]], e.producer[n.Inputs[1]]
	if !dequantizesU8(g, a) || !is(w, "DequantizeLinear") || !plainTypes(w) {
		return nil, false
	}
	weights, scale := g.Initializers[w.Inputs[0]], g.Initializers[w.Inputs[1]]
	if weights == nil || scale == nil || weights.DType != tensor.Int8 && weights.DType != tensor.Uint8 || scale.DType != tensor.Float32 ||
		len(weights.Shape) != 3 && len(weights.Shape) != 4 || weights.Len() == 0 || !validScale(g, w.Inputs[1]) {
		return nil, false
	}
	m := weights.Shape[0]
	if axis, err := w.IntAttr("axis", 1); err != nil || scale.Len() != 1 && (axis != 0 && axis != -int64(len(weights.Shape)) || scale.Len() != m) {
		return nil, false
	}
	zero := ""
	if len(w.Inputs) > 2 && w.Inputs[2] != "" {
		zero = w.Inputs[2]
		if z := g.Initializers[zero]; z == nil || z.DType != weights.DType || z.Len() != scale.Len() {
			return nil, false
		}
	}
	if weights.Len()/m > maxFusedProducts {
		return nil, false
	}
	q := &graph.Node{Name: n.Name, Domain: graph.DomainFused, Op: "QConv", Attrs: map[string]graph.Attr{}, Outputs: n.Outputs,
		Inputs: []string{a.Inputs[0], a.Inputs[1], a.Inputs[2], w.Inputs[0], w.Inputs[1], zero, "", "", ""}}
	for name, v := range n.Attrs {
		q.Attrs[name] = v
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		bias, ok := convBias(g, e, n, a, w, m)
		if !ok {
			return nil, false
		}
		q.Inputs[8] = bias
	}
	return q, true
}

// convBias is the name of the bias in units of the integer sums: as it is, where it was quantised so, or rounded to them.
func convBias(g *graph.Graph, e *edges, n, a, w *graph.Node, m int) (string, bool) {
	const limit = 1 << 30
	scaleA, scaleW := g.Initializers[a.Inputs[1]], tensor.Data[float32](g.Initializers[w.Inputs[1]])
	if dq := e.producer[n.Inputs[2]]; is(dq, "DequantizeLinear") {
		if !biasInAccumulatorUnits(g, dq, scaleA, g.Initializers[w.Inputs[1]], m) {
			return "", false
		}
		for _, v := range tensor.Data[int32](g.Initializers[dq.Inputs[0]]) {
			if v <= -limit || v >= limit {
				return "", false
			}
		}
		return dq.Inputs[0], true
	}
	t := g.Initializers[n.Inputs[2]]
	if t == nil || t.DType != tensor.Float32 || t.Len() != m {
		return "", false
	}
	rounded := make([]int32, m)
	for o, v := range tensor.Data[float32](t) {
		unit := float64(tensor.Data[float32](scaleA)[0]) * float64(scaleW[min(o, len(scaleW)-1)])
		b := math.RoundToEven(float64(v) / unit)
		if !(math.Abs(b) < limit) {
			return "", false
		}
		rounded[o] = int32(b)
	}
	name := n.Outputs[0] + " (bias)"
	g.Initializers[name] = tensor.Of(rounded, m)
	return name, true
}

// quantizedPair is op on two dequantised operands.
func quantizedPair(op string) func(*graph.Graph, *edges, *graph.Node) (*graph.Node, bool) {
	return func(g *graph.Graph, e *edges, n *graph.Node) (*graph.Node, bool) {
		q := &graph.Node{Name: n.Name, Domain: graph.DomainFused, Op: op, Attrs: map[string]graph.Attr{}}
		for _, name := range n.Inputs {
			dq := e.producer[name]
			if !dequantizesU8(g, dq) {
				return nil, false
			}
			q.Inputs = append(q.Inputs, dq.Inputs[:3]...)
		}
		return q, len(n.Inputs) == 2
	}
}

func quantizedAverage(op string) func(*graph.Graph, *edges, *graph.Node) (*graph.Node, bool) {
	return func(g *graph.Graph, e *edges, n *graph.Node) (*graph.Node, bool) {
		dq := e.producer[n.Inputs[0]]
		if !dequantizesU8(g, dq) {
			return nil, false
		}
		q := &graph.Node{Name: n.Name, Domain: graph.DomainMicrosoft, Op: op, Inputs: dq.Inputs[:3:3], Attrs: map[string]graph.Attr{}}
		for name, v := range n.Attrs {
			q.Attrs[name] = v
		}
		return q, true
	}
}

func quantizedConcat(g *graph.Graph, e *edges, n *graph.Node) (*graph.Node, bool) {
	q := &graph.Node{Name: n.Name, Domain: graph.DomainMicrosoft, Op: "QLinearConcat", Attrs: n.Attrs}
	for _, name := range n.Inputs {
		dq := e.producer[name]
		if !dequantizesU8(g, dq) {
			return nil, false
		}
		q.Inputs = append(q.Inputs, dq.Inputs[:3]...)
	}
	return q, true
}
