package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Unary operators with an f32 kernel, y[i] = f(x[i]), and what is exact on other dtypes.
var (
	opRelu    = alsoOn(unaryF32("relu", "Relu", 6, kernels.ReluF32, reluGrad), onIntegers("Relu").signed().with(tensor.Float64, eachKernel(reluF64)))
	opSigmoid = unaryF32("sigmoid", "Sigmoid", 6, kernels.SigmoidF32, sigmoidGrad)
	opTanh    = unaryF32("tanh", "Tanh", 6, kernels.TanhF32, tanhGrad)
	opExp     = unaryF32("exp", "Exp", 6, kernels.ExpF32, nil)
	opLog     = unaryF32("log", "Log", 6, kernels.LogF32, nil)
	opNeg     = alsoOn(unaryF32("neg", "Neg", 6, kernels.NegF32, nil), onIntegers("Neg").signed().with(tensor.Float64, eachKernel(func(v float64) float64 { return -v })))
	opAbs     = alsoOn(unaryF32("abs", "Abs", 6, kernels.AbsF32, nil), onIntegers("Abs").with(tensor.Float64, eachKernel(math.Abs)))
	opSqrt    = alsoOn(unaryF32("sqrt", "Sqrt", 6, kernels.SqrtF32, nil), onFloat64(math.Sqrt))

	opReciprocal = alsoOn(unaryF32("reciprocal", "Reciprocal", 6, kernels.ReciprocalF32, nil), onFloat64(func(v float64) float64 { return 1 / v }))
	opFloor      = alsoOn(unaryF32("floor", "Floor", 6, kernels.FloorF32, nil), onFloat64(math.Floor))
	opCeil       = alsoOn(unaryF32("ceil", "Ceil", 6, kernels.CeilF32, nil), onFloat64(math.Ceil))
	opRound      = alsoOn(unaryF32("round", "Round", 11, kernels.RoundF32, nil), onFloat64(math.RoundToEven))
	opSign       = alsoOn(unaryF32("sign", "Sign", 9, kernels.SignF32, nil), onIntegers("Sign").with(tensor.Float64, eachKernel(signF64)))
	opErf        = unaryF32("erf", "Erf", 9, kernels.ErfF32, nil)
	opSoftplus   = unaryF32("softplus", "Softplus", 1, kernels.SoftplusF32, nil)
	opHardSwish  = unaryF32("hard_swish", "HardSwish", 14, kernels.HardSwishF32, nil)
	opMish       = unaryF32("mish", "Mish", 18, kernels.MishF32, nil)
	opSoftsign   = unaryF32("softsign", "Softsign", 1, kernels.SoftsignF32, nil)
	opBitwiseNot = unaryTyped("bitwise_not", "BitwiseNot", 18, onIntegers("BitwiseNot"))

	opSin   = unaryF32("sin", "Sin", 7, kernels.SinF32, nil)
	opCos   = unaryF32("cos", "Cos", 7, kernels.CosF32, nil)
	opTan   = unaryF32("tan", "Tan", 7, kernels.TanF32, nil)
	opAsin  = unaryF32("asin", "Asin", 7, kernels.AsinF32, nil)
	opAcos  = unaryF32("acos", "Acos", 7, kernels.AcosF32, nil)
	opAtan  = unaryF32("atan", "Atan", 7, kernels.AtanF32, nil)
	opSinh  = unaryF32("sinh", "Sinh", 9, kernels.SinhF32, nil)
	opCosh  = unaryF32("cosh", "Cosh", 9, kernels.CoshF32, nil)
	opAsinh = unaryF32("asinh", "Asinh", 9, kernels.AsinhF32, nil)
	opAcosh = unaryF32("acosh", "Acosh", 9, kernels.AcoshF32, nil)
	opAtanh = unaryF32("atanh", "Atanh", 9, kernels.AtanhF32, nil)
)

// reluF64 keeps NaN and −0, as the f32 kernel does.
func reluF64(v float64) float64 {
	if v < 0 {
		return 0
	}
	return v
}

// signF64 gives +0 for both zeros and keeps NaN.
func signF64(v float64) float64 {
	switch {
	case v < 0:
		return -1
	case v > 0:
		return 1
	case v == 0:
		return 0
	}
	return v
}

func unaryF32(name, opType string, since int64, f func(dst, x []float32), grad func(*graph.Node, *kernels.Pool) (Gradient, error)) *Op {
	op := unaryAttrF32(name, opType, since, func(*graph.Node) (func(dst, x []float32), error) { return f, nil })
	op.Grad = grad
	return op
}

// unaryAttrF32 is a unary operator whose function f makes from the node's attributes.
func unaryAttrF32(name, opType string, since int64, f func(*graph.Node) (func(dst, x []float32), error)) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, Elementwise: true,
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

// unaryTyped is a unary operator that has nothing but a kernel per dtype.
func unaryTyped(name, opType string, since int64, byType typed) *Op {
	return alsoOn(&Op{
		Name: name, Type: opType, Since: since, Elementwise: true,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			return nil, byType.want(n, in, 0)
		},
	}, byType)
}

// opIdentity passes its value through.
var opIdentity = passThrough("identity", "Identity", 1)

func passThrough(name, opType string, since int64) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, RowAxes: rowsKept, Moves: 1, View: true,
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
	copy(dst.Items, src.Items)
}
