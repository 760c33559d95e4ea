package plan

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// program is a graph made ready to run, the model's or a body's: a list of stages. A stage is a region, then the steps that need values of
// a run: what they make decides with its types and ranks which stage is next. A graph without such steps is one region.
type program struct {
	*machine
	graph     *graph.Graph
	values    map[string]int // the number of every value
	inputs    []int          // of the graph, then captured ones
	captured  []string       // values of the graphs around that bodies read, as inputs behind those of the graph
	outputs   []int
	outputAt  []int            // by value: its place among the outputs, the first where there are several; -1: none
	constants []*tensor.Tensor // by value
	plain     bool             // no input or output is made of items
	bodies    map[*graph.Node][]*body

	first   ways
	growing sync.Mutex
	dynamic int // steps numbered so far
	work    int // nodes looked at to make stages
	mu      sync.Mutex
	free    []*frame
}

// body is the program of a body, with the values that it captures from the graph that its node is in.
type body struct {
	*program
	from []int
}

// ways lead to the next stage by the types of some values.
type ways struct {
	atomic.Pointer[[]way]
}

type way struct {
	types []valueType
	to    *stage
}

type valueType struct {
	dtype tensor.DType
	rank  int
}

// maxWays bounds the stages kept for other types and ranks; beyond it the oldest is forgotten.
const maxWays = 16

// maxWork bounds the nodes that are looked at to make the stages of one program. Real models have some hundred steps that need values.
const maxWork = 1 << 26

func newProgram(m *machine, g *graph.Graph) *program {
	p := &program{machine: m, graph: g, values: map[string]int{}, plain: true, bodies: map[*graph.Node][]*body{}}
	number := func(name string, t *tensor.Tensor) int {
		i, ok := p.values[name]
		if !ok {
			i = len(p.constants)
			p.values[name] = i
			p.constants = append(p.constants, t)
		}
		return i
	}
	for _, v := range g.Inputs {
		p.inputs = append(p.inputs, number(v.Name, nil))
		p.plain = p.plain && !v.DType.Composite()
	}
	p.captured = g.Captured()
	for _, name := range p.captured {
		p.inputs = append(p.inputs, number(name, nil))
	}
	for name, t := range g.Initializers {
		number(name, t)
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out != "" {
				number(out, nil)
			}
		}
	}
	p.outputAt = slices.Repeat([]int{-1}, len(p.constants))
	for k, v := range g.Outputs {
		i := p.values[v.Name]
		if p.outputAt[i] < 0 {
			p.outputAt[i] = k
		}
		p.outputs = append(p.outputs, i)
		p.plain = p.plain && !v.DType.Composite()
	}
	return p
}

// find returns the stage for the types of values; nil if there is none yet.
func (w *ways) find(values []*tensor.Tensor) *stage {
	known := w.Load()
	if known == nil {
		return nil
	}
next:
	for _, way := range *known {
		for i, t := range way.types {
			if v := values[i]; v.DType != t.dtype || len(v.Shape) != t.rank {
				continue next
			}
		}
		return way.to
	}
	return nil
}

// grow finds the stage for values, or makes it with build.
func (p *program) grow(w *ways, values []*tensor.Tensor, build func() (*stage, error)) (st *stage, err error) {
	if st := w.find(values); st != nil {
		return st, nil
	}
	p.growing.Lock()
	defer p.growing.Unlock()
	if st := w.find(values); st != nil {
		return st, nil
	}
	defer boundary(&err)
	if st, err = build(); err != nil {
		return nil, err
	}
	types := make([]valueType, len(values))
	for i, v := range values {
		types[i] = valueType{v.DType, len(v.Shape)}
	}
	all := []way{{types, st}}
	if known := w.Load(); known != nil {
		all = append(all, (*known)[:min(len(*known), maxWays-1)]...)
	}
	w.Store(&all)
	return st, nil
}

// start finds or makes the first stage for inputs.
func (p *program) start(inputs []*tensor.Tensor) (*stage, error) {
	return p.grow(&p.first, inputs, func() (*stage, error) {
		have := make([]graph.Arg, len(p.constants))
		for i, v := range inputs {
			have[p.inputs[i]] = graph.Arg{DType: v.DType, Shape: v.Shape}
		}
		return p.newStage(p.graph.Nodes, have, true)
	})
}

// dropConstants lets go of the constants that only st reads, which is the first stage of a model whose inputs have declared ranks: it is
// made once.
func (p *program) dropConstants(st *stage) {
	needed := map[string]bool{}
	read := func(n *graph.Node) {
		for _, name := range n.Reads() {
			needed[name] = true
		}
	}
	for _, d := range st.dynamic {
		read(d.node)
	}
	for _, n := range st.left {
		read(n)
	}
	if !st.whole {
		for _, v := range p.graph.Outputs {
			needed[v.Name] = true
		}
	}
	for name, v := range p.values {
		if !needed[name] {
			p.constants[v] = nil
		}
	}
	p.graph.Initializers, p.graph.Nodes = nil, nil
}

