// Package plan compiles a model into a Plan: passes run, kernels chosen, weights packed, memory laid out. A Plan is
// shared by any number of callers; a run allocates nothing once its shapes have been seen.
package plan

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Options of Compile. The zero value runs on the caller's goroutine alone with the default memory limit.
type Options struct {
	Pool     *kernels.Pool // nil: the caller alone
	Backend  graph.Backend // nil: the CPU with Pool
	MaxBytes int           // most memory one run may use for intermediate values; 0: DefaultMaxBytes
}

// DefaultMaxBytes is the memory limit of one run.
const DefaultMaxBytes = 1 << 30

// Plan is a compiled model.
type Plan struct {
	signature   *graph.Signature
	backend     graph.Backend
	maxBytes    int
	weightBytes int64

	slots   []slot
	steps   []step
	inputs  []int // slots
	outputs []int

	bindings atomic.Pointer[[]*binding] // shapes seen, copy on write
	bindMu   sync.Mutex
	mu       sync.Mutex
	free     []*workspace
}

// slot is a value of the graph: a constant, an input, or something a step produces.
type slot struct {
	name  string
	dtype tensor.DType
	value *tensor.Tensor // of a constant
}

// step is one node with its kernel.
type step struct {
	node    *graph.Node
	op      *ops.Op
	kernel  graph.Kernel
	in, out []int // slots; noSlot for an omitted optional
}

const noSlot = -1

// Compile prepares m, which is not changed. Errors wrap ErrModel, ErrUnsupported or ErrLimit and name the node.
func Compile(m *graph.Model, o Options) (p *Plan, err error) {
	defer func() {
		if r := recover(); r != nil { // the one boundary between a hostile model and the process
			p, err = nil, fmt.Errorf("compile: %v: %w", r, graph.ErrModel)
		}
	}()
	if o.Backend == nil {
		o.Backend = ops.CPU{Pool: o.Pool}
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if err := checkOpsets(m); err != nil {
		return nil, err
	}
	signature, err := m.Signature()
	if err != nil {
		return nil, err
	}
	m, err = passes.Standard(m)
	if err != nil {
		return nil, err
	}
	if err := passes.Fuse(m); err != nil {
		return nil, err
	}
	p = &Plan{signature: signature, backend: o.Backend, maxBytes: o.MaxBytes}
	p.bindings.Store(new([]*binding))
	if err := p.build(&m.Graph); err != nil {
		return nil, err
	}
	p.proveRows()
	return p, nil
}

// checkOpsets refuses a model whose opset is older than the definition an operator is implemented by.
func checkOpsets(m *graph.Model) error {
	for _, n := range m.Graph.Nodes {
		if n.Domain == graph.DomainFused {
			return fmt.Errorf("%s: domain %q is internal: %w", n, n.Domain, graph.ErrModel)
		}
		op, err := ops.Find(n)
		if err != nil {
			return err
		}
		if have := m.Opsets[n.Domain]; have < op.Since {
			return fmt.Errorf("%s: opset %d of domain %q, expected %d or newer: %w", n, have, n.Domain, op.Since, graph.ErrUnsupported)
		}
	}
	return nil
}

// build numbers the values and makes the kernels. Shapes are inferred with one row for unknown dimensions, which also
// proves that the model is consistent before anyone calls it.
func (p *Plan) build(g *graph.Graph) error {
	byName := map[string]int{}
	add := func(name string, d tensor.DType, value *tensor.Tensor) int {
		byName[name] = len(p.slots)
		p.slots = append(p.slots, slot{name, d, value})
		return len(p.slots) - 1
	}
	for _, v := range g.Inputs {
		if v.DType == tensor.Invalid {
			return fmt.Errorf("input %q has a dtype hotpath does not have: %w", v.Name, graph.ErrUnsupported)
		}
		if v.Shape == nil {
			return fmt.Errorf("input %q declares no shape: %w", v.Name, graph.ErrUnsupported)
		}
		p.inputs = append(p.inputs, add(v.Name, v.DType, nil))
	}
	for name, t := range g.Initializers {
		add(name, t.DType, t)
		p.weightBytes += int64(len(t.Bytes))
	}
	args := make([]graph.Arg, len(p.slots))
	for i, s := range p.slots {
		if s.value != nil {
			args[i] = graph.Arg{DType: s.dtype, Shape: s.value.Shape, Const: s.value}
		}
	}
	for i, v := range g.Inputs {
		args[p.inputs[i]] = graph.Arg{DType: v.DType, Shape: withRows(v.Shape, 1)}
	}
	for _, n := range g.Nodes {
		op, err := ops.Find(n)
		if err != nil {
			return err
		}
		st := step{node: n, op: op}
		for _, name := range n.Inputs {
			s := noSlot
			if name != "" {
				s = byName[name]
			}
			st.in = append(st.in, s)
		}
		in := argsOf(st.in, args)
		out, err := op.Infer(n, in)
		if err != nil {
			return err
		}
		if len(n.Outputs) > len(out) {
			return fmt.Errorf("%s: %d outputs, expected at most %d: %w", n, len(n.Outputs), len(out), graph.ErrUnsupported)
		}
		if st.kernel, err = p.backend.Kernel(n, in); err != nil {
			return err
		}
		for i, name := range n.Outputs {
			if name == "" {
				return fmt.Errorf("%s: output %d is not named: %w", n, i, graph.ErrUnsupported)
			}
			st.out = append(st.out, add(name, out[i].DType, nil))
			args = append(args, out[i])
		}
		p.steps = append(p.steps, st)
	}
	for i, v := range g.Outputs {
		s := byName[v.Name]
		if v.DType != tensor.Invalid && v.DType != p.slots[s].dtype {
			return fmt.Errorf("output %q is declared %s and computed as %s: %w", v.Name, v.DType, p.slots[s].dtype, graph.ErrModel)
		}
		p.outputs = append(p.outputs, s)
		p.signature.Outputs[i].DType = p.slots[s].dtype
	}
	p.dropPackedConstants()
	return nil
}

// dropPackedConstants lets go of constants that only Gemm-like kernels read: they hold packed copies.
func (p *Plan) dropPackedConstants() {
	needed := map[int]bool{}
	for _, s := range p.outputs {
		needed[s] = true
	}
	for _, st := range p.steps {
		for i, s := range st.in {
			if s == noSlot || p.slots[s].value == nil {
				continue
			}
			if packed := i > 0 && (len(p.slots[s].value.Shape) == 2 && isMatrixProduct(st.node) || st.node.Op == "QConv"); !packed {
				needed[s] = true
			}
		}
	}
	for i := range p.slots {
		if v := p.slots[i].value; v != nil && !needed[i] {
			p.slots[i].value = &tensor.Tensor{DType: v.DType, Shape: v.Shape}
		}
	}
}

func isMatrixProduct(n *graph.Node) bool {
	return n.Op == "Gemm" || n.Op == "MatMul" || n.Op == "QGemm"
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

// withRows replaces unknown dimensions: the first axis by rows, any other by 1.
func withRows(shape []int, rows int) []int {
	out := make([]int, len(shape))
	for i, d := range shape {
		switch {
		case d >= 0:
			out[i] = d
		case i == 0:
			out[i] = rows
		default:
			out[i] = 1
		}
	}
	return out
}

// Signature is what callers need to know; it must not be changed.
func (p *Plan) Signature() *graph.Signature { return p.signature }

// WeightBytes is the size of the model's constants.
func (p *Plan) WeightBytes() int64 { return p.weightBytes }

// NewInputs allocates the inputs of a run: rows for an unknown first dimension, 1 for any other unknown one.
func (p *Plan) NewInputs(rows int) []*tensor.Tensor {
	in := make([]*tensor.Tensor, len(p.inputs))
	for i, v := range p.signature.Inputs {
		in[i] = tensor.New(v.DType, withRows(v.Shape, rows)...)
	}
	return in
}

// NewOutputs makes empty outputs; Run gives them their shape and keeps their memory for the next run.
func (p *Plan) NewOutputs() []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(p.outputs))
	for i, s := range p.outputs {
		out[i] = &tensor.Tensor{DType: p.slots[s].dtype}
	}
	return out
}

