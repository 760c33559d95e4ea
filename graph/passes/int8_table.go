package passes

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// movers are operators that put values elsewhere, or keep the largest of them, and compute nothing: they may as well work on bytes.
var movers = map[string]bool{
	"Flatten": true, "Reshape": true, "Squeeze": true, "Unsqueeze": true, "Transpose": true, "MaxPool": true, "Identity": true,
}

// sinkDequantize exchanges DequantizeLinear of u8 and a mover behind it. The answers keep their bits: dequantising is monotone.
func sinkDequantize(g *graph.Graph) {
	e := edgesOf(g)
	nodes := make([]*graph.Node, 0, len(g.Nodes))
	for _, n := range g.Nodes { // sorted: a chain of movers is gone through in one go
		nodes = append(nodes, n)
		if n.Domain != graph.DomainONNX || !movers[n.Op] || len(n.Outputs) != 1 || len(n.Inputs) == 0 || n.Attrs["dilations"].Ints != nil {
			continue // a dilated window may have nothing inside the image: -Inf, which no byte is
		}
		dq := e.producer[n.Inputs[0]]
		if !dequantizesU8(g, dq) {
			continue
		}
		bytes := n.Outputs[0] + " (u8)"
		after := &graph.Node{Name: n.Name + " (dequantize)", Op: dq.Op, Inputs: append([]string{bytes}, dq.Inputs[1:]...), Outputs: n.Outputs,
			Attrs: dq.Attrs, Opset: dq.Opset}
		n.Inputs[0], n.Outputs = dq.Inputs[0], []string{bytes}
		nodes = append(nodes, after)
		e.producer[after.Outputs[0]] = after
	}
	g.Nodes = nodes
}

// pointwise are operators whose results are functions of the elements at one place.
var pointwise = map[string]bool{
	"Abs": true, "Add": true, "Ceil": true, "Clip": true, "Div": true, "Elu": true, "Erf": true, "Exp": true, "Floor": true, "Gelu": true,
	"HardSigmoid": true, "HardSwish": true, "LeakyRelu": true, "Log": true, "Max": true, "Min": true, "Mul": true, "Neg": true, "Pow": true,
	"Reciprocal": true, "Relu": true, "Round": true, "Sigmoid": true, "Sign": true, "Softplus": true, "Sqrt": true, "Sub": true, "Swish": true,
	"Tanh": true,
}

// fuseTables replaces what lies between one DequantizeLinear of u8 and a QuantizeLinear to u8 by a table of 256 bytes, computed with the
// operators themselves, or by nothing where the scales are equal and nothing lies between.
func fuseTables(g *graph.Graph) {
	e := edgesOf(g)
	for _, q := range g.Nodes {
		if !quantizesU8(g, q) {
			continue
		}
		t := &tableFinder{g: g, e: e, inside: map[*graph.Node]bool{}}
		if !t.follow(q.Inputs[0]) || t.source == nil || !t.closed(q) {
			continue
		}
		if len(t.inside) == 0 && !e.output[q.Outputs[0]] {
			scale, zero := scalarOf(g, q.Inputs)
			if s, z := scalarOf(g, t.source.Inputs); s == scale && z == zero {
				for _, user := range e.users[q.Outputs[0]] {
					user.Rename(map[string]string{q.Outputs[0]: t.source.Inputs[0]})
				}
				e = edgesOf(g)
				continue
			}
		}
		table, ok := t.compute(q)
		if !ok {
			continue
		}
		name := q.Outputs[0] + " (table)"
		g.Initializers[name] = table
		*q = graph.Node{Name: q.Name, Domain: graph.DomainFused, Op: "QTable", Inputs: []string{t.source.Inputs[0], name}, Outputs: q.Outputs,
			Attrs: map[string]graph.Attr{}}
		e = edgesOf(g)
	}
	dropUnused(g)
}

// tableFinder collects the pointwise operators before a QuantizeLinear, back to one DequantizeLinear.
type tableFinder struct {
	g      *graph.Graph
	e      *edges
	source *graph.Node
	inside map[*graph.Node]bool
}

// maxTableNodes bounds what one table may stand for, and the depth of follow.
const maxTableNodes = 16

// follow reports whether value depends on the elements of one u8 value and on constant scalars alone.
func (t *tableFinder) follow(value string) bool {
	if c := t.g.Initializers[value]; c != nil {
		return len(c.Shape) == 0 && c.DType == tensor.Float32
	}
	n := t.e.producer[value]
	switch {
	case n == nil || len(n.Outputs) != 1:
		return false
	case t.inside[n]:
		return true
	case dequantizesU8(t.g, n):
		if t.source != nil && (t.source.Inputs[0] != n.Inputs[0] || t.source.Inputs[1] != n.Inputs[1] || t.source.Inputs[2] != n.Inputs[2]) {
			return false
		}
		t.source = n
		return t.g.Initializers[n.Inputs[0]] == nil
	case n.Domain != graph.DomainONNX || !pointwise[n.Op] || t.e.output[value] || len(t.inside) == maxTableNodes:
		return false
	}
	t.inside[n] = true
	for _, in := range n.Inputs {
		if in != "" && !t.follow(in) {
			return false
		}
	}
	return true
}

// closed reports whether nothing but q uses what lies inside.
func (t *tableFinder) closed(q *graph.Node) bool {
	for n := range t.inside {
		for _, user := range t.e.users[n.Outputs[0]] {
			if user != q && !t.inside[user] {
				return false
			}
		}
	}
	return true
}

// compute runs the operators on all 256 bytes.
func (t *tableFinder) compute(q *graph.Node) (*tensor.Tensor, bool) {
	bytes := make([]uint8, 256)
	for i := range bytes {
		bytes[i] = uint8(i)
	}
	small := &graph.Graph{Initializers: map[string]*tensor.Tensor{}}
	source := t.source.Inputs[0]
	copied := func(n *graph.Node) {
		c := *n
		small.Nodes = append(small.Nodes, &c)
		for _, in := range n.Inputs {
			if v := t.g.Initializers[in]; v != nil {
				small.Initializers[in] = v
			}
		}
	}
	for _, n := range t.g.Nodes { // sorted
		same := is(n, "DequantizeLinear") && slices.Equal(n.Inputs, t.source.Inputs)
		if same || t.inside[n] || n == q {
			copied(n)
		}
	}
	small.Initializers[source] = tensor.Of(bytes, 256)
	if err := foldConstants(small, nil, false); err != nil {
		return nil, false // the operators themselves will say what is wrong
	}
	table := small.Initializers[q.Outputs[0]]
	return table, table != nil && table.DType == tensor.Uint8 && table.Len() == 256
}
