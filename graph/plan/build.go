package plan

import (
	"sync"
	"sync/atomic"

	"github.com/hotpath/hotpath/graph"
)

// pending is a step whose kernel is still to be made.
type pending struct {
	step int
	in   []graph.Arg
	late bool // made only to learn whether there is one: each binding makes its own
}

// kernels makes the kernels of the steps added so far, which is where weights are packed: on goroutines of its own, not on the pool that
// answers requests. The error is the first step's, however many there are.
func (b *builder) kernels() error {
	errs := make([]error, len(b.open))
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(errs); i = int(next.Add(1)) - 1 {
			errs[i] = b.kernel(&b.open[i])
		}
	}
	var others sync.WaitGroup
	for range min(b.r.builders, len(errs)) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	b.open = nil
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// tryKernels is kernels of a region that comes to nothing: nobody has what is packed, so the constants keep their elements.
func (b *builder) tryKernels() error {
	for i := range b.open {
		b.open[i].late = true
	}
	return b.kernels()
}

func (b *builder) kernel(p *pending) (err error) {
	defer boundary(&err)
	st := &b.r.steps[p.step]
	made := func() {}
	if s := b.r.shelf; s != nil && !p.late {
		made = s.offer(st.node, p.in)
	}
	kernel, err := b.r.backend.Kernel(st.node, p.in)
	if err == nil && !p.late {
		st.kernel = kernel
		made()
	}
	return err
}
