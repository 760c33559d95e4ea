package plan

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Values known from shapes: what Shape and Size give, and what is computed from that and constants. They are computed when a region is
// bound to input shapes, are constants for the steps behind them, and cost nothing in a run.

// maxKnown is the most elements that a value known from shapes may have, and maxKnownTotal those of all together: what says shapes, axes
// and ranges is far smaller, and what is larger is better computed in the arena.
const (
	maxKnown      = 64 << 10
	maxKnownTotal = 1 << 20
)

// derives reports whether the outputs of st follow from shapes, by way of it and the steps before it alone. Steps that only have
// constants are not among them: passes keep those for a reason.
func (r *region) derives(st *step) bool {
	if st.op.OfShape {
		return true
	}
	derived := false
	for _, s := range st.in {
		if s == noSlot {
			continue
		}
		if r.slots[s].value == nil && !r.slots[s].derived {
			return false
		}
		derived = derived || r.slots[s].derived
	}
	return derived
}

// budget bounds the values known of one binding.
type budget struct {
	elements int // of one value
	total    int // so far
}

// compute makes the outputs of st constants, if its inputs are and the outputs are small enough; done tells.
func (b *budget) compute(st *step, in, out []graph.Arg) (done bool, err error) {
	total := 0
	for _, a := range out {
		n, ok := tensor.Elements(a.Shape)
		if !ok || n > b.elements {
			return false, nil
		}
		total += n
	}
	if b.total+total > max(b.elements, maxKnownTotal) {
		return false, nil
	}
	values := make([]*tensor.Tensor, len(in))
	for i, a := range in {
		switch {
		case a.Const != nil:
			values[i] = a.Const
		case st.op.OfShape:
			values[i] = &tensor.Tensor{DType: a.DType, Shape: a.Shape}
		case a.DType != tensor.Invalid:
			return false, nil
		}
	}
	kernel, err := ops.CPU{}.Kernel(st.node, in)
	if err != nil {
		return false, err
	}
	results := make([]*tensor.Tensor, len(out))
	for i, a := range out {
		results[i] = tensor.New(a.DType, a.Shape...)
	}
	var scratch []byte
	if k, ok := kernel.(graph.ScratchKernel); ok {
		size := k.ScratchBytes(in)
		if size < 0 || size > 64*maxKnown {
			return false, nil
		}
		scratch = tensor.AlignedBytes(size)
	}
	if err := kernel.Run(values, results, scratch); err != nil {
		return false, fmt.Errorf("a value that follows from shapes: %w", err)
	}
	b.total += total
	for i := range out {
		out[i].Const = results[i]
	}
	return true, nil
}
