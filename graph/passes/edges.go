package passes

import "github.com/hotpath/hotpath/graph"

// edges answers who produces and who uses a value; a node uses what its bodies capture.
type edges struct {
	producer map[string]*graph.Node
	users    map[string][]*graph.Node
	output   map[string]bool
	taken    map[string]bool // names, once a new one is wanted
}

func edgesOf(g *graph.Graph) *edges {
	e := &edges{producer: map[string]*graph.Node{}, users: map[string][]*graph.Node{}, output: map[string]bool{}}
	for _, v := range g.Outputs {
		e.output[v.Name] = true
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			e.producer[out] = n
		}
		for _, in := range n.Reads() {
			e.users[in] = append(e.users[in], n)
		}
	}
	return e
}

// onlyUser is the single node that uses a value which is not a graph output; nil otherwise.
func (e *edges) onlyUser(value string) *graph.Node {
	if u := e.users[value]; len(u) == 1 && !e.output[value] {
		return u[0]
	}
	return nil
}

// remove drops nodes from the graph.
func remove(g *graph.Graph, gone map[*graph.Node]bool) {
	kept := g.Nodes[:0]
	for _, n := range g.Nodes {
		if !gone[n] {
			kept = append(kept, n)
		}
	}
	g.Nodes = kept
}

// is reports whether n is the ONNX operator op.
func is(n *graph.Node, op string) bool {
	return n != nil && n.Domain == graph.DomainONNX && n.Op == op
}
