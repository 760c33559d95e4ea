package ops

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Comparisons and logic give Bool, with NumPy broadcasting. Every ordered comparison with NaN is false.
var (
	opGreater        = compareOp("greater", "Greater", 6, comparison("Greater"))
	opGreaterOrEqual = compareOp("greater_or_equal", "GreaterOrEqual", 12, comparison("GreaterOrEqual"))
	opLess           = compareOp("less", "Less", 6, comparison("Less"))
	opLessOrEqual    = compareOp("less_or_equal", "LessOrEqual", 12, comparison("LessOrEqual"))
	opEqual          = compareOp("equal", "Equal", 6, comparison("Equal").with(tensor.Bool, boolKernel(func(a, b bool) bool { return a == b })).with(tensor.String, equalText))
	opAnd            = logicOp("and", "And", func(a, b bool) bool { return a && b })
	opOr             = logicOp("or", "Or", func(a, b bool) bool { return a || b })
	opXor            = logicOp("xor", "Xor", func(a, b bool) bool { return a != b })
)

// compare is a comparison of runs; x > y is y < x, for NaN too.
func compare[T number](name string) func(dst []bool, a, b []T) {
	switch name {
	case "Greater":
		return func(dst []bool, a, b []T) { less(dst, b, a) }
	case "GreaterOrEqual":
		return func(dst []bool, a, b []T) { lessOrEqual(dst, b, a) }
	case "Less":
		return less[T]
	case "LessOrEqual":
		return lessOrEqual[T]
	case "Equal":
		return equal[T]
	}
	panic(fmt.Sprintf("ops: no comparison %s", name))
}

func less[T number](dst []bool, a, b []T) {
	switch {
	case len(a) == len(dst) && len(b) == len(dst):
		for i, v := range a {
			dst[i] = v < b[i]
		}
	case len(a) == len(dst):
		one := b[0]
		for i, v := range a {
			dst[i] = v < one
		}
	default:
		one := a[0]
		for i, v := range b[:len(dst)] {
			dst[i] = one < v
		}
	}
}

func lessOrEqual[T number](dst []bool, a, b []T) {
	switch {
	case len(a) == len(dst) && len(b) == len(dst):
		for i, v := range a {
			dst[i] = v <= b[i]
		}
	case len(a) == len(dst):
		one := b[0]
		for i, v := range a {
			dst[i] = v <= one
		}
	default:
		one := a[0]
		for i, v := range b[:len(dst)] {
			dst[i] = one <= v
		}
	}
}

func equal[T number](dst []bool, a, b []T) {
	if len(a) != len(dst) {
		a, b = b, a
	}
	if len(b) == len(dst) {
		for i, v := range a {
			dst[i] = v == b[i]
		}
		return
	}
	one := b[0]
	for i, v := range a {
		dst[i] = v == one
	}
}

func comparison(name string) typed {
	return typed{
		tensor.Float32: comparisonKernel[float32](name), tensor.Float64: comparisonKernel[float64](name),
		tensor.Int8: comparisonKernel[int8](name), tensor.Int16: comparisonKernel[int16](name),
		tensor.Int32: comparisonKernel[int32](name), tensor.Int64: comparisonKernel[int64](name),
		tensor.Uint8: comparisonKernel[uint8](name), tensor.Uint16: comparisonKernel[uint16](name),
		tensor.Uint32: comparisonKernel[uint32](name), tensor.Uint64: comparisonKernel[uint64](name),
	}
}

func comparisonKernel[T number](name string) graph.Kernel { return boolRuns(compare[T](name)) }

func compareOp(name, opType string, since int64, byType typed) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, MinInputs: 2, Elementwise: true,
		Infer: inferBool(byType),
		Build: func(_ *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			return byType[in[0].DType], nil
		},
	}
}

func logicOp(name, opType string, f func(a, b bool) bool) *Op {
	return compareOp(name, opType, 6, typed{tensor.Bool: boolKernel(f)})
}

// inferBool is the shape rule of two inputs of one of dtypes.
func inferBool(byType typed) func(*graph.Node, []graph.Arg) ([]graph.Arg, error) {
	return func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := byType.want(n, in, 0); err != nil {
			return nil, err
		}
		if in[0].DType != in[1].DType {
			return nil, modelErr(n, "inputs are %s and %s", in[0].DType, in[1].DType)
		}
		shape, err := broadcastShape(n, in[0].Shape, in[1].Shape)
		if err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: tensor.Bool, Shape: shape}}, nil
	}
}

