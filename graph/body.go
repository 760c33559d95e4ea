package graph

import (
	"maps"
	"slices"

	"github.com/hotpath/hotpath/graph/tensor"
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

// Freshen renames everything that g and its bodies have: to what names says, as far as it does, else to what fresh makes of the name.
// Values that g reads from outside are renamed by names too.
func (g *Graph) Freshen(names map[string]string, fresh func(string) string) {
	for name := range g.Initializers {
		if _, ok := names[name]; !ok {
			names[name] = fresh(name)
		}
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			if _, ok := names[out]; !ok && out != "" {
				names[out] = fresh(out)
			}
		}
	}
	renamed := func(name string) string {
		if to, ok := names[name]; ok && name != "" {
			return to
		}
		return name
	}
	constants := make(map[string]*tensor.Tensor, len(g.Initializers))
	for name, t := range g.Initializers {
		constants[renamed(name)] = t
	}
	g.Initializers = constants
	for _, n := range g.Nodes {
		for i, in := range n.Inputs {
			n.Inputs[i] = renamed(in)
		}
		for i, out := range n.Outputs {
			n.Outputs[i] = renamed(out)
		}
		for _, body := range n.Bodies() {
			body.freshenBody(names, fresh)
		}
	}
	for i, v := range g.Outputs {
		g.Outputs[i].Name = renamed(v.Name)
	}
}

// freshenBody is Freshen for a body, whose names are its own: names is as before afterwards.
func (g *Graph) freshenBody(names map[string]string, fresh func(string) string) {
	around := map[string]string{}
	own := func(name string) {
		if to, ok := names[name]; ok {
			around[name] = to
			delete(names, name)
		} else {
			around[name] = ""
		}
	}
	for _, v := range g.Inputs {
		own(v.Name)
	}
	for name := range g.Initializers {
		own(name)
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			own(out)
		}
	}
	for i, v := range g.Inputs {
		names[v.Name] = fresh(v.Name)
		g.Inputs[i].Name = names[v.Name]
	}
	g.Freshen(names, fresh)
	for name, to := range around {
		if delete(names, name); to != "" {
			names[name] = to
		}
	}
}
