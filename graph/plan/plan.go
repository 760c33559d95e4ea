// Package plan compiles a model into a Plan: passes run, kernels chosen, weights packed, memory laid out. A Plan is
// shared by any number of callers. Where all shapes follow from those of the inputs, the plan is one region, and a run
// allocates nothing once its shapes have been seen. Otherwise it is a list of stages: a region, then the steps that need
// values, such as control flow, whose results decide what the next stage is; bodies are programs of the same kind.
package plan

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Options of Compile. The zero value runs on the caller's goroutine alone with the default memory limit.
type Options struct {
	Pool      *kernels.Pool // nil: the caller alone
	Backend   graph.Backend // nil: the CPU with Pool
	Precision string        // "": as the model says; passes.BF16 is the fast mode of that name
	MaxBytes  int           // most memory one run may use for intermediate values; 0: DefaultMaxBytes
	// MaxIterations bounds the iterations of all loops of one run together; 0: DefaultMaxIterations. A model that goes on gets ErrLimit.
	MaxIterations int
	Builders      int      // goroutines that pack weights while a model is compiled; 0: one per core
	Observer      Observer // sees every step of every run; nil: none, which costs nothing
	// Cache is a directory where Open keeps what it makes of a model, for the next start; "": none. It is made if it does not exist, and has
	// to belong to this user alone.
	Cache string
}

// DefaultMaxBytes is the memory limit of one run.
const DefaultMaxBytes = 1 << 30

// DefaultMaxIterations is the limit of loops in one run, some seconds of empty ones.
const DefaultMaxIterations = 1 << 20

// Plan is a compiled model.
type Plan struct {
	machine
	signature   *graph.Signature
	other       int // size of unknown dimensions beyond the first that the model takes
	precision   string
	weightBytes int64
	packedBytes int64
	cached      bool  // it came from the cache
	cacheErr    error // why it is not in the cache

	program *program
	whole   *region // the one of a plan that is nothing else
}

// Compile prepares m, which is not changed. Errors wrap ErrModel, ErrUnsupported or ErrLimit and name the node.
func Compile(m *graph.Model, o Options) (p *Plan, err error) {
	defer boundary(&err)
	l, err := lower(m, o.defaults())
	if err != nil {
		return nil, err
	}
	return l.build(o.defaults(), newShelf(&l.graph, nil, nil))
}

func (o Options) defaults() Options {
	if o.Backend == nil {
		o.Backend = ops.CPU{Pool: o.Pool}
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxIterations == 0 {
		o.MaxIterations = DefaultMaxIterations
	}
	if o.Builders == 0 {
		o.Builders = runtime.GOMAXPROCS(0)
	}
	return o
}

// boundary makes an error of a panic: it stands between a hostile model and the process wherever inference and kernels meet one anew.
func boundary(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("compile: %v: %w", r, graph.ErrModel)
	}
}

// exampleSizes stand for unknown dimensions beyond the first, one after the other until a model takes it: readers of text lines have
// pictures of 48 rows, detectors halve theirs five times, voice is looked at in 36 ms at 16 kHz.
var exampleSizes = []int{1, 48, 64, 576}

// build makes the program and, where the inputs declare their ranks, its first stage. Shapes are inferred with one row for unknown
// dimensions, which also proves that the model is consistent before anyone calls it. Where other dimensions are unknown too, no size of
// exampleSizes may be what it takes: then the first run has the shapes that matter.
func (p *Plan) build(g *graph.Graph) error {
	ranked, rowsOnly := true, true
	for _, v := range g.Inputs {
		if v.DType == tensor.Invalid {
			return fmt.Errorf("input %q has a dtype hotpath does not have: %w", v.Name, graph.ErrUnsupported)
		}
		ranked = ranked && (v.Shape != nil || v.DType.Composite())
		rowsOnly = rowsOnly && !slices.Contains(v.Shape[min(1, len(v.Shape)):], -1)
	}
	p.countWeights(g, map[*tensor.Tensor]bool{})
	p.program = newProgram(&p.machine, g)
	if !ranked {
		return nil
	}
	var st *stage
	for k, size := range exampleSizes {
		var err error
		if st, err = p.program.start(exampleInputs(p.signature.Inputs, size)); err == nil {
			p.other = size
			break
		}
		if rowsOnly || !errors.Is(err, graph.ErrModel) || len(p.shelf.have) > 0 { // a kernel refused, and others have packed constants
			return err
		}
		if k == len(exampleSizes)-1 {
			return nil
		}
	}
	p.proveRows(g)
	p.program.dropConstants(st)
	known := map[string]tensor.DType{} // the others are made by later steps
	if st.region != nil {
		for _, s := range st.region.outputs {
			known[st.region.slots[s].name] = st.region.slots[s].dtype
		}
	}
	for i, v := range g.Outputs {
		if d, ok := known[v.Name]; ok {
			if err := checkOutput(v, d); err != nil {
				return err
			}
			p.signature.Outputs[i].DType = d
		}
	}
	if st.whole {
		p.whole = st.region
	}
	return nil
}

