package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Reductions of float64, integers and bool in plain Go: elements are combined in ascending order.

// plainReduction is a reduction by name: f combines from initial on, each is applied to an element first, last to the result.
type plainReduction[T number] struct {
	initial    T
	f          func(a, b T) T
	each, last func(v T, count int) T // nil: nothing
}

func isFloat[T number]() bool {
	half := T(1)
	half /= 2
	return half != 0
}

func addTwo[T number](a, b T) T { return a + b }

// viaFloat applies a function of float64; the result is truncated to an integer.
func viaFloat[T number](f func(float64) float64) func(T, int) T {
	return func(v T, _ int) T { return T(f(float64(v))) }
}

// reductionOf makes a reduction of numbers between lowest and highest by operator; nil for what there is none of.
func reductionOf[T number](op string, lowest, highest T) *plainReduction[T] {
	r := &plainReduction[T]{f: addTwo[T]}
	square := func(v T, _ int) T { return v * v }
	switch op {
	case "ReduceSum":
	case "ReduceMean":
		r.last = func(v T, count int) T {
			if count == 0 && !isFloat[T]() {
				return 0
			}
			return v / T(count)
		}
	case "ReduceMax":
		r.initial, r.f = lowest, maximum[T]
	case "ReduceMin":
		r.initial, r.f = highest, minimum[T]
	case "ReduceProd":
		r.initial, r.f = 1, func(a, b T) T { return a * b }
	case "ReduceL1":
		r.each = func(v T, _ int) T {
			if v < 0 {
				return -v
			}
			return v
		}
	case "ReduceSumSquare":
		r.each = square
	case "ReduceL2":
		r.each, r.last = square, viaFloat[T](math.Sqrt)
	case "ReduceLogSum":
		r.last = viaFloat[T](logF64)
	default:
		return nil
	}
	return r
}

// plainReductions are the kernels of a reduction by dtype.
func plainReductions(op string, axes []bool) typed {
	flags := reduceKernelOf(reductionOf[uint8](op, 0, 1), axes)
	t := typed{
		tensor.Float64: reduceKernelOf(reductionOf[float64](op, math.Inf(-1), math.Inf(1)), axes),
		tensor.Int32:   reduceKernelOf(reductionOf[int32](op, math.MinInt32, math.MaxInt32), axes),
		tensor.Int64:   reduceKernelOf(reductionOf[int64](op, math.MinInt64, math.MaxInt64), axes),
		tensor.Uint32:  reduceKernelOf(reductionOf[uint32](op, 0, math.MaxUint32), axes),
		tensor.Uint64:  reduceKernelOf(reductionOf[uint64](op, 0, math.MaxUint64), axes),
		tensor.Int16:   reduceKernelOf(reductionOf[int16](op, math.MinInt16, math.MaxInt16), axes),
		tensor.Uint16:  reduceKernelOf(reductionOf[uint16](op, 0, math.MaxUint16), axes),
		tensor.Int8:    reduceKernelOf(reductionOf[int8](op, math.MinInt8, math.MaxInt8), axes),
		tensor.Uint8:   reduceKernelOf(reductionOf[uint8](op, 0, math.MaxUint8), axes),
	}
	if op == "ReduceMax" || op == "ReduceMin" {
		t[tensor.Bool] = flags
	}
	return t
}

func reduceKernelOf[T number](r *plainReduction[T], axes []bool) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		x, dst := tensor.Data[T](in[0]), tensor.Data[T](out[0])
		fill(dst, r.initial)
		reducedPlaces(in[0].Shape, axes, func(i, o int) {
			v := x[i]
			if r.each != nil {
				v = r.each(v, 1)
			}
			dst[o] = r.f(dst[o], v)
		})
		if r.last != nil {
			count := 1
			for axis, d := range in[0].Shape {
				if axes[axis] {
					count *= d
				}
			}
			for i, v := range dst {
				dst[i] = r.last(v, count)
			}
		}
		return nil
	})
}

// reducedPlaces calls f with every place of shape, ascending, and its place among those that are left when axes are reduced.
func reducedPlaces(shape []int, axes []bool, f func(i, o int)) {
	n, _ := tensor.Elements(shape)
	var at, step [kernels.MaxAxes]int // the position along each axis, and what a step adds to the place of the result
	stride := 1
	for axis := len(shape) - 1; axis >= 0; axis-- {
		if !axes[axis] {
			step[axis] = stride
			stride *= shape[axis]
		}
	}
	o := 0
	for i := range n {
		f(i, o)
		for axis := len(shape) - 1; axis >= 0; axis-- {
			at[axis]++
			if o += step[axis]; at[axis] < shape[axis] {
				break
			}
			at[axis], o = 0, o-step[axis]*shape[axis]
		}
	}
}

// logSumExpFloat64 is ReduceLogSumExp of float64 and integers.
type logSumExpFloat64 struct{ axes []bool }

// ScratchBytes implements graph.ScratchKernel: x, then maxima and sums.
func (k logSumExpFloat64) ScratchBytes(args []graph.Arg) int {
	n, _ := tensor.Elements(args[0].Shape)
	return multiplied(8, n) + 16*keptElements(args[0].Shape, k.axes)
}

// keptElements is the number of results of a reduction of these axes.
func keptElements(shape []int, axes []bool) int {
	n := 1
	for axis, d := range shape {
		if !axes[axis] {
			n *= d
		}
	}
	return n
}

// Run implements graph.Kernel.
func (k logSumExpFloat64) Run(in, out []*tensor.Tensor, scratch []byte) error {
	memory := words[float64](scratch)
	n, results := in[0].Len(), keptElements(in[0].Shape, k.axes)
	x, largest, sums := memory[:n], memory[n:n+results], memory[n+results:n+2*results]
	loadFloat64(x, in[0], 0)
	fill(largest, math.Inf(-1))
	clear(sums)
	reducedPlaces(in[0].Shape, k.axes, func(i, o int) { largest[o] = maximum(largest[o], x[i]) })
	for i, v := range largest {
		if math.IsInf(v, 0) || v != v {
			largest[i] = 0
		}
	}
	reducedPlaces(in[0].Shape, k.axes, func(i, o int) { sums[o] += expF64(x[i] - largest[o]) })
	for i, v := range sums {
		sums[i] = logF64(v) + largest[i]
	}
	switch out[0].DType {
	case tensor.Float64:
		copy(tensor.Data[float64](out[0]), sums)
	case tensor.Int32:
		narrowTo(tensor.Data[int32](out[0]), sums)
	case tensor.Int64:
		narrowTo(tensor.Data[int64](out[0]), sums)
	case tensor.Uint32:
		narrowTo(tensor.Data[uint32](out[0]), sums)
	default:
		narrowTo(tensor.Data[uint64](out[0]), sums)
	}
	return nil
}
