package plan

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// dynamic is a step whose shapes follow from values of a run, whose values are made of items, or which runs bodies.
type dynamic struct {
	number  int // of its state in a frame
	node    *graph.Node
	op      *ops.Op
	in, out []int // values; -1 for an omitted one
	bodies  []*body
}

// stepState is what a frame keeps of a dynamic step: the kernel, which fits as long as shapes and the values that it was made for stay.
type stepState struct {
	args    []graph.Arg // of the kernel; Const has the values
	made    []graph.Arg
	kernel  graph.Kernel
	scratch []byte
	in, out []*tensor.Tensor
	unnamed []tensor.Tensor
	flow    flow
}

func (f *frame) state(d *dynamic) *stepState {
	for len(f.states) <= d.number {
		f.states = append(f.states, nil)
	}
	if f.states[d.number] == nil {
		f.states[d.number] = &stepState{unnamed: make([]tensor.Tensor, len(d.out)), out: make([]*tensor.Tensor, len(d.out))}
	}
	return f.states[d.number]
}

func (d *dynamic) run(p *program, f *frame, c *call, outputs []*tensor.Tensor) error {
	s := f.state(d)
	s.in = f.gather(s.in, d.in)
	for i, v := range d.out {
		s.out[i] = &s.unnamed[i]
		if v >= 0 {
			s.out[i] = f.place(p, v, outputs)
		}
	}
	var err error
	if d.op.Flow != nil {
		s.flow = flow{p: p, frame: f, call: c, step: d, used: c.used, inputs: s.flow.inputs, outputs: s.flow.outputs}
		err = d.op.Flow(d.node, s.in, s.out, &s.flow)
		c.used = s.flow.used
	} else {
		err = d.compute(p, s, c)
	}
	clear(s.in)
	if err != nil {
		return err
	}
	bytes := 0
	for _, t := range s.out {
		bytes += sizeOf(t)
	}
	return p.charge(c, bytes)
}

// sizeOf is what a value holds beside its items; those of a sequence are counted where loops carry them.
func sizeOf(t *tensor.Tensor) int {
	size := len(t.Bytes) + 8*len(t.Items)
	for _, s := range t.Strings {
		size += 16 + len(s)
	}
	return size
}

