package graph

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/hotpath/hotpath/graph/tensor"
)

// EachTensor calls f once for each constant of g and of its bodies: initializers, and attributes of nodes.
func (g *Graph) EachTensor(f func(*tensor.Tensor)) {
	seen := map[*tensor.Tensor]bool{nil: true}
	g.eachTensor(func(t *tensor.Tensor) {
		if !seen[t] {
			seen[t] = true
			f(t)
		}
	})
}

// eachTensor calls f once for each place that has a constant.
func (g *Graph) eachTensor(f func(*tensor.Tensor)) {
	for _, t := range g.Initializers {
		f(t)
	}
	for _, n := range g.Nodes {
		for _, a := range n.Attrs {
			if a.Tensor != nil {
				f(a.Tensor)
			}
			if a.Graph != nil {
				a.Graph.eachTensor(f)
			}
		}
	}
}

// Memory is where the constants of a graph and of its bodies lie.
type Memory struct {
	spans  []span // by address
	places map[*tensor.Tensor]int
}

type span struct {
	from, to uintptr
	reach    uintptr // the largest to up to here
	t        *tensor.Tensor
}

func spanOf(t *tensor.Tensor) span {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(t.Bytes)))
	return span{from: from, to: from + uintptr(len(t.Bytes)), t: t}
}

// MemoryOf finds where the constants of g lie.
func MemoryOf(g *Graph) *Memory {
	m := &Memory{places: map[*tensor.Tensor]int{}}
	g.eachTensor(func(t *tensor.Tensor) {
		if m.places[t]++; m.places[t] == 1 && len(t.Bytes) > 0 {
			m.spans = append(m.spans, spanOf(t))
		}
	})
	slices.SortFunc(m.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	reach := uintptr(0)
	for i := range m.spans {
		reach = max(reach, m.spans[i].to)
		m.spans[i].reach = reach
	}
	return m
}

// Places is the number of names and attributes that have t.
func (m *Memory) Places(t *tensor.Tensor) int { return m.places[t] }

// Overlaps reports whether a constant of the graph other than t has some of its memory.
func (m *Memory) Overlaps(t *tensor.Tensor) bool {
	own := spanOf(t)
	first, _ := slices.BinarySearchFunc(m.spans, own.to, func(s span, to uintptr) int { return cmp.Compare(s.from, to) })
	for i := first - 1; i >= 0 && m.spans[i].reach > own.from; i-- {
		if s := m.spans[i]; s.t != t && s.to > own.from {
			return true
		}
	}
	return false
}
