// Package ops holds the operators: a literal of Op each, by families in files, and one row in table.go. An operator is one
// of three: Infer and Build make its kernel; Flow runs the bodies of control flow; Expand writes down the ONNX operators
// that it stands for. CPU is the backend that graph/plan asks for kernels; operators without an assembly kernel are plain
// Go loops here.
package ops

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Op describes one operator.
type Op struct {
	Name   string // lower snake case, as in logs and profiles
	Domain string
	Type   string // the ONNX op type
	// Since is the first opset version of Domain whose definition is implemented here; an older model is refused.
	Since int64
	// MinInputs is the number of inputs a node must name; 0 means 1, NoInputs none. Passes rely on it before shapes are known.
	MinInputs int
	// Infer gives dtype and shape of every output. Shapes of in are concrete.
	Infer func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error)
	// Build prepares the kernel; constants in are packed now. Only dtypes, ranks and constant shapes may be relied
	// on: the other dimensions differ between runs.
	Build func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error)
	// Rows says whether rows along axis 0 stay independent: rows[i] tells whether in[i] carries rows. Nil: they do not.
	Rows func(n *graph.Node, in []graph.Arg, rows []bool) bool
	// RowAxes is Rows for rows along any axis, of operators that have it instead: axes[i] is that of in[i], graph.NoRows where it has no rows.
	// The result is that of each output, the last one of all that follow; nil: rows do not stay independent.
	RowAxes func(n *graph.Node, in, out []graph.Arg, axes []int) []int
	// Elementwise says that each element of the one output is made of the elements at its place of the inputs, which broadcast to its shape:
	// large ones are cut over the pool. RowAxes is rowsElementwise where it says nothing else.
	Elementwise bool
	// OfShape says that outputs follow from the shapes of inputs alone: they are known before a run.
	OfShape bool
	// Moves is the number of inputs, from the first on, whose elements are all that the outputs are made of, unchanged but for their type:
	// what is known of rows in shapes stays known. AllInputs: all of them.
	Moves int
	// View says that the one output is input 0 with another shape: a plan lets both have the same memory.
	View bool
	// ShapeInput is the input, other than 0, that says nothing but the shape of the output, one element for each axis; 0: none does.
	ShapeInput int
	// Bodies are the attributes that hold the bodies of a control-flow operator. It has Flow instead of Infer and Build.
	Bodies []string
	// Flow runs a node of a control-flow operator: it gives the outputs, in the order of n.Outputs, their type, shape and elements.
	Flow func(n *graph.Node, in, out []*tensor.Tensor, f Flow) error
	// Expand writes down the ONNX operators that a node stands for, instead of Infer and Build.
	Expand func(x *Expansion) error
	// Packs reports whether the kernel keeps a copy of its own of input i, where that is a constant of this rank, so that a plan need not
	// keep it. Nil: of none.
	Packs func(i, rank int) bool
	// Depth is the number of multiply-adds behind an element of the first output, from the shapes of inputs 0 and 1; nil where they do not
	// count.
	Depth func(a, b []int) int
	// Grad is the training form; nil where the operator cannot be trained through.
	Grad func(n *graph.Node, pool *kernels.Pool) (Gradient, error)
}

// Flow is what a control-flow operator asks of the executor.
type Flow interface {
	// Run computes out, which is given type and shape and must not share memory with in, by body i, in the order of Op.Bodies, from in. Elements
	// of out beyond the outputs of the body stay as they are, missing ones are not kept.
	Run(body int, in, out []*tensor.Tensor) error
	// Signature gives the numbers of inputs and outputs of body i.
	Signature(body int) (inputs, outputs int)
	// Step counts one iteration of a loop; ErrLimit beyond those that a run may take.
	Step() error
	// Hold says what the operator keeps now beside its inputs: some bytes, and values; ErrLimit beyond what a run may use.
	Hold(bytes int, values []*tensor.Tensor) error
}

// NoInputs is MinInputs of an operator that may have none.
const NoInputs = -1

// AllInputs is Moves of an operator that joins its inputs.
const AllInputs = -1

// Gradient is the training form of a node: weights are ordinary inputs that change between calls.
type Gradient interface {
	// Forward computes out from in; out has its shape.
	Forward(in []*tensor.Tensor, out *tensor.Tensor)
	// Backward writes the gradient of the loss by each input into dIn, given that by the output; nil entries are not
	// wanted, the others have the shape of their input.
	Backward(in []*tensor.Tensor, out, dOut *tensor.Tensor, dIn []*tensor.Tensor)
}

// packsMatrix is Packs for operands of products that are packed where they are matrices.
func packsMatrix(i, rank int) bool { return i > 0 && rank == 2 }

// lastAxis is Depth of a product of matrices.
func lastAxis(a, _ []int) int { return a[len(a)-1] }