// compute runs an ordinary operator.
func (d *dynamic) compute(p *program, s *stepState, c *call) error {
	if !s.fits() {
		s.kernel = nil
		if err := d.prepare(p, s, c); err != nil {
			return err
		}
	}
	for i := range s.out {
		if t, a := s.out[i], s.made[i]; t.DType != a.DType {
			*t = tensor.Tensor{DType: a.DType}
		}
		s.out[i].Resize(s.made[i].Shape...)
	}
	var err error
	if p.observer == nil {
		err = s.kernel.Run(s.in, s.out, s.scratch)
	} else {
		err = p.runStep(s.kernel, s.in, s.out, s.scratch, func() StepInfo {
			return StepInfo{Op: d.op.Name, Node: d.node.Name, Value: d.node.Outputs[0], DType: s.made[0].DType.String(), Shape: s.made[0].Shape}
		})
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	for i, t := range s.out {
		if t.DType.Composite() {
			for _, in := range s.in {
				if in != nil && !in.DType.Composite() {
					c.fresh += len(in.Bytes) + itemBytes
				}
			}
		}
		if !slices.Equal(t.Shape, s.made[i].Shape) {
			return fmt.Errorf("%s: output %d has shape %v, expected %v: %w", d.node, i, t.Shape, s.made[i].Shape, graph.ErrModel)
		}
	}
	return nil
}

// itemBytes is what an item of a sequence takes beside its elements.
const itemBytes = 128

// fits reports whether the kernel is right for the inputs.
func (s *stepState) fits() bool {
	if s.kernel == nil {
		return false
	}
	for i, in := range s.in {
		a := &s.args[i]
		if in == nil {
			continue
		}
		if in.DType != a.DType || !slices.Equal(in.Shape, a.Shape) {
			return false
		}
		switch v := a.Const; {
		case v == nil:
		case v.DType.Composite(): // it may be the same tensor with other items
			return false
		case v != in && (!bytes.Equal(v.Bytes, in.Bytes) || !slices.Equal(v.Strings, in.Strings)):
			return false
		}
	}
	return true
}

// prepare infers the outputs, with as many values as the operator asks for, and makes the kernel.
func (d *dynamic) prepare(p *program, s *stepState, c *call) (err error) {
	defer boundary(&err)
	s.args = s.args[:0]
	for i, in := range s.in {
		a := graph.Arg{}
		if in != nil {
			a = graph.Arg{DType: in.DType, Shape: slices.Clone(in.Shape)}
			if p.constants[d.in[i]] != nil {
				a.Const = in
			}
		}
		s.args = append(s.args, a)
	}
	for {
		made, err := d.op.Infer(d.node, s.args)
		var needs *graph.NeedsValue
		if errors.As(err, &needs) && needs.Input < len(s.args) && s.in[needs.Input] != nil && s.args[needs.Input].Const == nil {
			v := s.in[needs.Input]
			if s.args[needs.Input].Const = v; !v.DType.Composite() {
				s.args[needs.Input].Const = v.Clone() // the kernel may keep it
			}
			continue
		}
		if err != nil {
			return err
		}
		if len(d.out) > len(made) {
			return fmt.Errorf("%s: %d outputs, expected at most %d: %w", d.node, len(d.out), len(made), graph.ErrUnsupported)
		}
		s.made = made[:len(d.out)]
		break
	}
	for _, a := range s.made {
		n, ok := tensor.Elements(a.Shape)
		size := max(a.DType.Size(), 1)
		if a.DType.Composite() {
			size = itemBytes
		}
		if !ok || n > math.MaxInt/2/size || n*size > p.maxBytes-c.used {
			return fmt.Errorf("%s: an output of %s %v beside %d bytes, the limit is %d: %w", d.node, a.DType, a.Shape, c.used, p.maxBytes, graph.ErrLimit)
		}
	}
	kernel, err := p.backend.Kernel(d.node, s.args)
	if err != nil {
		return err
	}
	scratch := 0
	if k, ok := kernel.(graph.ScratchKernel); ok {
		scratch = k.ScratchBytes(s.args)
	}
	if scratch < 0 || scratch > p.maxBytes-c.used {
		return fmt.Errorf("%s: %d bytes of working memory beside %d, the limit is %d: %w", d.node, scratch, c.used, p.maxBytes, graph.ErrLimit)
	}
	if cap(s.scratch) < scratch {
		s.scratch = tensor.AlignedBytes(scratch)
	}
	s.scratch = s.scratch[:scratch]
	s.kernel = kernel
	return nil
}

// flow is the executor's side of a control-flow operator.
type flow struct {
	p               *program
	frame           *frame
	call            *call
	step            *dynamic
	used            int // bytes before the operator
	items           int // bytes of the items that it keeps, when they were last counted
	inputs, outputs []*tensor.Tensor
}

// Run implements ops.Flow.
func (w *flow) Run(body int, in, out []*tensor.Tensor) error {
	b := w.step.bodies[body]
	if inputs, outputs := w.Signature(body); len(in) != inputs || len(out) > outputs {
		return fmt.Errorf("%s: a body with %d inputs and %d outputs, expected %d and %d: %w", w.step.node, inputs, outputs, len(in), len(out), graph.ErrModel)
	}
	w.inputs = append(w.inputs[:0], in...)
	for _, v := range b.from {
		w.inputs = append(w.inputs, w.frame.values[v])
	}
	w.outputs = append(w.outputs[:0], out...)
	for len(w.outputs) < len(b.outputs) {
		w.outputs = append(w.outputs, &tensor.Tensor{})
	}
	return b.run(w.call, w.inputs, w.outputs)
}

// Signature implements ops.Flow.
func (w *flow) Signature(body int) (inputs, outputs int) {
	b := w.step.bodies[body]
	return len(b.graph.Inputs), len(b.outputs)
}

// Step implements ops.Flow.
func (w *flow) Step() error {
	if w.call.iterations++; w.call.iterations > w.p.maxSteps {
		return fmt.Errorf("%s: more than %d iterations of loops: %w", w.step.node, w.p.maxSteps, graph.ErrLimit)
	}
	return nil
}

// Hold implements ops.Flow. Items are shared by the sequences that have them, and counting them takes time: until they may be too many, it
// is enough to know how many bytes were made since.
func (w *flow) Hold(bytes int, values []*tensor.Tensor) error {
	for _, t := range values {
		bytes += sizeOf(t)
	}
	w.call.used = w.used
	if limit := w.p.maxBytes; w.call.fresh > limit/4 || w.used+bytes+w.items+w.call.fresh > limit {
		w.items, w.call.fresh = 0, 0
		for _, t := range values {
			w.items += sizeOfItems(t)
		}
	}
	return w.p.charge(w.call, bytes+w.items+w.call.fresh)
}

func sizeOfItems(t *tensor.Tensor) (size int) {
	for _, item := range t.Items {
		size += itemBytes + sizeOf(item) + sizeOfItems(item)
	}
	return size
}
