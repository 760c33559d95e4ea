package passes

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseAttention turns attention as exporters write it,
//
//	Transpose(Softmax(MatMul(q, kᵀ)·scale + mask)·v), with q, v and kᵀ transposed from [batch, rows, heads, dim],
//
// into one operator that reads and writes [batch, rows, heads, dim] in place and keeps no matrix of all scores. The scale may stand at q, at
// kᵀ or at the product, as Mul or Div by a constant; the mask may be missing; IsNaN and Where, which make 0 of a row without keys, are what
// the operator does anyway.
func fuseAttention(g *graph.Graph) {
	e := edgesOf(g)
	for _, n := range g.Nodes {
		if is(n, "MatMul") {
			if f := e.attention(g, n); f != nil {
				last := e.onlyUser(n.Outputs[0])
				*last = *f
			}
		}
	}
}

// Permutations between [batch, rows, heads, dim], [batch, heads, rows, dim] and its transpose.
var (
	swapHeads  = []int64{0, 2, 1, 3}
	headsLast  = []int64{0, 2, 3, 1} // to [batch, heads, dim, rows]
	swapMatrix = []int64{0, 1, 3, 2}
)

// attention matches the pattern that ends in product, and returns the fused node; nil where it is another.
func (e *edges) attention(g *graph.Graph, product *graph.Node) *graph.Node {
	last := e.onlyUser(product.Outputs[0])
	v, ok := e.transposed(product.Inputs[1], swapHeads)
	if _, swap := e.transposed(outputOf(last), swapHeads); !ok || !swap {
		return nil
	}
	softmax := e.soleProducer(product.Inputs[0], product)
	if is(softmax, "Where") {
		softmax = e.withoutNaN(g, product)
	}
	if !lastAxis(softmax) {
		return nil
	}
	scale := float32(1)
	scores, mask := softmax.Inputs[0], ""
	node := e.soleProducer(scores, softmax)
	if is(node, "Add") {
		for i, in := range node.Inputs {
			if p := e.soleProducer(in, node); is(e.unscaled(g, p, nil), "MatMul") {
				mask, node = node.Inputs[1-i], p
				break
			}
		}
	}
	node = e.unscaled(g, node, &scale)
	if !is(node, "MatMul") {
		return nil
	}
	q, k := e.scaledInput(g, node.Inputs[0], &scale), e.scaledInput(g, node.Inputs[1], &scale)
	q, ok = e.transposed(q, swapHeads)
	if !ok {
		return nil
	}
	rowsFirst := "qvy"
	if from, ok := e.transposed(k, headsLast); ok {
		k, rowsFirst = from, "qkvy"
	} else if from, ok := e.transposed(k, swapMatrix); ok {
		if k = e.scaledInput(g, from, &scale); k != from {
			from = k
		}
		if from, ok := e.transposed(from, swapHeads); ok {
			k, rowsFirst = from, "qkvy"
		}
	} else {
		return nil
	}
	inputs := []string{q, k, v}
	if mask != "" {
		inputs = append(inputs, mask)
	}
	return &graph.Node{Name: softmax.Name, Domain: graph.DomainFused, Op: "Attention", Inputs: inputs, Outputs: last.Outputs,
		Attrs: map[string]graph.Attr{"scale": graph.Float32(scale), ops.AttrRowsFirst: graph.Str(rowsFirst)}}
}

func outputOf(n *graph.Node) string {
	if n == nil || len(n.Outputs) == 0 {
		return ""
	}
	return n.Outputs[0]
}

// transposed returns what value is a transpose of.
func (e *edges) transposed(value string, perm []int64) (string, bool) {
	n := e.producer[value]
	if value == "" || !is(n, "Transpose") {
		return "", false
	}
	got, err := n.IntsAttr("perm")
	return n.Inputs[0], err == nil && slices.Equal(got, perm)
}

// soleProducer is the node that makes value if user is all that reads it.
func (e *edges) soleProducer(value string, user *graph.Node) *graph.Node {
	if e.onlyUser(value) != user {
		return nil
	}
	return e.producer[value]
}

// withoutNaN looks through Where(IsNaN(p), 0, p) to the node that makes p.
func (e *edges) withoutNaN(g *graph.Graph, product *graph.Node) *graph.Node {
	where := e.soleProducer(product.Inputs[0], product)
	if !is(where, "Where") || len(where.Inputs) != 3 {
		return nil
	}
	p := where.Inputs[2]
	isNaN := e.soleProducer(where.Inputs[0], where)
	zero, ok := scalar(g, where.Inputs[1])
	if !is(isNaN, "IsNaN") || isNaN.Inputs[0] != p || !ok || zero != 0 || len(e.users[p]) != 2 || e.output[p] {
		return nil
	}
	return e.producer[p]
}

// lastAxis reports whether n is a Softmax over the last of four axes.
func lastAxis(n *graph.Node) bool {
	if !is(n, "Softmax") {
		return false
	}
	def := int64(-1)
	if n.Opset > 0 && n.Opset < 13 {
		def = 1
	}
	axis, err := n.IntAttr("axis", def)
	return err == nil && (axis == -1 || axis == 3)
}

// unscaled returns the node whose product n scales by a constant, and multiplies scale; n itself where it does not.
func (e *edges) unscaled(g *graph.Graph, n *graph.Node, scale *float32) *graph.Node {
	if n == nil || !is(n, "Mul") && !is(n, "Div") {
		return n
	}
	by, from, ok := scaling(g, n)
	if p := e.soleProducer(from, n); ok && p != nil {
		if scale != nil {
			*scale *= by
		}
		return p
	}
	return n
}

// scaledInput returns what value is scaled from, and multiplies scale; value itself where it is not.
func (e *edges) scaledInput(g *graph.Graph, value string, scale *float32) string {
	n := e.producer[value]
	if !is(n, "Mul") && !is(n, "Div") {
		return value
	}
	by, from, ok := scaling(g, n)
	if !ok {
		return value
	}
	*scale *= by
	return from
}

// scaling returns the factor by which a Mul or Div scales its other operand.
func scaling(g *graph.Graph, n *graph.Node) (by float32, from string, ok bool) {
	if by, ok = scalar(g, n.Inputs[1]); ok {
		if is(n, "Div") {
			by = 1 / by
		}
		return by, n.Inputs[0], true
	}
	by, ok = scalar(g, n.Inputs[0])
	return by, n.Inputs[1], ok && is(n, "Mul")
}

// scalar is a constant of one element, which stretches nothing.
func scalar(g *graph.Graph, name string) (float32, bool) {
	t := g.Initializers[name]
	if t == nil || t.DType != tensor.Float32 || t.Len() != 1 || len(t.Shape) > 4 {
		return 0, false
	}
	return tensor.Data[float32](t)[0], true
}
