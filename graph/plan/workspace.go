package plan

import (
	"fmt"
	"runtime"

	"github.com/hotpath/hotpath/graph/tensor"
)

// workspace is the memory of one run at a time: an arena and the tensors that point into it.
type workspace struct {
	bound   *binding
	arena   []byte
	scratch []byte
	values  []tensor.Tensor // per slot
	steps   []stepTensors
}

type stepTensors struct{ in, out []*tensor.Tensor }

func (r *region) newWorkspace() *workspace {
	w := &workspace{values: make([]tensor.Tensor, len(r.slots)), steps: make([]stepTensors, len(r.steps))}
	for i, s := range r.slots {
		w.values[i].DType = s.dtype
		if s.value != nil {
			w.values[i] = *s.value
		}
	}
	for i, st := range r.steps {
		w.steps[i] = stepTensors{w.tensors(st.in), w.tensors(st.out)}
	}
	return w
}

func (w *workspace) tensors(slots []int) []*tensor.Tensor {
	t := make([]*tensor.Tensor, len(slots))
	for i, s := range slots {
		if s != noSlot {
			t[i] = &w.values[s]
		}
	}
	return t
}

// acquire takes a free workspace, or makes one, and fits it to b.
func (r *region) acquire(b *binding) *workspace {
	var w *workspace
	r.mu.Lock()
	if n := len(r.free); n > 0 {
		w = r.free[n-1]
		r.free = r.free[:n-1]
	}
	r.mu.Unlock()
	if w == nil {
		w = r.newWorkspace()
	}
	if w.bound != b {
		w.bindTo(r, b)
	}
	return w
}

// release gives w back. Only as many are kept as can run at once; a crowd's worth of arenas is left to the collector.
func (r *region) release(w *workspace) {
	r.mu.Lock()
	keep := len(r.free) < 2*runtime.GOMAXPROCS(0)
	if keep {
		r.free = append(r.free, w)
	}
	r.mu.Unlock()
	if !keep {
		r.held.Add(-int64(cap(w.arena)))
	}
}

func (w *workspace) bindTo(r *region, b *binding) {
	if cap(w.arena) < b.bytes {
		before := cap(w.arena)
		w.arena = tensor.AlignedBytes(b.bytes)
		r.held.Add(int64(cap(w.arena) - before))
	}
	w.arena = w.arena[:b.bytes]
	w.scratch = w.arena[b.scratch:]
	for _, st := range r.steps {
		for _, s := range st.out {
			v := &w.values[s]
			if w.bound != nil && w.bound.known[s] != nil {
				*v = tensor.Tensor{DType: v.DType} // the memory is that binding's
			}
			switch off := b.offsets[s]; {
			case b.known[s] != nil:
				*v = *b.known[s]
			case off != noOffset:
				v.Shape = b.shapes[s]
				n, _ := tensor.Elements(v.Shape)
				v.Bytes = w.arena[off : off+n*v.DType.Size() : off+n*v.DType.Size()]
			case v.DType == tensor.String:
				v.Shape = nil // not the binding's memory: Resize writes into it
				v.Resize(b.shapes[s]...)
			}
		}
	}
	w.bound = b
}

// run executes every step. Outputs are computed in the caller's memory.
func (w *workspace) run(r *region, inputs, outputs []*tensor.Tensor) error {
	for i, s := range r.inputs {
		w.values[s] = *inputs[i]
	}
	for i, s := range r.outputs {
		if d := r.slots[s].dtype; outputs[i].DType != d {
			*outputs[i] = tensor.Tensor{DType: d}
		}
		outputs[i].Resize(w.bound.shapes[s]...)
		if w.computed(r, s) {
			w.values[s] = *outputs[i]
		}
	}
	for i, kernel := range w.bound.kernels {
		if kernel == nil {
			continue
		}
		var err error
		if t := &w.steps[i]; r.observer == nil {
			err = kernel.Run(t.in, t.out, w.scratch)
		} else {
			err = r.runStep(kernel, t.in, t.out, w.scratch, func() StepInfo { return r.stepInfo(w.bound, i) })
		}
		if err != nil {
			return fmt.Errorf("run: %w", err)
		}
	}
	for i, s := range r.outputs {
		if src := &w.values[s]; !w.computed(r, s) || !sameMemory(src, outputs[i]) {
			copy(outputs[i].Bytes, src.Bytes)
			copy(outputs[i].Strings, src.Strings)
		}
	}
	for _, s := range r.inputs {
		w.values[s] = tensor.Tensor{DType: r.slots[s].dtype} // do not keep the caller's memory alive
	}
	return nil
}

// computed reports whether a step produces slot s in a run: it is no input, no constant, and not known from shapes.
func (w *workspace) computed(r *region, s int) bool {
	return r.slots[s].value == nil && !r.slots[s].input && w.bound.known[s] == nil
}

func sameMemory(a, b *tensor.Tensor) bool {
	return len(a.Bytes) == len(b.Bytes) && (len(a.Bytes) == 0 || &a.Bytes[0] == &b.Bytes[0]) &&
		len(a.Strings) == len(b.Strings) && (len(a.Strings) == 0 || &a.Strings[0] == &b.Strings[0])
}
