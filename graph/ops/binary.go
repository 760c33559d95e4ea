package ops

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Binary operators with NumPy broadcasting. Each result is one rounding of one operation; integers wrap.
var (
	opAdd = binaryOp("add", "Add", 6, arithmetic("Add", kernels.AddF32, func(a, b float64) float64 { return a + b }))
	opSub = binaryOp("sub", "Sub", 6, arithmetic("Sub", kernels.SubF32, func(a, b float64) float64 { return a - b }))
	opMul = binaryOp("mul", "Mul", 6, arithmetic("Mul", kernels.MulF32, func(a, b float64) float64 { return a * b }))
	opDiv = binaryOp("div", "Div", 6, arithmetic("Div", kernels.DivF32, func(a, b float64) float64 { return a / b }))
	opMax = variadicOp("max", "Max", 6, arithmetic("Max", kernels.MaximumF32, maximum[float64]))
	opMin = variadicOp("min", "Min", 6, arithmetic("Min", kernels.MinimumF32, minimum[float64]))
	opSum = variadicOp("sum", "Sum", 6, typed{
		tensor.Float32: foldKernel(kernels.AddF32),
		tensor.Float64: foldKernel(eachPair(func(a, b float64) float64 { return a + b })),
	})
	opPRelu = binaryOp("prelu", "PRelu", 6, arithmetic("PRelu", kernels.PReluF32, func(a, b float64) float64 {
		if a < 0 {
			return a * b
		}
		return a
	}))
	opBitwiseAnd = binaryOp("bitwise_and", "BitwiseAnd", 18, integers("BitwiseAnd"))
	opBitwiseOr  = binaryOp("bitwise_or", "BitwiseOr", 18, integers("BitwiseOr"))
	opBitwiseXor = binaryOp("bitwise_xor", "BitwiseXor", 18, integers("BitwiseXor"))
)

// opMean is the sum divided by the number of inputs.
var opMean = func() *Op {
	addF64 := foldKernel(eachPair(func(a, b float64) float64 { return a + b }))
	op := variadicOp("mean", "Mean", 6, typed{tensor.Float32: foldKernel(kernels.AddF32), tensor.Float64: addF64})
	op.Build = func(_ *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		if in[0].DType == tensor.Float64 {
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				err := addF64.Run(in, out, nil)
				for i := range tensor.Data[float64](out[0]) {
					tensor.Data[float64](out[0])[i] /= float64(len(in))
				}
				return err
			}), nil
		}
		sum, count := foldKernel(kernels.AddF32), []float32{float32(len(in))}
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			err := sum.Run(in, out, nil)
			dst := tensor.Data[float32](out[0])
			kernels.DivF32(dst, dst, count)
			return err
		}), nil
	}
	return op
}()

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

// integerPair is a function of two integers. A division by zero answers 0 instead of ending the process.
func integerPair[T integer](name string) func(a, b T) T {
	switch name {
	case "Add":
		return func(a, b T) T { return a + b }
	case "Sub":
		return func(a, b T) T { return a - b }
	case "Mul":
		return func(a, b T) T { return a * b }
	case "Max":
		return func(a, b T) T { return max(a, b) }
	case "Min":
		return func(a, b T) T { return min(a, b) }
	case "Pow":
		return powInt[T]
	case "BitwiseAnd":
		return func(a, b T) T { return a & b }
	case "BitwiseOr":
		return func(a, b T) T { return a | b }
	case "BitwiseXor":
		return func(a, b T) T { return a ^ b }
	case "PRelu":
		return func(a, b T) T {
			if a < 0 {
				return a * b
			}
			return a
		}
	case "Div":
		return func(a, b T) T {
			if b == 0 {
				return 0
			}
			return a / b
		}
	case "ShiftLeft":
		return func(a, b T) T {
			if b < 0 {
				return 0
			}
			return a << b
		}
	case "ShiftRight":
		return func(a, b T) T {
			if b < 0 {
				b = 64
			}
			return a >> b
		}
	case "Fmod": // with the sign of a
		return func(a, b T) T {
			if b == 0 {
				return 0
			}
			return a % b
		}
	case "Mod": // with the sign of b
		return func(a, b T) T {
			if b == 0 {
				return 0
			}
			m := a % b
			if m != 0 && (m < 0) != (b < 0) {
				m += b
			}
			return m
		}
	}
	panic(fmt.Sprintf("ops: no integer function %s", name))
}

