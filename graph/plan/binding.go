package plan

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// binding is what follows from concrete input shapes: the shape of every value and its place in the arena. It never
// changes once made.
type binding struct {
	inputs  [][]int
	shapes  [][]int // per slot
	offsets []int   // per slot, in the arena; noOffset for constants, inputs, outputs and strings
	scratch int     // offset of the scratch memory
	bytes   int     // of the arena
}

const noOffset = -1

// maxBindings bounds the shapes remembered; beyond it the oldest is forgotten, so odd batch sizes cost time, not memory.
const maxBindings = 64

// arenaAlign keeps every value on cache lines of its own.
const arenaAlign = 64

// bind finds or makes the binding for the shapes of inputs.
func (p *Plan) bind(inputs []*tensor.Tensor) (*binding, error) {
	for _, b := range *p.bindings.Load() {
		if b.fits(inputs) {
			return b, nil
		}
	}
	p.bindMu.Lock()
	defer p.bindMu.Unlock()
	known := *p.bindings.Load()
	for _, b := range known {
		if b.fits(inputs) {
			return b, nil
		}
	}
	shapes := make([][]int, len(inputs))
	for i, in := range inputs {
		shapes[i] = slices.Clone(in.Shape)
	}
	b, err := p.newBinding(shapes)
	if err != nil {
		return nil, err
	}
	next := append([]*binding{b}, known...)
	if len(next) > maxBindings {
		next = next[:maxBindings]
	}
	p.bindings.Store(&next)
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

// infer runs shape inference for concrete input shapes.
func (p *Plan) infer(inputs [][]int) ([]graph.Arg, error) {
	args := make([]graph.Arg, len(p.slots))
	for i, s := range p.slots {
		args[i].DType = s.dtype
		if s.value != nil {
			args[i].Shape, args[i].Const = s.value.Shape, s.value
		}
	}
	for i, s := range p.inputs {
		args[s].Shape = inputs[i]
	}
	for _, st := range p.steps {
		out, err := st.op.Infer(st.node, argsOf(st.in, args))
		if err != nil {
			return nil, fmt.Errorf("input shapes %v: %w", inputs, err)
		}
		for i, s := range st.out {
			args[s].Shape = out[i].Shape
		}
	}
	return args, nil
}

func (p *Plan) newBinding(inputs [][]int) (*binding, error) {
	args, err := p.infer(inputs)
	if err != nil {
		return nil, err
	}
	b := &binding{inputs: inputs, shapes: make([][]int, len(args)), offsets: make([]int, len(args))}
	for i := range args {
		b.shapes[i] = args[i].Shape
		b.offsets[i] = noOffset
	}
	scratch := 0
	for _, st := range p.steps {
		if k, ok := st.kernel.(graph.ScratchKernel); ok {
			scratch = max(scratch, k.ScratchBytes(argsOf(st.in, args)))
		}
	}
	values, outputs, err := p.lifetimes(args)
	if err != nil {
		return nil, err
	}
	b.scratch = layout(values, b.offsets)
	b.bytes = b.scratch + scratch
	if b.bytes > p.maxBytes || outputs > p.maxBytes-b.bytes {
		return nil, fmt.Errorf("input shapes %v need %d bytes, %d of them for outputs, the limit is %d: %w", inputs, b.bytes+outputs, outputs, p.maxBytes, graph.ErrLimit)
	}
	return b, nil
}

// lifetime is an arena value: from the step that writes it to the last that reads it.
type lifetime struct {
	slot, size  int
	first, last int
}

// lifetimes lists the values of the arena, and gives the bytes of the outputs, which are not in it: an Expand or Pad may make them much
// larger than the inputs.
func (p *Plan) lifetimes(args []graph.Arg) (values []lifetime, outputs int, err error) {
	outside := map[int]bool{}
	for _, s := range p.outputs {
		outside[s] = true
	}
	at := map[int]int{} // slot to index in values
	for i, st := range p.steps {
		for _, s := range st.in {
			if v, ok := at[s]; ok {
				values[v].last = i
			}
		}
		for _, s := range st.out {
			n, ok := tensor.Elements(args[s].Shape)
			size := p.slots[s].dtype.Size()
			if !ok || size > 0 && n > math.MaxInt/2/size {
				return nil, 0, fmt.Errorf("%s: shape %v: %w", st.node, args[s].Shape, graph.ErrLimit)
			}
			if outside[s] && outputs <= p.maxBytes {
				outputs += n * size
			}
			if !outside[s] && size > 0 {
				at[s] = len(values)
				values = append(values, lifetime{s, n * size, i, i})
			}
		}
	}
	return values, outputs, nil
}

// layout places values in one arena, largest first, each at the lowest offset free during its lifetime, and returns
// the arena's size. Greedy by size is within a few percent of the optimum on real networks (Pisarchyk and Lee,
// "Efficient Memory Management for Deep Neural Net Inference", 2020).
func layout(values []lifetime, offsets []int) (total int) {
	order := slices.Clone(values)
	sort.SliceStable(order, func(i, j int) bool { return order[i].size > order[j].size })
	var placed []lifetime
	for _, v := range order {
		at := 0
		for _, q := range placed { // placed is sorted by offset
			if q.last < v.first || v.last < q.first {
				continue
			}
			if at+v.size <= offsets[q.slot] {
				break
			}
			at = max(at, alignUp(offsets[q.slot]+q.size))
		}
		offsets[v.slot] = at
		i := sort.Search(len(placed), func(i int) bool { return offsets[placed[i].slot] > at })
		placed = slices.Insert(placed, i, v)
		total = max(total, alignUp(at+v.size))
	}
	return total
}

func alignUp(n int) int { return (n + arenaAlign - 1) &^ (arenaAlign - 1) }
