package passes

import (
	"strconv"

	"github.com/hotpath/hotpath/graph"
)

// names makes names that nothing in a model has, bodies among it.
type names struct {
	root  *graph.Graph
	taken map[string]bool // all names of the model, made when first needed
	count int             // of names made
}

// fresh returns name, or name with a number behind it where that is taken, and takes it.
func (m *names) fresh(name string) string {
	if m.taken == nil {
		m.taken = map[string]bool{}
		eachBody(m.root, func(g *graph.Graph) {
			for _, v := range g.Inputs {
				m.taken[v.Name] = true
			}
			for name := range g.Initializers {
				m.taken[name] = true
			}
			for _, n := range g.Nodes {
				for _, out := range n.Outputs {
					m.taken[out] = true
				}
			}
		})
	}
	to := name
	for m.taken[to] {
		m.count++
		to = name + "." + strconv.Itoa(m.count)
	}
	m.taken[to] = true
	return to
}
