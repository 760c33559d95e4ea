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

func (p *Plan) newWorkspace() *workspace {
	w := &workspace{values: make([]tensor.Tensor, len(p.slots)), steps: make([]stepTensors, len(p.steps))}
	for i, s := range p.slots {
		w.values[i].DType = s.dtype
		if s.value != nil {
			w.values[i] = *s.value
		}
	}
	for i, st := range p.steps {
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
func (p *Plan) acquire(b *binding) *workspace {
	var w *workspace
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		w = p.free[n-1]
		p.free = p.free[:n-1]
	}
	p.mu.Unlock()
	if w == nil {
		w = p.newWorkspace()
	}
	if w.bound != b {
		w.bindTo(p, b)
	}
	return w
}

// release gives w back. Only as many are kept as can run at once; a crowd's worth of arenas is left to the collector.
func (p *Plan) release(w *workspace) {
	p.mu.Lock()
	if len(p.free) < 2*runtime.GOMAXPROCS(0) {
		p.free = append(p.free, w)
	}
	p.mu.Unlock()
}

func (w *workspace) bindTo(p *Plan, b *binding) {
	if cap(w.arena) < b.bytes {
		w.arena = tensor.AlignedBytes(b.bytes)
	}
	w.arena = w.arena[:b.bytes]
	w.scratch = w.arena[b.scratch:]
	for _, st := range p.steps {
		for _, s := range st.out {
			v := &w.values[s]
			switch off := b.offsets[s]; {
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
func (w *workspace) run(p *Plan, inputs, outputs []*tensor.Tensor) error {
	for i, s := range p.inputs {
		w.values[s] = *inputs[i]
	}
	for i, s := range p.outputs {
		outputs[i].DType = p.slots[s].dtype
		outputs[i].Resize(w.bound.shapes[s]...)
		if p.computed(s) {
			w.values[s] = *outputs[i]
		}
	}
	for i := range p.steps {
		if err := p.steps[i].kernel.Run(w.steps[i].in, w.steps[i].out, w.scratch); err != nil {
			return fmt.Errorf("run: %w", err)
		}
	}
	for i, s := range p.outputs {
		if src := &w.values[s]; !p.computed(s) || !sameMemory(src, outputs[i]) {
			copy(outputs[i].Bytes, src.Bytes)
			copy(outputs[i].Strings, src.Strings)
		}
	}
	for _, s := range p.inputs {
		w.values[s] = tensor.Tensor{DType: p.slots[s].dtype} // do not keep the caller's memory alive
	}
	return nil
}

// computed reports whether a step produces slot s: neither an input nor a constant.
func (p *Plan) computed(s int) bool {
	return p.slots[s].value == nil && s >= len(p.inputs)
}

func sameMemory(a, b *tensor.Tensor) bool {
	return len(a.Bytes) == len(b.Bytes) && (len(a.Bytes) == 0 || &a.Bytes[0] == &b.Bytes[0]) &&
		len(a.Strings) == len(b.Strings) && (len(a.Strings) == 0 || &a.Strings[0] == &b.Strings[0])
}
