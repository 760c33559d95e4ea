package passes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
)

// mergeEqual makes one node of those that compute the same from the same values, as exporters write the mask of every layer anew. It comes
// last: what other passes look for is often a value with one user. Nodes need not be sorted.
func mergeEqual(g *graph.Graph) {
	output := map[string]bool{}
	for _, v := range g.Outputs {
		output[v.Name] = true
	}
	first, renamed := map[string]*graph.Node{}, map[string]string{}
	kept := g.Nodes[:0:0]
	for _, n := range g.Nodes {
		if len(renamed) > 0 {
			n.Rename(renamed)
		}
		key, ok := meaning(n)
		same := first[key]
		if !ok || same == nil || slices.ContainsFunc(n.Outputs, func(out string) bool { return output[out] }) {
			if ok && same == nil {
				first[key] = n
			}
			kept = append(kept, n)
			continue
		}
		for i, out := range n.Outputs {
			if out != "" {
				renamed[out] = same.Outputs[i]
			}
		}
	}
	if len(renamed) == 0 {
		return
	}
	for _, n := range kept {
		n.Rename(renamed)
	}
	g.Nodes = kept
}

// maxAttrSize bounds the bytes of tensors, and the length of lists, in attributes that meaning compares: trees have millions.
const maxAttrSize = 1024

// meaning is the same for nodes with equal results: operator, inputs, attributes, and which outputs there are. Nodes with bodies, and those
// that make something of nothing, stand for themselves.
func meaning(n *graph.Node) (string, bool) {
	if len(n.Inputs) == 0 {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %d %q", n.Domain, n.Op, n.Opset, n.Inputs)
	for _, out := range n.Outputs {
		fmt.Fprintf(&b, " %t", out != "")
	}
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		a := n.Attrs[name]
		if a.Graph != nil || a.Type != nil || a.Tensor != nil && len(a.Tensor.Bytes) > maxAttrSize ||
			len(a.Floats)+len(a.Ints)+len(a.Strings) > maxAttrSize {
			return "", false
		}
		fmt.Fprintf(&b, " %q %d %v %d %q %v %v %q", name, a.Kind, a.Float, a.Int, a.String, a.Floats, a.Ints, a.Strings)
		if t := a.Tensor; t != nil {
			fmt.Fprintf(&b, " %s %v %x %q", t.DType, t.Shape, t.Bytes, t.Strings)
		}
	}
	return b.String(), true
}
