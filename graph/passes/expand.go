package passes

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Expand puts the ONNX operators in the place of nodes that stand for several, as Op.Expand says, and today's forms in that of forms before
// opset 7; in bodies too. They are those of the newest opset, so that only plans use it. m is not changed.
func Expand(m *graph.Model) (*graph.Model, error) {
	m = m.Clone()
	root := &m.Graph
	if err := root.Check(); err != nil {
		return nil, err
	}
	fresh := names{root: root}
	var err error
	eachBody(root, func(g *graph.Graph) {
		if err == nil {
			modernise(g)
			err = expand(g, &fresh)
		}
	})
	if err != nil {
		return nil, err
	}
	return m, root.Check()
}

func expand(g *graph.Graph, fresh *names) error {
	declared := map[string]*graph.Value{}
	for i := range g.Inputs {
		declared[g.Inputs[i].Name] = &g.Inputs[i]
	}
	if g.Initializers == nil {
		g.Initializers = map[string]*tensor.Tensor{}
	}
	var kept []*graph.Node
	var add func(nodes []*graph.Node) error
	add = func(nodes []*graph.Node) error {
		for _, n := range nodes {
			op, err := ops.Find(n)
			if err != nil {
				return err
			}
			if op.Expand == nil {
				kept = append(kept, n)
				continue
			}
			x := ops.Expansion{Node: n, Constants: g.Initializers, Fresh: fresh.fresh,
				Declared: func(name string) *graph.Value { return declared[name] }}
			if err := op.Expand(&x); err != nil {
				return err
			}
			if err := add(x.Nodes); err != nil { // a body that is put in place may hold more
				return err
			}
		}
		return nil
	}
	err := add(g.Nodes)
	g.Nodes = kept
	return err
}

// keepExpandable adds to keep the nodes that only Expand knows how to compute.
func keepExpandable(g *graph.Graph, keep map[*graph.Node]bool) {
	for _, n := range g.Nodes {
		if op, ok := ops.Lookup(n.Domain, n.Op); ok && op.Expand != nil {
			keep[n] = true
		}
	}
}
