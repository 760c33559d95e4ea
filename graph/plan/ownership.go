package plan

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// ownership lets go of the memory of constants of a model that nobody else has, as soon as they are not needed: so the weights of a model
// are never in memory as read, as rewritten and as packed at once. A nil ownership does nothing.
type ownership struct {
	spans []span // of the constants of the graph, by address
}

// span is the memory of a tensor.
type span struct {
	from, to uintptr
	reach    uintptr // the largest to up to here
	t        *tensor.Tensor
}

func spanOf(t *tensor.Tensor) span {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(t.Bytes)))
	return span{from: from, to: from + uintptr(len(t.Bytes)), t: t}
}

// eachTensor calls f once for each tensor of g, of its attributes and of its bodies.
func eachTensor(g *graph.Graph, f func(*tensor.Tensor)) {
	seen := map[*tensor.Tensor]bool{nil: true}
	var graphs func(g *graph.Graph)
	each := func(t *tensor.Tensor) {
		if !seen[t] {
			seen[t] = true
			f(t)
		}
	}
	graphs = func(g *graph.Graph) {
		for _, t := range g.Initializers {
			each(t)
		}
		for _, n := range g.Nodes {
			for _, a := range n.Attrs {
				each(a.Tensor)
				if a.Graph != nil {
					graphs(a.Graph)
				}
			}
		}
	}
	graphs(g)
}

// own is the ownership of the tensors of g. before are those that g was made of: what is not in g any more goes at once.
func own(g *graph.Graph, before []*tensor.Tensor) *ownership {
	o := &ownership{}
	kept := map[*tensor.Tensor]bool{}
	eachTensor(g, func(t *tensor.Tensor) {
		kept[t] = true
		if len(t.Bytes) > 0 {
			o.spans = append(o.spans, spanOf(t))
		}
	})
	slices.SortFunc(o.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	reach := uintptr(0)
	for i := range o.spans {
		reach = max(reach, o.spans[i].to)
		o.spans[i].reach = reach
	}
	for _, t := range before {
		if !kept[t] {
			o.discard(t)
		}
	}
	return o
}

// discard gives the memory of t back, unless another tensor of the graph has some of it.
func (o *ownership) discard(t *tensor.Tensor) {
	if o == nil || len(t.Bytes) == 0 {
		return
	}
	own := spanOf(t)
	first, _ := slices.BinarySearchFunc(o.spans, own.to, func(s span, to uintptr) int { return cmp.Compare(s.from, to) })
	for i := first - 1; i >= 0 && o.spans[i].reach > own.from; i-- {
		if s := o.spans[i]; s.t != t && s.to > own.from {
			return
		}
	}
	kernels.Discard(t.Bytes)
}
