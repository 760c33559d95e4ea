package ops

import (
	"math"

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
	opNeg     = unaryF32("neg", "Neg", 6, mapF32(func(x float32) float32 { return -x }), nil)
	opAbs     = unaryF32("abs", "Abs", 6, mapF32(func(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }), nil)
	opSqrt    = unaryF32("sqrt", "Sqrt", 6, mapF32(func(x float32) float32 { return float32(math.Sqrt(float64(x))) }), nil)
)

func mapF32(f func(float32) float32) func(dst, x []float32) {
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = f(v)
		}
	}
}

func unaryF32(name, opType string, since int64, f func(dst, x []float32), grad func(*graph.Node, *kernels.Pool) (Gradient, error)) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, Rows: rowsElementwise, Grad: grad,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, tensor.Float32); err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
		},
		Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				f(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]))
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

type number interface {
	float32 | float64 | int32 | int64
}

// Binary operators with NumPy broadcasting. Each result is one rounding of one operation.
var (
	opAdd = binaryOp("add", "Add", arith[float32]{func(a, b float32) float32 { return a + b }}, arith[float64]{func(a, b float64) float64 { return a + b }},
		arith[int32]{func(a, b int32) int32 { return a + b }}, arith[int64]{func(a, b int64) int64 { return a + b }})
	opSub = binaryOp("sub", "Sub", arith[float32]{func(a, b float32) float32 { return a - b }}, arith[float64]{func(a, b float64) float64 { return a - b }},
		arith[int32]{func(a, b int32) int32 { return a - b }}, arith[int64]{func(a, b int64) int64 { return a - b }})
	opMul = binaryOp("mul", "Mul", arith[float32]{func(a, b float32) float32 { return a * b }}, arith[float64]{func(a, b float64) float64 { return a * b }},
		arith[int32]{func(a, b int32) int32 { return a * b }}, arith[int64]{func(a, b int64) int64 { return a * b }})
	opDiv = binaryOp("div", "Div", arith[float32]{func(a, b float32) float32 { return a / b }}, arith[float64]{func(a, b float64) float64 { return a / b }},
		arith[int32]{divInt[int32]}, arith[int64]{divInt[int64]})
)

// divInt is integer division that answers 0 for a division by zero instead of ending the process.
func divInt[T int32 | int64](a, b T) T {
	if b == 0 {
		return 0
	}
	return a / b
}

type arith[T number] struct{ f func(a, b T) T }

func binaryOp(name, opType string, f32 arith[float32], f64 arith[float64], i32 arith[int32], i64 arith[int64]) *Op {
	return &Op{
		Name: name, Type: opType, Since: 7, MinInputs: 2, Rows: rowsElementwise,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 2, 2); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64, tensor.Int32, tensor.Int64); err != nil {
				return nil, err
			}
			if in[0].DType != in[1].DType {
				return nil, modelErr(n, "inputs are %s and %s", in[0].DType, in[1].DType)
			}
			shape, err := broadcastShape(n, in[0].Shape, in[1].Shape)
			if err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
		},
		Build: func(_ *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			switch in[0].DType {
			case tensor.Float32:
				return f32.kernel(), nil
			case tensor.Float64:
				return f64.kernel(), nil
			case tensor.Int32:
				return i32.kernel(), nil
			default:
				return i64.kernel(), nil
			}
		},
	}
}

func (a arith[T]) kernel() graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		broadcast(tensor.Data[T](out[0]), tensor.Data[T](in[0]), tensor.Data[T](in[1]), out[0].Shape, in[0].Shape, in[1].Shape, a.f)
		return nil
	})
}

// broadcastShape is the NumPy rule: align at the last axis, 1 stretches.
func broadcastShape(n *graph.Node, a, b []int) ([]int, error) {
	rank := max(len(a), len(b))
	out := make([]int, rank)
	for i := range rank {
		da, db := dimFromEnd(a, rank-i), dimFromEnd(b, rank-i)
		switch {
		case da == db || db == 1:
			out[i] = da
		case da == 1:
			out[i] = db
		default:
			return nil, modelErr(n, "shapes %v and %v do not broadcast", a, b)
		}
	}
	return out, nil
}

func dimFromEnd(shape []int, fromEnd int) int {
	if fromEnd > len(shape) {
		return 1
	}
	return shape[len(shape)-fromEnd]
}

// broadcast computes dst = f(a, b) with a and b stretched to the shape of dst: whole arrays, an array with a suffix
// (a bias) or a scalar directly, anything else by walking the shape.
func broadcast[T number](dst, a, b []T, shape, sa, sb []int, f func(a, b T) T) {
	switch {
	case len(dst) == 0:
	case len(a) == len(dst) && len(b) == len(dst):
		for i := range dst {
			dst[i] = f(a[i], b[i])
		}
	case len(a) == len(dst) && isSuffix(sb, shape):
		for i := 0; i < len(dst); i += len(b) {
			for j, v := range b {
				dst[i+j] = f(a[i+j], v)
			}
		}
	case len(b) == len(dst) && isSuffix(sa, shape):
		for i := 0; i < len(dst); i += len(a) {
			for j, v := range a {
				dst[i+j] = f(v, b[i+j])
			}
		}
	default:
		for i := range dst {
			rest, ia, ib, stepA, stepB := i, 0, 0, 1, 1
			for axis := len(shape) - 1; axis >= 0; axis-- {
				at := rest % shape[axis]
				rest /= shape[axis]
				fromEnd := len(shape) - axis
				if d := dimFromEnd(sa, fromEnd); d != 1 {
					ia += at * stepA
					stepA *= d
				}
				if d := dimFromEnd(sb, fromEnd); d != 1 {
					ib += at * stepB
					stepB *= d
				}
			}
			dst[i] = f(a[ia], b[ib])
		}
	}
}

// isSuffix reports whether shape s, leading ones aside, is the tail of shape.
func isSuffix(s, shape []int) bool {
	for len(s) > 0 && s[0] == 1 {
		s = s[1:]
	}
	if len(s) > len(shape) {
		return false
	}
	for i := range s {
		if s[i] != shape[len(shape)-len(s)+i] {
			return false
		}
	}
	return true
}
