package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Comparisons and logic give Bool, with NumPy broadcasting. Every ordered comparison with NaN is false.
var (
	opGreater        = compareOp("greater", "Greater", 7, greater[float32], greater[float64], greater[int32], greater[int64])
	opGreaterOrEqual = compareOp("greater_or_equal", "GreaterOrEqual", 12, greaterOrEqual[float32], greaterOrEqual[float64], greaterOrEqual[int32], greaterOrEqual[int64])
	opLess           = compareOp("less", "Less", 7, less[float32], less[float64], less[int32], less[int64])
	opLessOrEqual    = compareOp("less_or_equal", "LessOrEqual", 12, lessOrEqual[float32], lessOrEqual[float64], lessOrEqual[int32], lessOrEqual[int64])
	opEqual          = compareOp("equal", "Equal", 7, equal[float32], equal[float64], equal[int32], equal[int64])
	opAnd            = logicOp("and", "And", func(a, b bool) bool { return a && b })
	opOr             = logicOp("or", "Or", func(a, b bool) bool { return a || b })
	opXor            = logicOp("xor", "Xor", func(a, b bool) bool { return a != b })
)

func greater[T number](a, b T) bool        { return a > b }
func greaterOrEqual[T number](a, b T) bool { return a >= b }
func less[T number](a, b T) bool           { return a < b }
func lessOrEqual[T number](a, b T) bool    { return a <= b }
func equal[T number](a, b T) bool          { return a == b }

func compareOp(name, opType string, since int64, f32 func(a, b float32) bool, f64 func(a, b float64) bool, i32 func(a, b int32) bool, i64 func(a, b int64) bool) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, MinInputs: 2, Rows: rowsElementwise,
		Infer: inferBool(tensor.Float32, tensor.Float64, tensor.Int32, tensor.Int64),
		Build: func(_ *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			switch in[0].DType {
			case tensor.Float32:
				return boolKernel(f32), nil
			case tensor.Float64:
				return boolKernel(f64), nil
			case tensor.Int32:
				return boolKernel(i32), nil
			default:
				return boolKernel(i64), nil
			}
		},
	}
}

func logicOp(name, opType string, f func(a, b bool) bool) *Op {
	return &Op{
		Name: name, Type: opType, Since: 7, MinInputs: 2, Rows: rowsElementwise,
		Infer: inferBool(tensor.Bool),
		Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) { return boolKernel(f), nil },
	}
}

// inferBool is the shape rule of two inputs of one of dtypes.
func inferBool(dtypes ...tensor.DType) func(*graph.Node, []graph.Arg) ([]graph.Arg, error) {
	return func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, dtypes...); err != nil {
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

func boolKernel[T tensor.Numeric](f func(a, b T) bool) graph.Kernel {
	run := eachPair(f)
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		broadcast(tensor.Data[bool](out[0]), tensor.Data[T](in[0]), tensor.Data[T](in[1]), out[0].Shape, in[0].Shape, in[1].Shape, run)
		return nil
	})
}

// opNot, opIsNaN look at one element at a time.
var (
	opNot   = predicateOp("not", "Not", 1, tensor.Bool, func(v bool) bool { return !v })
	opIsNaN = predicateOp("is_nan", "IsNaN", 9, tensor.Float32, func(v float32) bool { return v != v })
)

func predicateOp[T tensor.Numeric](name, opType string, since int64, dtype tensor.DType, f func(T) bool) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, Rows: rowsElementwise,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, dtype); err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: tensor.Bool, Shape: in[0].Shape}}, nil
		},
		Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				dst := tensor.Data[bool](out[0])
				for i, v := range tensor.Data[T](in[0]) {
					dst[i] = f(v)
				}
				return nil
			}), nil
		},
	}
}
