package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// binding is what follows from concrete input shapes: the shape of every value and its place in the arena. It never
// changes once made.
type binding struct {
	inputs  [][]int
	shapes  [][]int          // per slot
	offsets []int            // per slot, in the arena; noOffset for constants, inputs, outputs and strings
	known   []*tensor.Tensor // per slot: the values that follow from the shapes
	kernels []graph.Kernel   // per step; nil where the outputs are known or views
	scratch int              // offset of the scratch memory
	bytes   int              // of the arena
	total   int              // with outputs and known values
}

const noOffset = -1

// maxBindings bounds the shapes remembered; beyond it the oldest is forgotten, so odd batch sizes cost time, not memory.
const maxBindings = 64

// arenaAlign keeps every value on cache lines of its own.
const arenaAlign = 64

// bind finds or makes the binding for the shapes of inputs.
func (r *region) bind(inputs []*tensor.Tensor) (*binding, error) {
	for _, b := range *r.bindings.Load() {
		if b.fits(inputs) {
			return b, nil
		}
	}
	r.bindMu.Lock()
	defer r.bindMu.Unlock()
	known := *r.bindings.Load()
	for _, b := range known {
		if b.fits(inputs) {
			return b, nil
		}
	}
	shapes := make([][]int, len(inputs))
	for i, in := range inputs {
		shapes[i] = slices.Clone(in.Shape)
	}
	b, err := r.newBinding(shapes)
	if err != nil {
		return nil, err
	}
	next := append([]*binding{b}, known...)
	if len(next) > maxBindings {
		next = next[:maxBindings]
	}
	r.bindings.Store(&next)
	return b, nil
}

func (b *binding) fits(inputs []*tensor.Tensor) bool {
	for i, in := range inputs {
		if !slices.Equal(b.inputs[i], in.Shape) {
			return false
		}
	}
	return true
}

// infer runs shape inference for concrete input shapes, computes the values that follow from them, and makes the kernels that depend on
// those; a step without a kernel is one whose outputs are known.
func (r *region) infer(inputs [][]int, known budget) ([]graph.Arg, []graph.Kernel, error) {
	args, kernels := make([]graph.Arg, len(r.slots)), make([]graph.Kernel, len(r.steps))
	for i, s := range r.slots {
		args[i].DType = s.dtype
		if s.value != nil {
			args[i].Shape, args[i].Const = s.value.Shape, s.value
		}
	}
	for i, s := range r.inputs {
		args[s].Shape = inputs[i]
	}
	for i := range r.steps {
		st := &r.steps[i]
		in := argsOf(st.in, args)
		out, err := st.op.Infer(st.node, in)
		if err != nil {
			return nil, nil, fmt.Errorf("input shapes %v: %w", inputs, err)
		}
		out = out[:len(st.out)]
		done := false
		if len(st.out) > 0 && r.slots[st.out[0]].derived {
			if done, err = known.compute(st, in, out); err != nil {
				return nil, nil, fmt.Errorf("input shapes %v: %w", inputs, err)
			}
		}
		if kernels[i] = st.kernel; done {
			kernels[i] = nil
		} else if st.kernel == nil {
			if kernels[i], err = r.backend.Kernel(st.node, in); err != nil {
				return nil, nil, fmt.Errorf("input shapes %v: %w", inputs, err)
			}
		}
		for j, s := range st.out {
			args[s].Shape, args[s].Const = out[j].Shape, out[j].Const
		}
	}
	return args, kernels, nil
}

func (r *region) newBinding(inputs [][]int) (_ *binding, err error) {
	defer boundary(&err)
	args, kernels, err := r.infer(inputs, budget{elements: maxKnown})
	if errors.Is(err, graph.ErrNeedsValue) { // of a value that is known, but not small
		args, kernels, err = r.infer(inputs, budget{elements: r.maxBytes / 8})
	}
	if err != nil {
		return nil, err
	}
	b := &binding{inputs: inputs, shapes: make([][]int, len(args)), offsets: make([]int, len(args)), known: make([]*tensor.Tensor, len(args)), kernels: kernels}
	knownBytes := 0
	for i, a := range args {
		b.shapes[i] = a.Shape
		b.offsets[i] = noOffset
		if a.Const != nil && r.slots[i].value == nil {
			b.known[i] = a.Const
			knownBytes += len(a.Const.Bytes)
		}
	}
	scratch := 0
	for i, st := range r.steps {
		if k, ok := kernels[i].(graph.ScratchKernel); ok {
			scratch = max(scratch, k.ScratchBytes(argsOf(st.in, args)))
		}
	}
	values, views, outputs, err := r.lifetimes(b)
	if err != nil {
		return nil, err
	}
	b.scratch = layout(values, b.offsets)
	for _, v := range views {
		b.offsets[v.slot] = b.offsets[v.of]
	}
	b.bytes = b.scratch + scratch
	b.total = b.bytes + outputs + knownBytes
	if b.total > r.maxBytes {
		return nil, fmt.Errorf("input shapes %v need %d bytes, %d of them for outputs, the limit is %d: %w", inputs, b.total, outputs, r.maxBytes, graph.ErrLimit)
	}
	return b, nil
}

// lifetime is an arena value: from the step that writes it to the last that reads it.
type lifetime struct {
	slot, size  int
	first, last int
}

// view is an arena value in the memory of another, which no step writes.
type view struct{ slot, of int }

// lifetimes lists the values of the arena and the views of them, whose steps it drops, and gives the bytes of the outputs, which are not in
// it: an Expand or Pad may make them much larger than the inputs.
func (r *region) lifetimes(b *binding) (values []lifetime, views []view, outputs int, err error) {
	outside := map[int]bool{}
	for _, s := range r.outputs {
		outside[s] = true
	}
	at := map[int]int{} // slot to index in values, of a view to that of what it shows
	for i, st := range r.steps {
		if b.kernels[i] == nil {
			continue
		}
		for _, s := range st.in {
			if v, ok := at[s]; ok {
				values[v].last = i
			}
		}
		if st.op.View && !outside[st.out[0]] {
			if v, ok := at[st.in[0]]; ok {
				at[st.out[0]], b.kernels[i] = v, nil
				views = append(views, view{st.out[0], st.in[0]})
				continue
			}
		}
		for _, s := range st.out {
			n, ok := tensor.Elements(b.shapes[s])
			size := r.slots[s].dtype.Size()
			if !ok || size > 0 && n > math.MaxInt/2/size {
				return nil, nil, 0, fmt.Errorf("%s: shape %v: %w", st.node, b.shapes[s], graph.ErrLimit)
			}
			if outside[s] && outputs <= r.maxBytes {
				outputs += n * size
			}
			if !outside[s] && size > 0 {
				at[s] = len(values)
				values = append(values, lifetime{s, n * size, i, i})
			}
		}
	}
	return values, views, outputs, nil
}
