package passes

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseSwish replaces x·Sigmoid(x) by Swish, which is rounded once less.
func fuseSwish(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if !is(n, "Sigmoid") || len(n.Outputs) != 1 {
			continue
		}
		x, mul := n.Inputs[0], e.onlyUser(n.Outputs[0])
		if !is(mul, "Mul") || len(mul.Inputs) != 2 || len(mul.Outputs) != 1 || mul.Inputs[0] != x && mul.Inputs[1] != x {
			continue
		}
		mul.Op, mul.Inputs, mul.Attrs, mul.Opset = "Swish", []string{x}, nil, 0
		gone[n] = true
	}
	remove(g, gone)
}

// fuseHardSwish turns HardSwish and HardSigmoid as exporters write them,
//
//	x·Clip(x + 3, 0, 6)/6    x·(Clip(x + 3, 0, 6)/6)    x·HardSigmoid(x)    Clip(x + 3, 0, 6)/6
//
// into the operators, which are rounded less often.
func fuseHardSwish(g *graph.Graph) {
	e := edgesOf(g)
	for _, n := range g.Nodes {
		x, ok := e.hardGate(g, n)
		if !ok {
			continue
		}
		next, divided := e.onlyUser(n.Outputs[0]), is(n, "HardSigmoid")
		if !divided && isSixth(g, next) {
			n, next, divided = next, e.onlyUser(next.Outputs[0]), true
			*n = graph.Node{Name: n.Name, Op: "HardSigmoid", Inputs: []string{x}, Outputs: n.Outputs, Attrs: map[string]graph.Attr{"alpha": graph.Float32(1.0 / 6)}}
		}
		if !is(next, "Mul") || otherOperand(next, n.Outputs[0]) != x {
			continue
		}
		if !divided {
			if next = e.onlyUser(next.Outputs[0]); !isSixth(g, next) {
				continue
			}
		}
		*next = graph.Node{Name: next.Name, Op: "HardSwish", Inputs: []string{x}, Outputs: next.Outputs}
	}
	dropUnused(g)
}

// hardGate returns x where n is Clip(x + 3, 0, 6), or HardSigmoid(x) with the slope of HardSwish.
func (e *edges) hardGate(g *graph.Graph, n *graph.Node) (x string, ok bool) {
	if !is(n, "Clip") && !is(n, "HardSigmoid") {
		return "", false
	}
	attrs, ok := ops.FusedActivation(n, func(name string) *tensor.Tensor { return g.Initializers[name] })
	if !ok {
		return "", false
	}
	p := attrs[ops.AttrActivationParams].Floats
	if n.Op == "HardSigmoid" {
		return n.Inputs[0], near(p[0], 1.0/6) && p[1] == 0.5
	}
	if p[0] != 0 || p[1] != 6 {
		return "", false
	}
	return e.plusScalar(g, e.producer[n.Inputs[0]], 3)
}

// isSixth reports whether n divides by a constant 6.
func isSixth(g *graph.Graph, n *graph.Node) bool {
	if !is(n, "Mul") && !is(n, "Div") {
		return false
	}
	by, _, ok := scaling(g, n)
	return ok && near(by, 1.0/6)
}

// fuseAffine makes one operator of a multiplication by a number and an addition of one, which is rounded once less.
func fuseAffine(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if !is(n, "Mul") {
			continue
		}
		scale, x, ok := scaling(g, n)
		add := e.onlyUser(n.Outputs[0])
		if !ok || !is(add, "Add") {
			continue
		}
		if shift, ok := scalar(g, otherOperand(add, n.Outputs[0])); ok {
			*add = graph.Node{Name: add.Name, Domain: graph.DomainFused, Op: "Affine", Inputs: []string{x}, Outputs: add.Outputs,
				Attrs: map[string]graph.Attr{ops.AttrAffine: graph.Floats([]float32{scale, shift})}}
			gone[n] = true
		}
	}
	remove(g, gone)
}
