package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Operators that pick elements by their own value or by that of a condition.
var (
	// opNonZero gives the positions of the elements that are not zero, one row per axis, one column per element, in row-major order. NaN is
	// not zero; a scalar has no axes and so no rows. Text is zero where it is empty.
	opNonZero = &Op{
		Name: "non_zero", Type: "NonZero", Since: 9,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if in[0].DType.Composite() {
				return nil, unsupported(n, "input 0 is %s", in[0].DType)
			}
			if !hasConst(in, 0) {
				return nil, needsValue(n, 0)
			}
			count, isZero := 0, zeroTest(in[0].Const)
			for i := range in[0].Const.Len() {
				if !isZero(i) {
					count++
				}
			}
			return []graph.Arg{{DType: tensor.Int64, Shape: []int{len(in[0].Shape), count}}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			if !hasConst(in, 0) {
				return nil, needsValue(n, 0)
			}
			isZero := zeroTest(in[0].Const)
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				dst, count := tensor.Data[int64](out[0]), out[0].Shape[1]
				column := 0
				for i := range in[0].Len() {
					if isZero(i) {
						continue
					}
					at := i
					for axis := len(in[0].Shape) - 1; axis >= 0; axis-- {
						d := in[0].Shape[axis]
						dst[axis*count+column] = int64(at % d)
						at /= d
					}
					column++
				}
				return nil
			}), nil
		},
	}
	// opCompress keeps the positions of an axis, or of the flattened input, where the condition is true. A short condition ends the input.
	opCompress = &Op{
		Name: "compress", Type: "Compress", Since: 9, MinInputs: 2,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 2, 2); err != nil {
				return nil, err
			}
			if in[0].DType.Composite() {
				return nil, unsupported(n, "input 0 is %s", in[0].DType)
			}
			if in[1].DType != tensor.Bool || len(in[1].Shape) != 1 {
				return nil, modelErr(n, "the condition is %s of shape %v, expected a list of bool", in[1].DType, in[1].Shape)
			}
			axis, flat, err := optionalAxis(n, len(in[0].Shape))
			if err != nil {
				return nil, err
			}
			if !hasConst(in, 1) {
				return nil, needsValue(n, 1)
			}
			shape := in[0].Shape
			if flat {
				size, _ := tensor.Elements(shape)
				shape, axis = []int{size}, 0
			}
			condition, kept := tensor.Data[bool](in[1].Const), 0
			for _, keep := range condition[:min(len(condition), shape[axis])] {
				if keep {
					kept++
				}
			}
			shape = append([]int{}, shape...)
			shape[axis] = kept
			return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			axis, flat, err := optionalAxis(n, len(in[0].Shape))
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				outer, size, inner := 1, in[0].Len(), 1
				if !flat {
					outer, size, inner = around(in[0].Shape, axis)
				}
				condition, to := tensor.Data[bool](in[1]), 0
				for o := range outer {
					for k, keep := range condition[:min(len(condition), size)] {
						if keep {
							copyRun(out[0], to*inner, in[0], (o*size+k)*inner, inner)
							to++
						}
					}
				}
				return nil
			}), err
		},
	}
)

// optionalAxis reads "axis" of an operator that flattens its input where it is missing.
func optionalAxis(n *graph.Node, rank int) (axis int, flat bool, err error) {
	if _, given := n.Attrs["axis"]; !given {
		return 0, true, nil
	}
	a, err := n.IntAttr("axis", 0)
	if err != nil {
		return 0, false, err
	}
	axis, err = axisOf(n, a, rank)
	return axis, false, err
}

// copyRun copies n elements of any type between tensors of one dtype.
func copyRun(dst *tensor.Tensor, to int, src *tensor.Tensor, from, n int) {
	if dst.DType == tensor.String {
		copy(dst.Strings[to:to+n], src.Strings[from:])
		return
	}
	size := dst.DType.Size()
	copy(dst.Bytes[to*size:(to+n)*size], src.Bytes[from*size:])
}

// zeroTest tells of an element whether it is zero; −0 is.
func zeroTest(t *tensor.Tensor) func(i int) bool {
	switch t.DType {
	case tensor.String:
		return func(i int) bool { return t.Strings[i] == "" }
	case tensor.Float32:
		return testEach(tensor.Data[float32](t))
	case tensor.Float64:
		return testEach(tensor.Data[float64](t))
	case tensor.Float16, tensor.BFloat16:
		x := words[uint16](t.Bytes)
		return func(i int) bool { return x[i]<<1 == 0 }
	}
	switch t.DType.Size() {
	case 1:
		return testEach(t.Bytes)
	case 2:
		return testEach(words[uint16](t.Bytes))
	case 4:
		return testEach(words[uint32](t.Bytes))
	}
	return testEach(words[uint64](t.Bytes))
}

func testEach[T number](x []T) func(i int) bool { return func(i int) bool { return x[i] == 0 } }