// filterSize is Depth of a convolution with weights b.
func filterSize(_, b []int) int {
	n, _ := tensor.Elements(b[1:])
	return n
}

// packsAll is Packs where nothing but input 0 is read in a run.
func packsAll(i, _ int) bool { return i > 0 }

// packsInput makes Packs for one input.
func packsInput(input int) func(i, rank int) bool {
	return func(i, _ int) bool { return i == input }
}

// Lookup finds an operator by domain and ONNX op type.
func Lookup(domain, opType string) (*Op, bool) {
	op, ok := byType[key{domain, opType}]
	return op, ok
}

// Find is Lookup for a node, with an error that names it, and checks that the node has the inputs and outputs it needs.
func Find(n *graph.Node) (*Op, error) {
	op, ok := Lookup(n.Domain, n.Op)
	if !ok {
		domain := n.Domain
		if domain == "" {
			domain = "ai.onnx"
		}
		return nil, fmt.Errorf("%s: no operator %s in domain %s: %w", n, n.Op, domain, graph.ErrUnsupported)
	}
	least := op.MinInputs
	if least == 0 {
		least = 1
	}
	if len(n.Inputs) < least || len(n.Outputs) == 0 {
		return nil, modelErr(n, "%d inputs and %d outputs, expected at least %d and 1", len(n.Inputs), len(n.Outputs), max(0, least))
	}
	return op, nil
}

type key struct{ domain, opType string }

var byType = func() map[key]*Op {
	m := make(map[key]*Op, len(table))
	for _, op := range table {
		if op.Elementwise && op.RowAxes == nil {
			op.RowAxes = rowsElementwise
		}
		m[key{op.Domain, op.Type}] = op
	}
	return m
}()

// All lists the operators in table order.
func All() []*Op { return table }

// CPU is the backend of this machine's cores. A nil Pool runs on the caller alone.
type CPU struct{ Pool *kernels.Pool }

// Name implements graph.Backend.
func (CPU) Name() string { return "cpu" }

// Kernel implements graph.Backend.
func (c CPU) Kernel(n *graph.Node, args []graph.Arg) (graph.Kernel, error) {
	op, err := Find(n)
	if err != nil {
		return nil, err
	}
	k, err := op.Build(n, args, c.Pool)
	if err == nil && op.Elementwise {
		k = spreadOver(c.Pool, k)
	}
	return k, err
}

// kernelFunc is a kernel without scratch memory.
type kernelFunc func(in, out []*tensor.Tensor) error

func (f kernelFunc) Run(in, out []*tensor.Tensor, _ []byte) error { return f(in, out) }

// modelErr is an error about a node that breaks the operator's definition.
func modelErr(n *graph.Node, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", n, fmt.Sprintf(format, args...), graph.ErrModel)
}

// unsupported is an error about a valid node that hotpath has no kernel for.
func unsupported(n *graph.Node, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", n, fmt.Sprintf(format, args...), graph.ErrUnsupported)
}

// needsValue is what Infer answers where the shape of an output follows from the value of input i, which is not known yet. A plan asks
// again with that one Const set, so a node answers for each input that it needs.
func needsValue(n *graph.Node, i int) error { return &graph.NeedsValue{Node: n.String(), Input: i} }

// arity checks the number of inputs and that the first min are present.
func arity(n *graph.Node, in []graph.Arg, min, max int) error {
	if len(in) < min || len(in) > max {
		return modelErr(n, "%d inputs, expected %d to %d", len(in), min, max)
	}
	for i := range min {
		if in[i].DType == tensor.Invalid {
			return modelErr(n, "input %d is missing", i)
		}
	}
	return nil
}

// wantDType checks that input i has one of the dtypes a kernel exists for.
func wantDType(n *graph.Node, in []graph.Arg, i int, dtypes ...tensor.DType) error {
	for _, d := range dtypes {
		if in[i].DType == d {
			return nil
		}
	}
	return unsupported(n, "input %d is %s, expected one of %v", i, in[i].DType, dtypes)
}

// axisOf normalises an axis attribute to 0..rank-1.
func axisOf(n *graph.Node, axis int64, rank int) (int, error) {
	if axis < -int64(rank) || axis >= int64(rank) {
		return 0, modelErr(n, "axis %d for a value of rank %d", axis, rank)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// hasConst reports whether argument i is present and constant.
func hasConst(in []graph.Arg, i int) bool { return i < len(in) && in[i].Const != nil }

// present reports whether argument i was given.
func present(in []graph.Arg, i int) bool { return i < len(in) && in[i].DType != tensor.Invalid }

// inputErr is an error about a value met while running.
func inputErr(node, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", node, fmt.Sprintf(format, args...), graph.ErrInput)
}
