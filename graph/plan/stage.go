package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
)

// stage is a region, then steps that need values.
type stage struct {
	region  *region // nil: none
	whole   bool    // the region computes the outputs of the program from its inputs
	in, out []int   // values of the region
	dynamic []*dynamic
	decide  []int         // what the steps make
	left    []*graph.Node // for later stages, in order
	last    bool
	next    ways
}

// newStage makes the stage that computes as much as it can of the nodes left, which are sorted, from the values there are: constants, and
// those in have that have a type, with an example of their shape.
func (p *program) newStage(left []*graph.Node, have []graph.Arg, first bool) (st *stage, err error) {
	if p.work += len(left); p.work > maxWork {
		return nil, fmt.Errorf("%d nodes whose shapes follow from values: %w", p.work, graph.ErrLimit)
	}
	s := &stager{program: p, st: &stage{}, b: newBuilder(p.machine), have: have}
	if first && p.plain {
		for i, v := range p.inputs {
			if k := i - len(p.graph.Inputs); k >= 0 {
				s.input(p.captured[k], v)
			} else {
				s.input(p.graph.Inputs[i].Name, v)
			}
		}
	}
	for _, n := range left {
		if err := s.add(n); err != nil {
			if earlier := s.b.tryKernels(); earlier != nil {
				return nil, earlier
			}
			return nil, err
		}
	}
	st = s.st
	if len(st.dynamic) == 0 {
		if len(s.waiting) > 0 {
			return nil, fmt.Errorf("%s waits for a value that nothing makes: %w", s.waiting[0], graph.ErrModel)
		}
		st.last = true
		if first && p.plain {
			st.whole = true
			st.region, err = s.b.finish(s.outputNames())
			return st, err
		}
	}
	return st, s.finish()
}

// stager makes a stage.
type stager struct {
	*program
	st      *stage
	b       *builder
	have    []graph.Arg
	waiting []*graph.Node // for what later stages or the steps of this one make
}

func (s *stager) outputNames() []string {
	var names []string
	for _, v := range s.graph.Outputs {
		if _, ok := s.b.byName[v.Name]; !ok { // a constant that no step reads
			s.use(v.Name)
		}
		names = append(names, v.Name)
	}
	return names
}

func (s *stager) input(name string, v int) {
	s.b.input(name, s.have[v])
	s.st.in = append(s.st.in, v)
}

// there reports whether a value can be read now.
func (s *stager) there(name string) bool {
	if _, ok := s.b.byName[name]; ok || name == "" {
		return true
	}
	v := s.values[name]
	return s.constants[v] != nil || s.have[v].DType != 0
}

// use makes a value one of the region.
func (s *stager) use(name string) {
	if _, ok := s.b.byName[name]; ok || name == "" {
		return
	}
	v := s.values[name]
	if t := s.constants[v]; t != nil {
		s.b.constant(name, t)
		return
	}
	s.input(name, v)
}

// arg is what is known of a value that is there.
func (s *stager) arg(name string) graph.Arg {
	if i, ok := s.b.byName[name]; ok {
		return s.b.args[i]
	}
	if name == "" {
		return graph.Arg{}
	}
	v := s.values[name]
	if t := s.constants[v]; t != nil {
		return graph.Arg{DType: t.DType, Shape: t.Shape, Const: t}
	}
	return s.have[v]
}

// add puts n into the region, among the steps behind it, or among the nodes that wait.
func (s *stager) add(n *graph.Node) error {
	op, err := ops.Find(n)
	if err != nil {
		return err
	}
	for _, name := range n.Reads() {
		if !s.there(name) {
			s.waiting = append(s.waiting, n)
			return nil
		}
	}
	if op.Flow != nil {
		s.addDynamic(n, op)
		return nil
	}
	in, items := make([]graph.Arg, len(n.Inputs)), false
	for i, name := range n.Inputs {
		in[i] = s.arg(name)
		items = items || in[i].DType.Composite()
	}
	out, err := op.Infer(n, in)
	for _, a := range out {
		items = items || a.DType.Composite()
	}
	if items || errors.Is(err, graph.ErrNeedsValue) {
		s.addDynamic(n, op)
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range n.Inputs {
		s.use(name)
	}
	return s.b.add(op, n, out)
}

func (s *stager) addDynamic(n *graph.Node, op *ops.Op) {
	d := &dynamic{number: s.program.dynamic, node: n, op: op}
	s.program.dynamic++
	for _, name := range n.Inputs {
		d.in = append(d.in, s.number(name))
	}
	for _, name := range n.Outputs {
		v := s.number(name)
		d.out = append(d.out, v)
		if v >= 0 {
			s.st.decide = append(s.st.decide, v)
		}
	}
	if op.Flow != nil {
		d.bodies = s.bodiesOf(n, op)
	}
	s.st.dynamic = append(s.st.dynamic, d)
}

// number is -1 for an omitted value.
func (p *program) number(name string) int {
	if name == "" {
		return -1
	}
	return p.values[name]
}

// bodiesOf makes the programs of the bodies of n, once.
func (p *program) bodiesOf(n *graph.Node, op *ops.Op) []*body {
	if known, ok := p.bodies[n]; ok {
		return known
	}
	bodies := make([]*body, len(op.Bodies))
	for i, name := range op.Bodies {
		b := &body{program: newProgram(p.machine, n.Attrs[name].Graph)}
		for _, name := range b.captured {
			b.from = append(b.from, p.values[name])
		}
		bodies[i] = b
	}
	p.bodies[n] = bodies
	return bodies
}

// finish ends the region: its outputs are what the steps behind it, later stages and the caller read. What follows from shapes is computed
// again in later stages, where it is then known too.
func (s *stager) finish() (err error) {
	st := s.st
	again := s.again()
	st.left = append(again, s.waiting...)
	made := map[string]bool{}
	for _, n := range st.left {
		for _, out := range n.Outputs {
			made[out] = true
		}
	}
	out := map[int]bool{}
	var names []string
	read := func(name string) {
		slot, ok := s.b.byName[name]
		if !ok || s.b.r.slots[slot].input || s.b.r.slots[slot].value != nil || out[slot] {
			return
		}
		out[slot] = true
		names = append(names, name)
		st.out = append(st.out, s.values[name])
	}
	for _, d := range st.dynamic {
		for _, name := range d.node.Reads() {
			read(name)
		}
	}
	for _, n := range st.left {
		for _, name := range n.Reads() {
			if !made[name] {
				read(name)
			}
		}
	}
	for _, v := range s.graph.Outputs {
		read(v.Name)
	}
	if len(names) > 0 {
		st.region, err = s.b.finish(names)
	}
	return err
}

// again lists the steps of the region whose outputs follow from shapes, as far as the waiting nodes depend on them.
func (s *stager) again() []*graph.Node {
	needed := map[string]bool{}
	for _, n := range s.waiting {
		for _, name := range n.Reads() {
			needed[name] = true
		}
	}
	var list []*graph.Node
	for i := len(s.b.r.steps) - 1; i >= 0; i-- {
		st := &s.b.r.steps[i]
		if !s.b.r.slots[st.out[0]].derived || !slices.ContainsFunc(st.node.Outputs, func(out string) bool { return needed[out] }) {
			continue
		}
		list = append(list, st.node)
		for _, name := range st.node.Inputs {
			needed[name] = true
		}
	}
	slices.Reverse(list)
	return list
}
