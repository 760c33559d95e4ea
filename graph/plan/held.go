package plan

import "github.com/hotpath/hotpath/graph/tensor"

// HeldBytes is the memory that runs keep for later runs, or have now, beside the weights: arenas of all regions, and what programs with
// steps that need values keep between them, while no run has it.
func (p *Plan) HeldBytes() int64 {
	if p.whole != nil {
		return p.whole.held.Load()
	}
	return p.program.heldBytes(map[*stage]bool{})
}

// heldBytes adds up all stages that there are, and the bodies.
func (p *program) heldBytes(seen map[*stage]bool) (n int64) {
	n = p.first.heldBytes(seen)
	p.growing.Lock()
	bodies := make([]*body, 0, len(p.bodies))
	for _, list := range p.bodies {
		bodies = append(bodies, list...)
	}
	p.growing.Unlock()
	for _, b := range bodies {
		n += b.heldBytes(seen)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.free {
		n += f.heldBytes()
	}
	return n
}

func (w *ways) heldBytes(seen map[*stage]bool) (n int64) {
	known := w.Load()
	if known == nil {
		return 0
	}
	for _, way := range *known {
		st := way.to
		if seen[st] {
			continue
		}
		seen[st] = true
		if st.region != nil {
			n += st.region.held.Load()
		}
		n += st.next.heldBytes(seen)
	}
	return n
}

func (f *frame) heldBytes() (n int64) {
	for i := range f.own {
		n += capacity(&f.own[i])
	}
	for _, s := range f.states {
		if s == nil {
			continue
		}
		n += int64(cap(s.scratch))
		for i := range s.unnamed {
			n += capacity(&s.unnamed[i])
		}
	}
	return n
}

// capacity is the memory of a tensor; the bytes of strings are not its own.
func capacity(t *tensor.Tensor) int64 { return int64(cap(t.Bytes)) + 16*int64(cap(t.Strings)) }