// powInt is a^b in wrapping integers; a negative b gives 0 but for a = ±1.
func powInt[T integer](a, b T) T {
	if b < 0 {
		switch {
		case a == 1:
			return 1
		case a+1 == 0:
			return 1 - 2*(b&1)
		}
		return 0
	}
	r := T(1)
	for ; b > 0; b >>= 1 {
		if b&1 != 0 {
			r *= a
		}
		a *= a
	}
	return r
}

// integers has a function of integerPair on all integers.
func integers(name string) typed {
	return typed{
		tensor.Int8: foldKernel(eachPair(integerPair[int8](name))), tensor.Int16: foldKernel(eachPair(integerPair[int16](name))),
		tensor.Int32: foldKernel(eachPair(integerPair[int32](name))), tensor.Int64: foldKernel(eachPair(integerPair[int64](name))),
		tensor.Uint8: foldKernel(eachPair(integerPair[uint8](name))), tensor.Uint16: foldKernel(eachPair(integerPair[uint16](name))),
		tensor.Uint32: foldKernel(eachPair(integerPair[uint32](name))), tensor.Uint64: foldKernel(eachPair(integerPair[uint64](name))),
	}
}

// only keeps some dtypes.
func (t typed) only(dtypes ...tensor.DType) typed {
	kept := typed{}
	for _, d := range dtypes {
		kept[d] = t[d]
	}
	return kept
}

// arithmetic has a function on all numbers.
func arithmetic(name string, f32 func(dst, a, b []float32), f64 func(a, b float64) float64) typed {
	return integers(name).with(tensor.Float32, foldKernel(f32)).with(tensor.Float64, foldKernel(eachPair(f64)))
}

// opMod has the sign of the divisor, or with fmod=1 that of the dividend. math.Mod is exact.
var opMod = func() *Op {
	floor := arithmetic("Mod", eachPair(floorMod[float32]), floorMod[float64])
	fmod := arithmetic("Fmod", eachPair(func(a, b float32) float32 { return float32(math.Mod(float64(a), float64(b))) }), math.Mod)
	op := binaryOp("mod", "Mod", 10, fmod)
	op.Build = func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		f, err := n.IntAttr("fmod", 0)
		if f != 0 {
			return fmod[in[0].DType], err
		}
		return floor[in[0].DType], err
	}
	return op
}()

// floorMod is a − ⌊a/b⌋·b with one rounding; a zero has the sign of b.
func floorMod[T float32 | float64](a, b T) T {
	m := T(math.Mod(float64(a), float64(b)))
	switch {
	case m == 0:
		return T(math.Copysign(0, float64(b)))
	case (m < 0) != (b < 0) && m == m:
		return m + b
	}
	return m
}

// opBitShift shifts integers. By their width and more, and by negative amounts, nothing is left but the sign of what goes right.
var opBitShift = func() *Op {
	left, right := integers("ShiftLeft"), integers("ShiftRight")
	op := binaryOp("bit_shift", "BitShift", 11, left)
	infer := op.Infer
	direction := func(n *graph.Node) (typed, error) {
		switch d, err := n.StringAttr("direction", ""); {
		case err != nil:
			return nil, err
		case d == "LEFT":
			return left, nil
		case d == "RIGHT":
			return right, nil
		default:
			return nil, modelErr(n, "attribute \"direction\" is %q, expected \"LEFT\" or \"RIGHT\"", d)
		}
	}
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if _, err := direction(n); err != nil {
			return nil, err
		}
		return infer(n, in)
	}
	op.Build = func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		t, err := direction(n)
		return t[in[0].DType], err
	}
	return op
}()

// binaryOp makes an operator of two inputs.
func binaryOp(name, opType string, since int64, byType typed) *Op {
	op := variadicOp(name, opType, since, byType)
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
func variadicOp(name, opType string, since int64, byType typed) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, Elementwise: true,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, len(in), len(in)); err != nil {
				return nil, err
			}
			if err := byType.want(n, in, 0); err != nil {
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
			return byType[in[0].DType], nil
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