// exampleInputs have one row and this size of other unknown dimensions; their elements do not matter.
func exampleInputs(in []graph.Input, size int) []*tensor.Tensor {
	inputs, axes := make([]*tensor.Tensor, len(in)), rowAxes(in)
	for i, v := range in {
		inputs[i] = &tensor.Tensor{DType: v.DType, Shape: withSizes(v.Shape, axes[i], 1, sizes{size, size})}
		if v.DType.Composite() {
			inputs[i].Shape = []int{0}
		}
	}
	return inputs
}

func checkOutput(v graph.Value, d tensor.DType) error {
	if v.DType != tensor.Invalid && v.DType != d {
		return fmt.Errorf("output %q is declared %s and computed as %s: %w", v.Name, v.DType, d, graph.ErrModel)
	}
	return nil
}

// countWeights adds up the constants of g and of its bodies, which may share some.
func (p *Plan) countWeights(g *graph.Graph, seen map[*tensor.Tensor]bool) {
	for _, t := range g.Initializers {
		if !seen[t] {
			seen[t] = true
			p.weightBytes += int64(t.Len() * t.DType.Size())
		}
	}
	for _, n := range g.Nodes {
		for _, body := range n.Bodies() {
			p.countWeights(body, seen)
		}
	}
}

// withSizes replaces unknown dimensions: that of rows, at axis, by their number, others by other.
func withSizes(shape []int, axis, rows int, other sizes) []int {
	out := make([]int, len(shape))
	size := other.last
	for i, d := range slices.Backward(shape) {
		switch {
		case d >= 0:
			out[i] = d
		case i == axis:
			out[i] = rows
		default:
			out[i], size = size, other.before
		}
	}
	return out
}

// Signature is what callers need to know; it must not be changed.
func (p *Plan) Signature() *graph.Signature { return p.signature }

// WeightBytes is the size of the model's constants.
func (p *Plan) WeightBytes() int64 { return p.weightBytes }

// PackedBytes is the size of the constants as they lie in memory, packed for their kernels where those are known before a run.
func (p *Plan) PackedBytes() int64 { return p.packedBytes }

// NewInputs allocates the inputs of a run: rows for the unknown dimension that counts them, for any other unknown one the smallest size that
// the model is known to take, mostly 1.
func (p *Plan) NewInputs(rows int) []*tensor.Tensor {
	in, axes := make([]*tensor.Tensor, len(p.signature.Inputs)), rowAxes(p.signature.Inputs)
	for i, v := range p.signature.Inputs {
		in[i] = tensor.New(v.DType, withSizes(v.Shape, axes[i], rows, sizes{max(1, p.other), max(1, p.other)})...)
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
		if in.DType.Composite() {
			if err := checkItems(in, &p.program.graph.Inputs[i]); err != nil {
				return err
			}
			continue
		}
		if want.Shape == nil {
			if _, ok := tensor.Elements(in.Shape); !ok {
				return fmt.Errorf("input %q has shape %v: %w", want.Name, in.Shape, graph.ErrInput)
			}
			continue
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

// checkItems compares the items of a sequence or an optional with their declared type.
func checkItems(in *tensor.Tensor, want *graph.Value) error {
	if len(in.Shape) != 1 || in.Shape[0] != len(in.Items) || want.DType == tensor.Optional && len(in.Items) > 1 {
		return fmt.Errorf("input %q has %d items and shape %v: %w", want.Name, len(in.Items), in.Shape, graph.ErrInput)
	}
	if want.DType == tensor.Map {
		return checkMap(in, want)
	}
	for i, item := range in.Items {
		if item == nil || want.Elem != nil && item.DType != want.Elem.DType {
			return fmt.Errorf("input %q: item %d is not of the declared type: %w", want.Name, i, graph.ErrInput)
		}
		if item.DType.Composite() && want.Elem != nil {
			if err := checkItems(item, want.Elem); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkMap compares keys and values with their declared types.
func checkMap(in *tensor.Tensor, want *graph.Value) error {
	if len(in.Items) != 2 || in.Items[0] == nil || in.Items[1] == nil {
		return fmt.Errorf("input %q has %d items, expected keys and values: %w", want.Name, len(in.Items), graph.ErrInput)
	}
	keys, values := in.Items[0], in.Items[1]
	switch {
	case len(keys.Shape) != 1 || !slices.Equal(keys.Shape, values.Shape):
		return fmt.Errorf("input %q has keys of shape %v and values of %v: %w", want.Name, keys.Shape, values.Shape, graph.ErrInput)
	case keys.DType != want.Key || want.Elem != nil && values.DType != want.Elem.DType:
		return fmt.Errorf("input %q maps %s to %s, which is not its declared type: %w", want.Name, keys.DType, values.DType, graph.ErrInput)
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
	p.pool.Enter()
	defer p.pool.Leave()
	var err error
	if p.whole != nil {
		err = p.whole.run(nil, inputs, outputs)
	} else if err = p.program.run(nil, inputs, outputs); err == nil {
		err = p.checkOutputs(outputs)
	}
	return blamed(err)
}

// checkOutputs compares dtypes with the model's, and gives the caller items of its own: those of the plan may be an input's.
func (p *Plan) checkOutputs(outputs []*tensor.Tensor) error {
	for i, t := range outputs {
		if err := checkOutput(p.program.graph.Outputs[i], t.DType); err != nil {
			return err
		}
		for j, item := range t.Items {
			t.Items[j] = item.Clone()
		}
	}
	return nil
}
