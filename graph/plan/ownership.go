package plan

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// ownership lets go of the memory of constants of a model that nobody else has, as soon as they are not needed: so the weights of a model
// are never in memory as read, as rewritten and as packed at once. A nil ownership does nothing.
type ownership struct{ *graph.Memory }

// own is the ownership of the tensors of g. before are those that g was made of: what is not in g any more goes at once.
func own(g *graph.Graph, before []*tensor.Tensor) *ownership {
	o := &ownership{graph.MemoryOf(g)}
	for _, t := range before {
		if o.Places(t) == 0 {
			o.discard(t)
		}
	}
	return o
}

// discard gives the memory of t back, unless another tensor of the graph has some of it.
func (o *ownership) discard(t *tensor.Tensor) {
	if o != nil && !o.Overlaps(t) {
		kernels.Discard(t.Bytes)
	}
}
