package passes

import "github.com/hotpath/hotpath/graph"

// sideOutputs are operators that compute no more than their first output where the others are not asked for.
var sideOutputs = map[string]bool{"Dropout": true, "LayerNormalization": true, "MaxPool": true}

// dropSideOutputs takes outputs off these operators that nothing reads: exporters name the mask of a Dropout, which no inference uses.
func dropSideOutputs(g *graph.Graph) {
	read := map[string]bool{}
	for _, v := range g.Outputs {
		read[v.Name] = true
	}
	for _, n := range g.Nodes {
		for _, name := range n.Reads() {
			read[name] = true
		}
	}
	for _, n := range g.Nodes {
		if n.Domain != graph.DomainONNX || !sideOutputs[n.Op] {
			continue
		}
		for last := len(n.Outputs) - 1; last > 0 && !read[n.Outputs[last]]; last-- {
			n.Outputs = n.Outputs[:last]
		}
	}
}
