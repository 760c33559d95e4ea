// Package plan compiles a model into a Plan: passes run, kernels chosen, weights packed, memory laid out. A Plan is
// shared by any number of callers; a run allocates nothing once its shapes have been seen.
package plan

import (
	"errors"
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Options of Compile. The zero value runs on the caller's goroutine alone with the default memory limit.
type Options struct {
	Pool      *kernels.Pool // nil: the caller alone
	Backend   graph.Backend // nil: the CPU with Pool
	Precision string        // "": as the model says; passes.BF16 is the fast mode of that name
	MaxBytes  int           // most memory one run may use for intermediate values; 0: DefaultMaxBytes
}

// DefaultMaxBytes is the memory limit of one run.
const DefaultMaxBytes = 1 << 30

// Plan is a compiled model.
type Plan struct {
	machine
	signature   *graph.Signature
	precision   string
	weightBytes int64

	whole *region
}

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
	if o.Backend.Name() == (ops.CPU{}).Name() {
		if err := passes.Layout(m); err != nil {
			return nil, err
		}
	}
	if err := passes.Lower(m, o.Precision); err != nil {
		return nil, err
	}
	p = &Plan{machine: machine{o.Backend, o.MaxBytes}, signature: signature, precision: o.Precision}
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

// build makes the region. Shapes are inferred with one row for unknown dimensions, which also proves that the model is consistent before
// anyone calls it.
func (p *Plan) build(g *graph.Graph) error {
	b := newBuilder(&p.machine)
	for _, v := range g.Inputs {
		if v.DType == tensor.Invalid {
			return fmt.Errorf("input %q has a dtype hotpath does not have: %w", v.Name, graph.ErrUnsupported)
		}
		if v.Shape == nil {
			return fmt.Errorf("input %q declares no shape: %w", v.Name, graph.ErrUnsupported)
		}
		b.input(v.Name, graph.Arg{DType: v.DType, Shape: withRows(v.Shape, 1)})
	}
	for name, t := range g.Initializers {
		b.constant(name, t)
		p.weightBytes += int64(len(t.Bytes))
	}
	for _, n := range g.Nodes {
		if err := b.add(n); err != nil {
			return err
		}
	}
	outputs := make([]string, len(g.Outputs))
	for i, v := range g.Outputs {
		outputs[i] = v.Name
		d := b.args[b.byName[v.Name]].DType
		if v.DType != tensor.Invalid && v.DType != d {
			return fmt.Errorf("output %q is declared %s and computed as %s: %w", v.Name, v.DType, d, graph.ErrModel)
		}
		p.signature.Outputs[i].DType = d
	}
	p.whole = b.finish(outputs)
	return nil
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
	in := make([]*tensor.Tensor, len(p.signature.Inputs))
	for i, v := range p.signature.Inputs {
		in[i] = tensor.New(v.DType, withRows(v.Shape, rows)...)
	}
	return in
}

// Precision is the fast mode that was asked for, "" for none.
func (p *Plan) Precision() string { return p.precision }

// NewOutputs makes empty outputs; Run gives them their shape and keeps their memory for the next run.
func (p *Plan) NewOutputs() []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(p.signature.Outputs))
	for i, v := range p.signature.Outputs {
		out[i] = &tensor.Tensor{DType: v.DType}
	}
	return out
}

// checkInputs compares dtypes, ranks and known dimensions with the signature.
func (p *Plan) checkInputs(inputs []*tensor.Tensor) error {
	if len(inputs) != len(p.signature.Inputs) {
		return fmt.Errorf("%d inputs, expected %d: %w", len(inputs), len(p.signature.Inputs), graph.ErrInput)
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
	if len(outputs) != len(p.signature.Outputs) {
		return fmt.Errorf("%d outputs, expected %d: %w", len(outputs), len(p.signature.Outputs), graph.ErrInput)
	}
	err := p.whole.run(inputs, outputs)
	if err != nil && !errors.Is(err, graph.ErrInput) && !errors.Is(err, graph.ErrLimit) {
		return fmt.Errorf("%w: %w", err, graph.ErrInput)
	}
	return err
}
