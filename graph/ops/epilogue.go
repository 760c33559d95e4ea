package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Attributes of fused operators.
const (
	// AttrActivation names the activation in the epilogue: "" or a name of FusedActivation.
	AttrActivation = "activation"
	// AttrActivationParams holds its alpha and beta.
	AttrActivationParams = "activation_params"
)

// activations are the names of AttrActivation: those of the ONNX operators, and GeluTanh.
var activations = map[string]kernels.Activation{
	"": kernels.ActNone, "Relu": kernels.ActRelu, "Sigmoid": kernels.ActSigmoid, "Tanh": kernels.ActTanh, "Gelu": kernels.ActGelu,
	"GeluTanh": kernels.ActGeluTanh, "Swish": kernels.ActSilu, "HardSwish": kernels.ActHardSwish, "Softplus": kernels.ActSoftplus,
	"Clip": kernels.ActClip, "LeakyRelu": kernels.ActLeakyRelu, "Elu": kernels.ActElu, "HardSigmoid": kernels.ActHardSigmoid,
}

// readActivation reads the attributes of a fused operator.
func readActivation(n *graph.Node) (e kernels.Epilogue, err error) {
	name, err := n.StringAttr(AttrActivation, "")
	if err != nil {
		return e, err
	}
	act, ok := activations[name]
	if !ok {
		return e, modelErr(n, "activation %q", name)
	}
	e.Act = act
	if p := n.Attrs[AttrActivationParams]; len(p.Floats) == 2 {
		e.Alpha, e.Beta = p.Floats[0], p.Floats[1]
	}
	return e, nil
}

// FusedActivation describes an ONNX activation node as the attributes that put it into an epilogue, and reports whether it is one and
// valid. constant returns the value of a constant of the graph, or nil.
func FusedActivation(n *graph.Node, constant func(name string) *tensor.Tensor) (attrs map[string]graph.Attr, ok bool) {
	if n == nil || n.Domain != graph.DomainONNX || len(n.Inputs) == 0 || len(n.Outputs) != 1 {
		return nil, false
	}
	name := n.Op
	var alpha, beta float32
	var errA, errB error
	switch name {
	case "Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus":
	case "Gelu":
		form, err := n.StringAttr("approximate", "none")
		if errA = err; form == "tanh" {
			name = "GeluTanh"
		} else if form != "none" {
			return nil, false
		}
	case "Swish":
		if alpha, errA = n.FloatAttr("alpha", 1); alpha != 1 {
			return nil, false
		}
	case "LeakyRelu":
		alpha, errA = n.FloatAttr("alpha", 0.01)
	case "Elu":
		alpha, errA = n.FloatAttr("alpha", 1)
	case "HardSigmoid":
		alpha, errA = n.FloatAttr("alpha", 0.2)
		beta, errB = n.FloatAttr("beta", 0.5)
	case "Clip":
		alpha, beta, errA = clipAttrs(n)
		for i, bound := range []*float32{&alpha, &beta} {
			if i+1 >= len(n.Inputs) || n.Inputs[i+1] == "" {
				continue
			}
			t := constant(n.Inputs[i+1])
			if t == nil || t.DType != tensor.Float32 || t.Len() != 1 {
				return nil, false
			}
			*bound = tensor.Data[float32](t)[0]
		}
	default:
		return nil, false
	}
	if errA != nil || errB != nil || name != "Clip" && len(n.Inputs) != 1 || len(n.Inputs) > 3 {
		return nil, false
	}
	return map[string]graph.Attr{AttrActivation: graph.Str(name), AttrActivationParams: graph.Floats([]float32{alpha, beta})}, true
}

// addend is a value that is added to a product or convolution: a constant, or an input by its position.
type addend struct {
	fixed *tensor.Tensor
	input int // -1: none
}

func newAddend(in []graph.Arg, i int) addend {
	switch {
	case !present(in, i):
		return addend{input: -1}
	case hasConst(in, i):
		return addend{fixed: in[i].Const, input: i}
	}
	return addend{input: i}
}

func (a addend) none() bool { return a.input < 0 }

func (a addend) tensor(in []*tensor.Tensor) *tensor.Tensor {
	if a.fixed != nil {
		return a.fixed
	}
	return in[a.input]
}

// residualStrides returns the strides by which a value of shape s serves as a residual of a value of shape rows… × cols, and whether it
// can: it is whole, one row, one column or one element.
func residualStrides(shape, s []int) (row, col int, ok bool) {
	if len(s) > len(shape) {
		return 0, 0, false
	}
	one, whole := true, true // of the axes before the last
	for fromEnd := len(shape); fromEnd > 1; fromEnd-- {
		d, want := dimFromEnd(s, fromEnd), dimFromEnd(shape, fromEnd)
		one, whole = one && d == 1, whole && d == want
	}
	cols, last := dimFromEnd(shape, 1), dimFromEnd(s, 1)
	if last != 1 && last != cols || !one && !whole {
		return 0, 0, false
	}
	if last == cols {
		col = 1
	}
	if !one {
		row = last
	}
	return row, col, true
}
