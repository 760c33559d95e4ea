package ops

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

type signed interface{ int8 | int16 | int32 | int64 }

type unsigned interface {
	uint8 | uint16 | uint32 | uint64
}

type integer interface{ signed | unsigned }

type number interface{ float32 | float64 | integer }

// typed holds an operator's kernel for every dtype of its first input.
type typed map[tensor.DType]graph.Kernel

// want checks that input i has a dtype of the table.
func (t typed) want(n *graph.Node, in []graph.Arg, i int) error {
	if t[in[i].DType] != nil {
		return nil
	}
	var known []tensor.DType
	for d := range t {
		known = append(known, d)
	}
	slices.Sort(known)
	return unsupported(n, "input %d is %s, expected one of %v", i, in[i].DType, known)
}

// alsoOn lets an operator of one input work on the dtypes of more beside its own.
func alsoOn(op *Op, more typed) *Op {
	infer, build := op.Infer, op.Build
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if len(in) == 1 && more[in[0].DType] != nil {
			return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
		}
		return infer(n, in)
	}
	op.Build = func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		if k := more[in[0].DType]; k != nil {
			return k, nil
		}
		return build(n, in, pool)
	}
	return op
}

// eachKernel computes dst[i] = f(x[i]).
func eachKernel[T tensor.Numeric](f func(T) T) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[T](out[0])
		for i, v := range tensor.Data[T](in[0]) {
			dst[i] = f(v)
		}
		return nil
	})
}

// onIntegers is a unary function of the signed and unsigned integers; what does not exist is nil.
func onIntegers(name string) typed {
	return typed{
		tensor.Int8: eachKernel(signedFunc[int8](name)), tensor.Int16: eachKernel(signedFunc[int16](name)),
		tensor.Int32: eachKernel(signedFunc[int32](name)), tensor.Int64: eachKernel(signedFunc[int64](name)),
		tensor.Uint8: eachKernel(unsignedFunc[uint8](name)), tensor.Uint16: eachKernel(unsignedFunc[uint16](name)),
		tensor.Uint32: eachKernel(unsignedFunc[uint32](name)), tensor.Uint64: eachKernel(unsignedFunc[uint64](name)),
	}
}

func signedFunc[T signed](name string) func(T) T {
	switch name {
	case "Abs":
		return func(v T) T { return max(v, -v) } // the lowest integer stays, as in C
	case "Neg":
		return func(v T) T { return -v }
	case "Sign":
		return func(v T) T { return min(max(v, -1), 1) }
	case "Relu":
		return func(v T) T { return max(v, 0) }
	case "BitwiseNot":
		return func(v T) T { return ^v }
	}
	panic(fmt.Sprintf("ops: no integer function %s", name))
}

func unsignedFunc[T unsigned](name string) func(T) T {
	switch name {
	case "Sign":
		return func(v T) T { return min(v, 1) }
	case "BitwiseNot":
		return func(v T) T { return ^v }
	}
	return func(v T) T { return v } // absolute value and the like
}

// with adds a row.
func (t typed) with(d tensor.DType, k graph.Kernel) typed {
	t[d] = k
	return t
}

// without drops the unsigned integers.
func (t typed) signed() typed {
	for _, d := range []tensor.DType{tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64} {
		delete(t, d)
	}
	return t
}

// onFloat64 is a unary function of float64.
func onFloat64(f func(float64) float64) typed { return typed{tensor.Float64: eachKernel(f)} }

// words views bytes as elements of T: scratch memory, or a tensor's for operators that only move elements of that size.
func words[T tensor.Numeric](b []byte) []T {
	var zero T
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/int(unsafe.Sizeof(zero)))
}

// bySize makes one of four kernels by the size of an element.
func bySize(d tensor.DType, one, two, four, eight graph.Kernel) graph.Kernel {
	switch d.Size() {
	case 1:
		return one
	case 2:
		return two
	case 4:
		return four
	}
	return eight
}
