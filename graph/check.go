package graph

import "fmt"

// scope is the values that a body may read: those of the graphs around it that are made before its node.
type scope struct {
	values map[string]bool
	around *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.around {
		if s.values[name] {
			return true
		}
	}
	return false
}

func (s *scope) add(n *Node) {
	for _, out := range n.Outputs {
		s.values[out] = true
	}
}

// Check proves the structural rules (every value produced once and before use, no cycle, outputs exist, no name of a body hides one that
// it could read) and sorts Nodes topologically, keeping the given order where it already is one; bodies too. Errors wrap ErrModel.
func (g *Graph) Check() error { return g.check(nil, true) }

// Sort is Check for graphs that passes made: names they gave in a body may be those of a value outside that the body does not read.
func (g *Graph) Sort() error { return g.check(nil, false) }

const fromOutside = -1

func (g *Graph) check(around *scope, strict bool) error {
	producer, err := g.producers()
	if err != nil {
		return err
	}
	if strict && around != nil {
		for name := range producer {
			if around.has(name) {
				return fmt.Errorf("body %q: value %q hides one of the same name outside: %w", g.Name, name, ErrModel)
			}
		}
	}
	if err := g.sort(producer, around); err != nil {
		return err
	}
	for _, out := range g.Outputs {
		if _, ok := producer[out.Name]; !ok && !around.has(out.Name) {
			return fmt.Errorf("output %q is not produced by anything: %w", out.Name, ErrModel)
		}
	}
	var visible *scope
	for i, n := range g.Nodes {
		bodies := n.Bodies()
		if len(bodies) > 0 && visible == nil {
			visible = &scope{map[string]bool{}, around}
			for name, p := range producer {
				if p == fromOutside {
					visible.values[name] = true
				}
			}
			for _, before := range g.Nodes[:i] {
				visible.add(before)
			}
		}
		for _, body := range bodies {
			if err := body.check(visible, strict); err != nil {
				return fmt.Errorf("%s: %w", n, err)
			}
		}
		if visible != nil {
			visible.add(n)
		}
	}
	return nil
}

// producers maps every value to the index of the node that makes it.
func (g *Graph) producers() (map[string]int, error) {
	if len(g.Outputs) == 0 {
		return nil, fmt.Errorf("graph %q has no outputs: %w", g.Name, ErrModel)
	}
	producer := make(map[string]int)
	for _, v := range g.Inputs {
		if v.Name == "" {
			return nil, fmt.Errorf("graph %q: an input has no name: %w", g.Name, ErrModel)
		}
		if _, dup := producer[v.Name]; dup {
			return nil, fmt.Errorf("input %q is declared twice: %w", v.Name, ErrModel)
		}
		producer[v.Name] = fromOutside
	}
	for name := range g.Initializers {
		if _, dup := producer[name]; dup {
			return nil, fmt.Errorf("value %q is an input and an initializer: %w", name, ErrModel)
		}
		producer[name] = fromOutside
	}
	for i, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out == "" {
				continue
			}
			if _, dup := producer[out]; dup {
				return nil, fmt.Errorf("%s: value %q is produced twice: %w", n, out, ErrModel)
			}
			producer[out] = i
		}
	}
	return producer, nil
}

// sort is Kahn's algorithm; a heap-free queue in node order keeps an already sorted list as it is.
func (g *Graph) sort(producer map[string]int, around *scope) error {
	waiting := make([]int, len(g.Nodes))
	users := make([][]int, len(g.Nodes))
	for i, n := range g.Nodes {
		for _, in := range n.Reads() {
			if in == "" {
				continue
			}
			p, ok := producer[in]
			if !ok && !around.has(in) {
				return fmt.Errorf("%s: input %q is not produced by anything: %w", n, in, ErrModel)
			}
			if ok && p != fromOutside {
				waiting[i]++
				users[p] = append(users[p], i)
			}
		}
	}
	sorted := make([]*Node, 0, len(g.Nodes))
	var ready []int
	for i := range g.Nodes {
		if waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		sorted = append(sorted, g.Nodes[i])
		for _, u := range users[i] {
			if waiting[u]--; waiting[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	if len(sorted) != len(g.Nodes) {
		for i, w := range waiting {
			if w > 0 {
				return fmt.Errorf("%s is part of a cycle: %w", g.Nodes[i], ErrModel)
			}
		}
	}
	g.Nodes = sorted
	return nil
}