func boolKernel[T tensor.Numeric](f func(a, b T) bool) graph.Kernel { return boolRuns(eachPair(f)) }

func boolRuns[T tensor.Numeric](run func(dst []bool, a, b []T)) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		broadcast(tensor.Data[bool](out[0]), tensor.Data[T](in[0]), tensor.Data[T](in[1]), out[0].Shape, in[0].Shape, in[1].Shape, run)
		return nil
	})
}

var equalText = func() graph.Kernel {
	run := eachPair(func(a, b string) bool { return a == b })
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		broadcastRuns(tensor.Data[bool](out[0]), in[0].Strings, in[1].Strings, out[0].Shape, in[0].Shape, in[1].Shape, run)
		return nil
	})
}()

// opNot, opIsNaN look at one element at a time.
var (
	opNot   = predicateOp("not", "Not", 1, typed{tensor.Bool: predicate(func(v bool) bool { return !v })})
	opIsNaN = predicateOp("is_nan", "IsNaN", 9, typed{
		tensor.Float32: predicate(func(v float32) bool { return v != v }), tensor.Float64: predicate(func(v float64) bool { return v != v }),
		tensor.Float16: predicate(func(v tensor.F16) bool { return v&0x7fff > 0x7c00 }), tensor.BFloat16: predicate(func(v tensor.BF16) bool { return v&0x7fff > 0x7f80 }),
		tensor.Float8E4M3FN: isNaNSmall(tensor.Float8E4M3FN), tensor.Float8E4M3FNUZ: isNaNSmall(tensor.Float8E4M3FNUZ),
		tensor.Float8E5M2: isNaNSmall(tensor.Float8E5M2), tensor.Float8E5M2FNUZ: isNaNSmall(tensor.Float8E5M2FNUZ),
	})
)

// opIsInf looks for infinities of either sign, or of the one that the attributes leave.
var opIsInf = func() *Op {
	none := predicate(func(uint8) bool { return false })
	op := predicateOp("is_inf", "IsInf", 10, typed{tensor.Float32: isInf[float32](true, true), tensor.Float64: isInf[float64](true, true),
		tensor.Float8E4M3FN: none, tensor.Float8E4M3FNUZ: none, tensor.Float8E5M2: none, tensor.Float8E5M2FNUZ: none})
	infer := op.Infer
	signs := func(n *graph.Node) (negative, positive bool, err error) {
		a, err := n.IntAttr("detect_negative", 1)
		if err != nil {
			return false, false, err
		}
		b, err := n.IntAttr("detect_positive", 1)
		return a != 0, b != 0, err
	}
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if _, _, err := signs(n); err != nil {
			return nil, err
		}
		return infer(n, in)
	}
	op.Build = func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		negative, positive, err := signs(n)
		switch in[0].DType {
		case tensor.Float64:
			return isInf[float64](negative, positive), err
		case tensor.Float8E5M2:
			return predicate(func(v uint8) bool { return positive && v == 0x7c || negative && v == 0xfc }), err
		case tensor.Float32:
			return isInf[float32](negative, positive), err
		}
		return none, err // the other floats of 8 bits have no infinity
	}
	return op
}()

func isInf[T float32 | float64](negative, positive bool) graph.Kernel {
	return predicate(func(v T) bool { return positive && math.IsInf(float64(v), 1) || negative && math.IsInf(float64(v), -1) })
}

func isNaNSmall(d tensor.DType) graph.Kernel {
	values := tensor.SmallValues(d)
	return predicate(func(code uint8) bool { return values[code] != values[code] })
}

func predicate[T tensor.Numeric](f func(T) bool) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[bool](out[0])
		for i, v := range tensor.Data[T](in[0]) {
			dst[i] = f(v)
		}
		return nil
	})
}

func predicateOp(name, opType string, since int64, byType typed) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, Elementwise: true,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if err := byType.want(n, in, 0); err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: tensor.Bool, Shape: in[0].Shape}}, nil
		},
		Build: func(_ *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			return byType[in[0].DType], nil
		},
	}
}
