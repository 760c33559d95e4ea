package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Unary f32 operators with a kernel: y[i] = f(x[i]).
var (
	opRelu    = unaryF32("relu", "Relu", 6, kernels.ReluF32, reluGrad)
	opSigmoid = unaryF32("sigmoid", "Sigmoid", 6, kernels.SigmoidF32, sigmoidGrad)
	opTanh    = unaryF32("tanh", "Tanh", 6, kernels.TanhF32, tanhGrad)
	opExp     = unaryF32("exp", "Exp", 6, kernels.ExpF32, nil)
	opLog     = unaryF32("log", "Log", 6, kernels.LogF32, nil)
	opNeg     = unaryF32("neg", "Neg", 6, kernels.NegF32, nil)
	opAbs     = unaryF32("abs", "Abs", 6, kernels.AbsF32, nil)
	opSqrt    = unaryF32("sqrt", "Sqrt", 6, kernels.SqrtF32, nil)

	opReciprocal = unaryF32("reciprocal", "Reciprocal", 6, kernels.ReciprocalF32, nil)
	opFloor      = unaryF32("floor", "Floor", 6, kernels.FloorF32, nil)
	opCeil       = unaryF32("ceil", "Ceil", 6, kernels.CeilF32, nil)
	opRound      = unaryF32("round", "Round", 11, kernels.RoundF32, nil)
	opSign       = unaryF32("sign", "Sign", 9, kernels.SignF32, nil)
	opErf        = unaryF32("erf", "Erf", 9, kernels.ErfF32, nil)
	opSoftplus   = unaryF32("softplus", "Softplus", 1, kernels.SoftplusF32, nil)
	opHardSwish  = unaryF32("hard_swish", "HardSwish", 14, kernels.HardSwishF32, nil)
)

func unaryF32(name, opType string, since int64, f func(dst, x []float32), grad func(*graph.Node, *kernels.Pool) (Gradient, error)) *Op {
	op := unaryAttrF32(name, opType, since, func(*graph.Node) (func(dst, x []float32), error) { return f, nil })
	op.Grad = grad
	return op
}

// unaryAttrF32 is a unary operator whose function f makes from the node's attributes.
func unaryAttrF32(name, opType string, since int64, f func(*graph.Node) (func(dst, x []float32), error)) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, Rows: rowsElementwise,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, tensor.Float32); err != nil {
				return nil, err
			}
			if _, err := f(n); err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
		},
		Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			run, err := f(n)
			if err != nil {
				return nil, err
			}
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				run(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]))
				return nil
			}), nil
		},
	}
}

// opIdentity and opDropout (inference) pass their value through.
var (
	opIdentity = passThrough("identity", "Identity", 1)
	opDropout  = passThrough("dropout", "Dropout", 7)
)

func passThrough(name, opType string, since int64) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 3); err != nil {
				return nil, err
			}
			if len(n.Outputs) > 1 && n.Outputs[1] != "" {
				return nil, unsupported(n, "the mask output")
			}
			return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
		},
		Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				copyElements(out[0], in[0])
				return nil
			}), nil
		},
	}
}

func copyElements(dst, src *tensor.Tensor) {
	copy(dst.Bytes, src.Bytes)
	copy(dst.Strings, src.Strings)
}