// checkInputs compares dtypes, ranks and known dimensions with the signature.
func (p *Plan) checkInputs(inputs []*tensor.Tensor) error {
	if len(inputs) != len(p.inputs) {
		return fmt.Errorf("%d inputs, expected %d: %w", len(inputs), len(p.inputs), graph.ErrInput)
	}
	for i, in := range inputs {
		want := &p.signature.Inputs[i]
		if in.DType != want.DType {
			return fmt.Errorf("input %q is %s, expected %s: %w", want.Name, in.DType, want.DType, graph.ErrInput)
		}
		if len(in.Shape) != len(want.Shape) {
			return fmt.Errorf("input %q has shape %v, expected %v: %w", want.Name, in.Shape, want.Shape, graph.ErrInput)
		}
		for axis, d := range want.Shape {
			if d >= 0 && in.Shape[axis] != d || in.Shape[axis] < 0 {
				return fmt.Errorf("input %q has shape %v, expected %v: %w", want.Name, in.Shape, want.Shape, graph.ErrInput)
			}
		}
	}
	return nil
}

// Run computes outputs from inputs. Inputs fit the signature and are only read; outputs come from NewOutputs (or an
// earlier run of the same plan) and are given their shape. It may be called concurrently with tensors of one's own.
// It allocates only for input shapes not seen before, or when more callers run at once than ever before.
// Errors wrap ErrInput or ErrLimit.
func (p *Plan) Run(inputs, outputs []*tensor.Tensor) error {
	if err := p.checkInputs(inputs); err != nil {
		return err
	}
	if len(outputs) != len(p.outputs) {
		return fmt.Errorf("%d outputs, expected %d: %w", len(outputs), len(p.outputs), graph.ErrInput)
	}
	b, err := p.bind(inputs)
	if err != nil {
		return err
	}
	w := p.acquire(b)
	err = w.run(p, inputs, outputs)
	p.release(w)
	if err != nil && !errors.Is(err, graph.ErrInput) && !errors.Is(err, graph.ErrLimit) {
		return fmt.Errorf("%w: %w", err, graph.ErrInput)
	}
	return err
}
