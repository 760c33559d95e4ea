package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

type number interface {
	float32 | float64 | int32 | int64
}

// Binary operators with NumPy broadcasting. Each result is one rounding of one operation.
var (
	opAdd = binaryOp("add", "Add", 7, kernels.AddF32, func(a, b float64) float64 { return a + b }, func(a, b int32) int32 { return a + b }, func(a, b int64) int64 { return a + b })
	opSub = binaryOp("sub", "Sub", 7, kernels.SubF32, func(a, b float64) float64 { return a - b }, func(a, b int32) int32 { return a - b }, func(a, b int64) int64 { return a - b })
	opMul = binaryOp("mul", "Mul", 7, kernels.MulF32, func(a, b float64) float64 { return a * b }, func(a, b int32) int32 { return a * b }, func(a, b int64) int64 { return a * b })
	opDiv = binaryOp("div", "Div", 7, kernels.DivF32, func(a, b float64) float64 { return a / b }, divInt[int32], divInt[int64])
	opMax = variadicOp("max", "Max", 8, kernels.MaximumF32, maximum[float64], maximum[int32], maximum[int64])
	opMin = variadicOp("min", "Min", 8, kernels.MinimumF32, minimum[float64], minimum[int32], minimum[int64])
	opPow = binaryOp("pow", "Pow", 7, kernels.PowF32, nil, nil, nil)
)

// divInt is integer division that answers 0 for a division by zero instead of ending the process.
func divInt[T int32 | int64](a, b T) T {
	if b == 0 {
		return 0
	}
	return a / b
}

// maximum and minimum let NaN win, as the f32 kernels do.
func maximum[T number](a, b T) T {
	if a > b || a != a {
		return a
	}
	return b
}

func minimum[T number](a, b T) T {
	if a < b || a != a {
		return a
	}
	return b
}

// binaryOp makes an operator of two inputs; a nil function means that the dtype is not supported.
func binaryOp(name, opType string, since int64, f32 func(dst, a, b []float32), f64 func(a, b float64) float64, i32 func(a, b int32) int32, i64 func(a, b int64) int64) *Op {
	op := variadicOp(name, opType, since, f32, f64, i32, i64)
	op.MinInputs = 2
	infer := op.Infer
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		return infer(n, in)
	}
	return op
}

// variadicOp combines one input or more from left to right.
func variadicOp(name, opType string, since int64, f32 func(dst, a, b []float32), f64 func(a, b float64) float64, i32 func(a, b int32) int32, i64 func(a, b int64) int64) *Op {
	dtypes := []tensor.DType{tensor.Float32}
	if f64 != nil {
		dtypes = append(dtypes, tensor.Float64, tensor.Int32, tensor.Int64)
	}
	return &Op{
		Name: name, Type: opType, Since: since, Rows: rowsElementwise,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, len(in), len(in)); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, dtypes...); err != nil {
				return nil, err
			}
			shape := in[0].Shape
			for _, a := range in[1:] {
				if a.DType != in[0].DType {
					return nil, modelErr(n, "inputs are %s and %s", in[0].DType, a.DType)
				}
				var err error
				if shape, err = broadcastShape(n, shape, a.Shape); err != nil {
					return nil, err
				}
			}
			return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
		},
		Build: func(_ *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			switch in[0].DType {
			case tensor.Float32:
				return foldKernel(f32), nil
			case tensor.Float64:
				return foldKernel(eachPair(f64)), nil
			case tensor.Int32:
				return foldKernel(eachPair(i32)), nil
			default:
				return foldKernel(eachPair(i64)), nil
			}
		},
	}
}

// foldKernel computes f(…f(f(in[0], in[1]), in[2])…). From the third input on, the left operand is the output.
func foldKernel[T number](f func(dst, a, b []T)) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst, shape := tensor.Data[T](out[0]), out[0].Shape
		if len(in) == 1 {
			copy(dst, tensor.Data[T](in[0]))
			return nil
		}
		a, sa := tensor.Data[T](in[0]), in[0].Shape
		for _, t := range in[1:] {
			broadcast(dst, a, tensor.Data[T](t), shape, sa, t.Shape, f)
			a, sa = dst, shape
		}
		return nil
	})
}
