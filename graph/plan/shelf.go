package plan

import (
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// shelf is where the kernels of a plan put what they pack while the plan is made: in memory, which the cache writes to a file, or in such a
// file, where it lies already. A kernel that packs elsewhere is no worse off than without a shelf.
type shelf struct {
	nodes map[*graph.Node]int // their numbers in the graph, bodies apart
	owned *ownership          // nil: the constants are the caller's too

	mu       sync.Mutex
	waits    map[*tensor.Tensor]int // readers that have not packed it yet
	have     map[readerOf]bool      // those that have
	gone     bool                   // elements that all have packed may be
	sections map[sectionKey][]byte
}

// readerOf is an input of a node.
type readerOf struct{ node, input int }

// sectionKey names a packed form: that of input number input of a node.
type sectionKey struct {
	node, input int
	layout      string
}

// newShelf makes the shelf of g. waits counts the inputs of nodes that read a constant and pack it, as their operators say; constants that
// anything else reads are not in it.
func newShelf(g *graph.Graph, sections map[sectionKey][]byte, owned *ownership) *shelf {
	s := &shelf{nodes: map[*graph.Node]int{}, waits: map[*tensor.Tensor]int{}, have: map[readerOf]bool{}, owned: owned, sections: sections}
	if s.sections == nil {
		s.sections = map[sectionKey][]byte{}
	}
	read := map[*tensor.Tensor]bool{}
	for k, n := range g.Nodes {
		s.nodes[n] = k
		op, _ := ops.Lookup(n.Domain, n.Op)
		for i, name := range n.Reads() { // inputs, then what bodies capture
			t := g.Initializers[name]
			switch {
			case t == nil:
			case i < len(n.Inputs) && op != nil && op.Packs != nil && op.Packs(i, len(t.Shape)):
				s.waits[t]++
			default:
				read[t] = true
			}
		}
	}
	for _, v := range g.Outputs {
		read[g.Initializers[v.Name]] = true
	}
	for t := range read {
		delete(s.waits, t)
	}
	return s
}

// offer gives the constants among the arguments of n their places. made is called when the kernel is.
func (s *shelf) offer(n *graph.Node, in []graph.Arg) (made func()) {
	node, ok := s.nodes[n]
	if !ok {
		return func() {}
	}
	used := make([]bool, len(in))
	for i := range in {
		if in[i].Const == nil {
			continue
		}
		in[i].Place = func(layout string, size int, fill func(dst []byte)) []byte {
			used[i] = true
			return s.place(sectionKey{node, i, layout}, size, fill)
		}
	}
	return func() {
		for i, u := range used {
			if u {
				s.packed(readerOf{node, i}, in[i].Const)
			}
		}
	}
}

// place returns the section of that key. The first kernel that asks for it fills it, later ones, made for other shapes, find it.
func (s *shelf) place(key sectionKey, size int, fill func(dst []byte)) []byte {
	s.mu.Lock()
	section, ok := s.sections[key]
	s.mu.Unlock()
	if ok && len(section) == size {
		return section
	}
	section = kernels.PackedBytes(size)
	fill(section)
	s.mu.Lock()
	s.sections[key] = section
	s.mu.Unlock()
	return section
}

// packed notes that a reader of t has its packed form. The elements are no longer needed when all have.
func (s *shelf) packed(r readerOf, t *tensor.Tensor) {
	s.mu.Lock()
	n, ok := s.waits[t]
	last := ok && n == 1 && !s.have[r]
	if ok && !s.have[r] {
		s.waits[t], s.have[r] = n-1, true
	}
	s.gone = s.gone || last && s.owned != nil
	s.mu.Unlock()
	if last {
		s.owned.discard(t)
	}
}

// done reports whether nothing reads the elements of t any more but what is packed.
func (s *shelf) done(t *tensor.Tensor) bool {
	n, ok := s.waits[t]
	return ok && n == 0
}

// bytes is the memory of weights: of sections, and of the constants that are not all in them.
func (s *shelf) bytes(g *graph.Graph) (total int64) {
	for _, section := range s.sections {
		total += int64(len(section))
	}
	g.EachTensor(func(t *tensor.Tensor) {
		if !s.done(t) {
			total += int64(len(t.Bytes))
		}
	})
	return total
}
