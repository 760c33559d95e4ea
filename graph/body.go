package graph

import (
	"maps"
	"slices"
)

// Bodies are the graphs among the attributes of n, in the order of the attributes' names: branches of If, bodies of Loop and Scan. They
// may read values of the graphs around them by name.
func (n *Node) Bodies() []*Graph {
	count := 0
	for _, a := range n.Attrs {
		if a.Graph != nil {
			count++
		}
	}
	if count == 0 {
		return nil
	}
	bodies := make([]*Graph, 0, count)
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		if g := n.Attrs[name].Graph; g != nil {
			bodies = append(bodies, g)
		}
	}
	return bodies
}

// Reads lists the values that n needs: its inputs, "" for omitted ones, and what its bodies capture.
func (n *Node) Reads() []string {
	bodies := n.Bodies()
	if len(bodies) == 0 {
		return n.Inputs
	}
	reads := slices.Clone(n.Inputs)
	for _, g := range bodies {
		for _, name := range g.Captured() {
			if !slices.Contains(reads, name) {
				reads = append(reads, name)
			}
		}
	}
	return reads
}

// Captured lists the values that g, or a body inside it, reads and does not have itself, in the order of their first use.
func (g *Graph) Captured() []string {
	own := make(map[string]bool, len(g.Nodes))
	for _, v := range g.Inputs {
		own[v.Name] = true
	}
	for name := range g.Initializers {
		own[name] = true
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			own[out] = true
		}
	}
	own[""] = true
	var captured []string
	read := func(name string) {
		if !own[name] {
			own[name] = true
			captured = append(captured, name)
		}
	}
	for _, n := range g.Nodes {
		for _, name := range n.Reads() {
			read(name)
		}
	}
	for _, v := range g.Outputs {
		read(v.Name)
	}
	return captured
}

// Rename gives what n reads, in its bodies too, other names. A name that a body has itself stays.
func (n *Node) Rename(names map[string]string) {
	for i, in := range n.Inputs {
		if to, ok := names[in]; ok && in != "" {
			n.Inputs[i] = to
		}
	}
	for _, g := range n.Bodies() {
		captured := map[string]string{}
		for _, name := range g.Captured() {
			if to, ok := names[name]; ok {
				captured[name] = to
			}
		}
		if len(captured) > 0 {
			g.rename(captured)
		}
	}
}

func (g *Graph) rename(names map[string]string) {
	for _, n := range g.Nodes {
		n.Rename(names)
	}
	for i, v := range g.Outputs {
		if to, ok := names[v.Name]; ok {
			g.Outputs[i].Name = to
		}
	}
}