// call is one run of a plan, through all programs that it enters.
type call struct {
	used       int // bytes of values and arenas in use
	fresh      int // bytes of items made since they were last counted
	iterations int // of all loops
}

// charge adds bytes to those in use.
func (p *program) charge(c *call, bytes int) error {
	if bytes > p.maxBytes-c.used {
		return fmt.Errorf("%d bytes of values, the limit is %d: %w", c.used+bytes, p.maxBytes, graph.ErrLimit)
	}
	c.used += bytes
	return nil
}

// run computes outputs from inputs, captured values behind those of the graph. They share no memory. c is nil for the outermost program.
func (p *program) run(c *call, inputs, outputs []*tensor.Tensor) error {
	st, err := p.start(inputs)
	if err != nil {
		return err
	}
	if c == nil && st.whole {
		return st.region.run(nil, inputs, outputs)
	}
	if c != nil && st.whole {
		used := c.used
		err := st.region.run(c, inputs, outputs)
		c.used = used
		return err
	}
	f := p.acquire()
	if c == nil {
		c = &f.call
	}
	used := c.used
	err = f.run(p, c, st, inputs, outputs)
	c.used = used
	p.release(f)
	return err
}

// frame is what one run of a program keeps from stage to stage.
type frame struct {
	call   call
	values []*tensor.Tensor // by value; nil for what is not there yet
	own    []tensor.Tensor  // memory of values made by a stage for later ones
	states []*stepState     // by number of the step
	in     []*tensor.Tensor
	out    []*tensor.Tensor
}

func (p *program) acquire() *frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		f := p.free[n-1]
		p.free = p.free[:n-1]
		return f
	}
	return &frame{values: make([]*tensor.Tensor, len(p.constants)), own: make([]tensor.Tensor, len(p.constants))}
}

func (p *program) release(f *frame) {
	clear(f.values) // do not keep the caller's memory alive
	f.call = call{}
	for i := range f.own {
		if f.own[i].DType.Composite() {
			f.own[i] = tensor.Tensor{}
		}
	}
	p.mu.Lock()
	if len(p.free) < 2*runtime.GOMAXPROCS(0) {
		p.free = append(p.free, f)
	}
	p.mu.Unlock()
}

// gather lists the tensors of values in list.
func (f *frame) gather(list []*tensor.Tensor, values []int) []*tensor.Tensor {
	list = list[:0]
	for _, v := range values {
		if v < 0 {
			list = append(list, nil)
			continue
		}
		list = append(list, f.values[v])
	}
	return list
}

// place is where value v is to be computed: in the memory of an output of the program, if it is one.
func (f *frame) place(p *program, v int, outputs []*tensor.Tensor) *tensor.Tensor {
	t := &f.own[v]
	if k := p.outputAt[v]; k >= 0 {
		t = outputs[k]
	}
	f.values[v] = t
	return t
}

func (f *frame) run(p *program, c *call, st *stage, inputs, outputs []*tensor.Tensor) error {
	copy(f.values, p.constants)
	for i, v := range p.inputs {
		f.values[v] = inputs[i]
	}
	for {
		if st.region != nil {
			f.in, f.out = f.gather(f.in, st.in), f.out[:0]
			for _, v := range st.out {
				f.out = append(f.out, f.place(p, v, outputs))
			}
			if err := st.region.run(c, f.in, f.out); err != nil {
				return err
			}
		}
		for _, d := range st.dynamic {
			if err := d.run(p, f, c, outputs); err != nil {
				return err
			}
		}
		if st.last {
			break
		}
		f.in = f.gather(f.in, st.decide)
		next, err := p.grow(&st.next, f.in, func() (*stage, error) {
			have := make([]graph.Arg, len(p.constants))
			for i, t := range f.values {
				if t != nil && p.constants[i] == nil {
					have[i] = graph.Arg{DType: t.DType, Shape: slices.Clone(t.Shape)}
				}
			}
			return p.newStage(st.left, have, false)
		})
		if err != nil {
			return err
		}
		st = next
	}
	for k, v := range p.outputs {
		if src := f.values[v]; src != outputs[k] {
			assign(outputs[k], src)
		}
	}
	return nil
}

// assign makes dst a copy of src; items, which nothing changes, are shared.
func assign(dst, src *tensor.Tensor) {
	if dst.DType != src.DType {
		*dst = tensor.Tensor{DType: src.DType}
	}
	dst.Resize(src.Shape...)
	copy(dst.Bytes, src.Bytes)
	copy(dst.Strings, src.Strings)
	copy(dst.Items, src.Items)
}
