package plan

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// machine is what all regions of a plan share.
type machine struct {
	backend  graph.Backend
	pool     *kernels.Pool // nil: the caller alone
	maxBytes int
	maxSteps int      // iterations of loops
	observer Observer // nil: none
	builders int      // goroutines that make kernels
	shelf    *shelf   // only while the plan is made
}

// region is a run of steps in which every shape follows from the shapes of the inputs: kernels are chosen once, memory is laid out once
// for each set of input shapes.
type region struct {
	*machine
	slots   []slot
	steps   []step
	inputs  []int // slots
	outputs []int

	bindings atomic.Pointer[[]*binding] // shapes seen, copy on write
	bindMu   sync.Mutex
	mu       sync.Mutex
	free     []*workspace
	held     atomic.Int64 // bytes of the arenas of all workspaces
}

// slot is a value of the region: a constant, an input, or something a step produces.
type slot struct {
	name    string
	dtype   tensor.DType
	value   *tensor.Tensor // of a constant
	input   bool
	derived bool // follows from the shapes of the inputs and constants, and is known before a run where it is small
}

// step is one node with its kernel.
type step struct {
	node    *graph.Node
	op      *ops.Op
	kernel  graph.Kernel // nil where it is made for each binding: an input is derived
	in, out []int        // slots; noSlot for an omitted optional
}

const noSlot = -1

// builder makes a region, node by node. Shapes are inferred for one example of input shapes on the way.
type builder struct {
	r      *region
	byName map[string]int
	args   []graph.Arg // by slot
	known  budget
	open   []pending
}

func newBuilder(m *machine) *builder {
	r := &region{machine: m}
	r.bindings.Store(new([]*binding))
	return &builder{r: r, byName: map[string]int{}, known: budget{elements: maxKnown}}
}

// value numbers a value.
func (b *builder) value(name string, a graph.Arg, s slot) int {
	i := len(b.r.slots)
	if name != "" {
		b.byName[name] = i
	}
	s.name, s.dtype = name, a.DType
	b.r.slots = append(b.r.slots, s)
	b.args = append(b.args, a)
	return i
}

func (b *builder) input(name string, a graph.Arg) {
	b.r.inputs = append(b.r.inputs, b.value(name, a, slot{input: true}))
}

func (b *builder) constant(name string, t *tensor.Tensor) {
	b.value(name, graph.Arg{DType: t.DType, Shape: t.Shape, Const: t}, slot{value: t})
}

// add appends a node whose inputs are all values of the region and whose outputs are out.
func (b *builder) add(op *ops.Op, n *graph.Node, out []graph.Arg) error {
	st := step{node: n, op: op}
	late := false
	for _, name := range n.Inputs {
		s := noSlot
		if name != "" {
			s = b.byName[name]
			late = late || b.r.slots[s].derived
		}
		st.in = append(st.in, s)
	}
	if len(n.Outputs) > len(out) {
		return fmt.Errorf("%s: %d outputs, expected at most %d: %w", n, len(n.Outputs), len(out), graph.ErrUnsupported)
	}
	in := argsOf(st.in, b.args)
	b.open = append(b.open, pending{len(b.r.steps), in, late})
	derived := b.r.derives(&st)
	out = out[:len(n.Outputs)]
	if derived {
		if _, err := b.known.compute(&st, in, out); err != nil {
			return fmt.Errorf("%w: %w", err, graph.ErrModel) // it depends on shapes alone
		}
	}
	for i, name := range n.Outputs {
		// An omitted output has no name, but a place: kernels write all of theirs.
		st.out = append(st.out, b.value(name, out[i], slot{derived: derived}))
	}
	b.r.steps = append(b.r.steps, st)
	return nil
}

// finish ends the region with its outputs.
func (b *builder) finish(outputs []string) (*region, error) {
	if err := b.kernels(); err != nil {
		return nil, err
	}
	for _, name := range outputs {
		b.r.outputs = append(b.r.outputs, b.byName[name])
	}
	b.r.dropPackedConstants()
	return b.r, nil
}

// dropPackedConstants lets go of constants that only kernels read which hold packed copies.
func (r *region) dropPackedConstants() {
	needed := map[int]bool{}
	for _, s := range r.outputs {
		needed[s] = true
	}
	for _, st := range r.steps {
		for i, s := range st.in {
			if s == noSlot || r.slots[s].value == nil {
				continue
			}
			if packs := st.op.Packs; st.kernel == nil || packs == nil || !packs(i, len(r.slots[s].value.Shape)) {
				needed[s] = true
			}
		}
	}
	for i := range r.slots {
		if v := r.slots[i].value; v != nil && !needed[i] {
			r.slots[i].value = &tensor.Tensor{DType: v.DType, Shape: v.Shape}
		}
	}
}

func argsOf(slots []int, args []graph.Arg) []graph.Arg {
	in := make([]graph.Arg, len(slots))
	for i, s := range slots {
		if s != noSlot {
			in[i] = args[s]
		}
	}
	return in
}

// run computes outputs, in the memory that they have, from inputs. c counts what a run of more than this region uses.
func (r *region) run(c *call, inputs, outputs []*tensor.Tensor) error {
	b, err := r.bind(inputs)
	if err != nil {
		return err
	}
	if c != nil {
		if b.total > r.maxBytes-c.used {
			return fmt.Errorf("%d bytes beside %d in use, the limit is %d: %w", b.total, c.used, r.maxBytes, graph.ErrLimit)
		}
		c.used += b.total
	}
	w := r.acquire(b)
	back := false
	defer func() {
		if !back { // a kernel panicked, and what it left behind is nobody's
			r.held.Add(-int64(cap(w.arena)))
		}
	}()
	err = w.run(r, inputs, outputs)
	r.release(w)
	back = true
	return err
}
