package passes

import (
	"math"

	"github.com/hotpath/hotpath/graph"
)

// fuseGelu turns Gelu as exporters write it, in any order of the factors,
//
//	x·½·(1 + Erf(x/√2))    x·½·(1 + Tanh(√(2/π)·(x + 0.044715·x³)))    x·½·(1 + Tanh(√(2/π)·x·(1 + 0.044715·x²)))
//
// into the operator, and x·Sigmoid(a·x) into Swish.
func fuseGelu(g *graph.Graph) {
	e := edgesOf(g)
	for _, n := range g.Nodes {
		x, form := "", "none"
		switch {
		case is(n, "Erf"):
			x, _ = e.scaledBy(g, n.Inputs[0], math.Sqrt2/2)
		case is(n, "Tanh"):
			x, form = e.tanhArgument(g, n.Inputs[0]), "tanh"
		case is(n, "Sigmoid"):
			e.fuseScaledSwish(g, n)
			continue
		}
		if x == "" {
			continue
		}
		if last := e.halfOnePlus(g, n, x); last != nil {
			*last = graph.Node{Name: last.Name, Op: "Gelu", Inputs: []string{x}, Outputs: last.Outputs, Attrs: map[string]graph.Attr{"approximate": graph.Str(form)}}
		}
	}
}

// fuseScaledSwish matches x·Sigmoid(a·x).
func (e *edges) fuseScaledSwish(g *graph.Graph, n *graph.Node) {
	scaled := e.producer[n.Inputs[0]]
	if !is(scaled, "Mul") {
		return
	}
	alpha, x, ok := scaling(g, scaled)
	mul := e.onlyUser(n.Outputs[0])
	if ok && is(mul, "Mul") && otherOperand(mul, n.Outputs[0]) == x {
		*mul = graph.Node{Name: mul.Name, Op: "Swish", Inputs: []string{x}, Outputs: mul.Outputs, Attrs: map[string]graph.Attr{"alpha": graph.Float32(alpha)}}
	}
}

// halfOnePlus follows f to the node that computes x·½·(1 + f); nil where there is none.
func (e *edges) halfOnePlus(g *graph.Graph, f *graph.Node, x string) *graph.Node {
	plus := e.onlyUser(f.Outputs[0])
	if _, ok := e.plusScalar(g, plus, 1); !ok {
		return nil
	}
	mul := e.onlyUser(plus.Outputs[0])
	if !is(mul, "Mul") {
		return nil
	}
	other := otherOperand(mul, plus.Outputs[0])
	if from, ok := e.scaledBy(g, other, 0.5); ok && from == x {
		return mul
	}
	last := e.onlyUser(mul.Outputs[0])
	if !is(last, "Mul") && !is(last, "Div") {
		return nil
	}
	if half, ok := scalar(g, other); ok && half == 0.5 && is(last, "Mul") && otherOperand(last, mul.Outputs[0]) == x {
		return last
	}
	if by, from, ok := scaling(g, last); ok && by == 0.5 && from == mul.Outputs[0] && other == x {
		return last
	}
	return nil
}

// tanhArgument returns x where value is √(2/π)·(x + 0.044715·x³) or √(2/π)·x·(1 + 0.044715·x²).
func (e *edges) tanhArgument(g *graph.Graph, value string) string {
	const cubic = 0.044715
	factor := math.Sqrt(2 / math.Pi)
	if sum, ok := e.scaledBy(g, value, factor); ok {
		add := e.producer[sum]
		if !is(add, "Add") {
			return ""
		}
		for i, x := range add.Inputs {
			if cube, ok := e.scaledBy(g, add.Inputs[1-i], cubic); ok && e.isCube(g, cube, x) || e.isProduct(g, add.Inputs[1-i], cubic, x, 3) {
				return x
			}
		}
		return ""
	}
	mul := e.producer[value]
	if !is(mul, "Mul") {
		return ""
	}
	for i, in := range mul.Inputs {
		x, ok := e.scaledBy(g, in, factor)
		if !ok {
			continue
		}
		rest, ok := e.plusScalar(g, e.producer[mul.Inputs[1-i]], 1)
		if !ok {
			continue
		}
		if square, ok := e.scaledBy(g, rest, cubic); ok && e.squareOf(g, square) == x {
			return x
		}
		if p := e.producer[rest]; is(p, "Mul") { // (0.044715·x)·x
			if from, ok := e.scaledBy(g, otherOperand(p, x), cubic); ok && from == x {
				return x
			}
		}
	}
	return ""
}

// scaledBy returns what value is scaled from by a constant near factor.
func (e *edges) scaledBy(g *graph.Graph, value string, factor float64) (string, bool) {
	n := e.producer[value]
	if !is(n, "Mul") && !is(n, "Div") {
		return "", false
	}
	if by, from, ok := scaling(g, n); ok && near(by, factor) {
		return from, true
	}
	return "", false
}

// near allows what writing a constant with five digits loses.
func near(v float32, want float64) bool { return math.Abs(float64(v)-want) <= 1e-4*want }

// plusScalar returns the operand of n beside a constant near v, if n adds that.
func (e *edges) plusScalar(g *graph.Graph, n *graph.Node, v float64) (string, bool) {
	if !is(n, "Add") {
		return "", false
	}
	for i, in := range n.Inputs {
		if c, ok := scalar(g, in); ok && near(c, v) {
			return n.Inputs[1-i], true
		}
	}
	return "", false
}

// squareOf returns x where value is x² or x·x; "" where it is neither.
func (e *edges) squareOf(g *graph.Graph, value string) string {
	n := e.producer[value]
	switch {
	case is(n, "Mul") && n.Inputs[0] == n.Inputs[1]:
		return n.Inputs[0]
	case is(n, "Pow"):
		if power, ok := scalar(g, n.Inputs[1]); ok && power == 2 {
			return n.Inputs[0]
		}
	}
	return ""
}

// isCube reports whether value is x³.
func (e *edges) isCube(g *graph.Graph, value, x string) bool {
	n := e.producer[value]
	switch {
	case is(n, "Mul"):
		return x != "" && (n.Inputs[0] == x && e.squareOf(g, n.Inputs[1]) == x || n.Inputs[1] == x && e.squareOf(g, n.Inputs[0]) == x)
	case is(n, "Pow"):
		power, ok := scalar(g, n.Inputs[1])
		return ok && power == 3 && n.Inputs[0] == x
	}
	return false
}

// isProduct reports whether a value is a product of a constant near factor and count times x, multiplied one by one.
func (e *edges) isProduct(g *graph.Graph, value string, factor float64, x string, count int) bool {
	for ; count > 0; count-- {
		n := e.producer[value]
		if !is(n, "Mul") || n.Inputs[0] != x && n.Inputs[1] != x {
			return false
		}
		value = otherOperand(n, x)
	}
	c, ok := scalar(g, value)
	return ok && near(c, factor)
}

// otherOperand is the operand of a binary node beside value.
func otherOperand(n *graph.Node, value string) string {
	if n.Inputs[0] == value {
		return n.Inputs[1]
	}
	return n.Inputs[0]
}
