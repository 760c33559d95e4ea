package passes

import (
	"maps"
	"slices"

	"github.com/hotpath/hotpath/graph"
)

// modernise rewrites what opsets before 7 said with attributes of binary operators: "broadcast" with an "axis" where the second operand
// begins. PRelu had its slopes along axis 1.
func modernise(g *graph.Graph) {
	var nodes []*graph.Node
	for _, n := range g.Nodes {
		if isLegacy(n) && len(n.Inputs) == 2 {
			axis, given := n.Attrs["axis"]
			_, broadcasts := n.Attrs["broadcast"]
			if n.Op == "PRelu" {
				axis, given, broadcasts = graph.Int(1), true, true
			}
			if given && broadcasts {
				aligned := n.Outputs[0] + " (aligned)"
				nodes = append(nodes, &graph.Node{Domain: graph.DomainFused, Op: "Align", Inputs: []string{n.Inputs[1], n.Inputs[0]}, Outputs: []string{aligned},
					Attrs: map[string]graph.Attr{"axis": axis}})
				n.Inputs[1] = aligned
				n.Attrs = maps.Clone(n.Attrs)
				delete(n.Attrs, "axis")
				delete(n.Attrs, "broadcast")
			}
		}
		nodes = append(nodes, n)
	}
	g.Nodes = slices.Clip(nodes)
}

// isLegacy reports whether a node is of an ONNX opset before 7.
func isLegacy(n *graph.Node) bool {
	return n.Domain == graph.DomainONNX && n.Opset > 0 && n.Opset < 7
}

// keepLegacy adds to keep the nodes that broadcast as before opset 7, which only modernise lets kernels know.
func keepLegacy(g *graph.Graph, keep map[*graph.Node]bool) {
	for _, n := range g.Nodes {
		if _, broadcasts := n.Attrs["broadcast"]; isLegacy(n) && (broadcasts || n.Op == "PRelu") {
			keep[n] = true
		}
	}
}
