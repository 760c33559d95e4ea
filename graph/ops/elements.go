package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// General access to elements, for operators that take many dtypes and need no speed: any number as float64, which holds all but the
// 64-bit integers exactly.

// isNumber reports whether d is a floating-point or integer dtype of at least 8 bits.
func isNumber(d tensor.DType) bool {
	switch d {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64,
		tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return true
	}
	return false
}

// loadFloat64 reads len(dst) elements of t from position from on; bool is 0 or 1.
func loadFloat64(dst []float64, t *tensor.Tensor, from int) {
	switch t.DType {
	case tensor.Float32:
		widenTo(dst, tensor.Data[float32](t)[from:])
	case tensor.Float64:
		copy(dst, tensor.Data[float64](t)[from:])
	case tensor.Float16:
		for i, v := range tensor.Data[tensor.F16](t)[from : from+len(dst)] {
			dst[i] = float64(v.Float32())
		}
	case tensor.BFloat16:
		for i, v := range tensor.Data[tensor.BF16](t)[from : from+len(dst)] {
			dst[i] = float64(v.Float32())
		}
	case tensor.Int8, tensor.Int4, tensor.Int2:
		widenTo(dst, tensor.Data[int8](t)[from:])
	case tensor.Int16:
		widenTo(dst, tensor.Data[int16](t)[from:])
	case tensor.Int32:
		widenTo(dst, tensor.Data[int32](t)[from:])
	case tensor.Int64:
		widenTo(dst, tensor.Data[int64](t)[from:])
	case tensor.Uint16:
		widenTo(dst, tensor.Data[uint16](t)[from:])
	case tensor.Uint32:
		widenTo(dst, tensor.Data[uint32](t)[from:])
	case tensor.Uint64:
		widenTo(dst, tensor.Data[uint64](t)[from:])
	case tensor.Uint8, tensor.Bool, tensor.Uint4, tensor.Uint2:
		widenTo(dst, tensor.Data[uint8](t)[from:])
	default:
		values := tensor.SmallValues(t.DType)
		for i, code := range tensor.Data[uint8](t)[from : from+len(dst)] {
			dst[i] = float64(values[code])
		}
	}
}

func widenTo[T number](dst []float64, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = float64(v)
	}
}

// intAt reads an element of an int32 or int64 tensor.
func intAt(t *tensor.Tensor, i int) int64 {
	if t.DType == tensor.Int32 {
		return int64(tensor.Data[int32](t)[i])
	}
	return tensor.Data[int64](t)[i]
}

// wholeNumber reads an int64 or int32 of one element.
func wholeNumber(t *tensor.Tensor) (int64, bool) {
	if t.Len() != 1 || t.DType != tensor.Int64 && t.DType != tensor.Int32 {
		return 0, false
	}
	return intAt(t, 0), true
}

// floatAt reads an element of a tensor of floats.
func floatAt(t *tensor.Tensor, i int) float64 {
	switch t.DType {
	case tensor.Float32:
		return float64(tensor.Data[float32](t)[i])
	case tensor.Float64:
		return tensor.Data[float64](t)[i]
	case tensor.Float16:
		return float64(tensor.Data[tensor.F16](t)[i].Float32())
	}
	return float64(tensor.Data[tensor.BF16](t)[i].Float32())
}

// setFloat writes an element of a tensor of floats, a 16-bit one by way of float32.
func setFloat(t *tensor.Tensor, i int, v float64) {
	switch t.DType {
	case tensor.Float32:
		tensor.Data[float32](t)[i] = float32(v)
	case tensor.Float64:
		tensor.Data[float64](t)[i] = v
	case tensor.Float16:
		tensor.Data[tensor.F16](t)[i] = tensor.ToF16(float32(v))
	default:
		tensor.Data[tensor.BF16](t)[i] = tensor.ToBF16(float32(v))
	}
}

// storeInts writes whole numbers in the range of the integer dtype of t from position at on.
func storeInts(t *tensor.Tensor, at int, x []float64) {
	switch t.DType {
	case tensor.Int8, tensor.Int4, tensor.Int2:
		narrowTo(tensor.Data[int8](t)[at:], x)
	case tensor.Int16:
		narrowTo(tensor.Data[int16](t)[at:], x)
	case tensor.Uint16:
		narrowTo(tensor.Data[uint16](t)[at:], x)
	default:
		narrowTo(tensor.Data[uint8](t)[at:], x)
	}
}

func narrowTo[T integer](dst []T, x []float64) {
	for i, v := range x {
		dst[i] = T(v)
	}
}

// storeFloats rounds to the dtype of t, one of the floats of 16 bits or more, from position at on.
func storeFloats(t *tensor.Tensor, at int, x []float64) {
	switch t.DType {
	case tensor.Float64:
		copy(tensor.Data[float64](t)[at:], x)
	case tensor.Float32:
		dst := tensor.Data[float32](t)[at:]
		for i, v := range x {
			dst[i] = float32(v)
		}
	case tensor.Float16:
		dst := tensor.Data[tensor.F16](t)[at:]
		for i, v := range x {
			dst[i] = tensor.ToF16(float32(v))
		}
	default:
		dst := tensor.Data[tensor.BF16](t)[at:]
		for i, v := range x {
			dst[i] = tensor.ToBF16(float32(v))
		}
	}
}

// roundTo rounds to a float dtype of 16 bits or more.
func roundTo(d tensor.DType, v float64) float64 {
	switch d {
	case tensor.Float32:
		return float64(float32(v))
	case tensor.Float16:
		return float64(tensor.ToF16(float32(v)).Float32())
	case tensor.BFloat16:
		return float64(tensor.ToBF16(float32(v)).Float32())
	}
	return v
}

// constants are the values of constant inputs, by position: a plan may drop those that Op.Packs says are copied, and a kernel in plain Go
// makes no copy.
type constants []*tensor.Tensor

func constantsOf(in []graph.Arg) constants {
	c := make(constants, len(in))
	for i, a := range in {
		c[i] = a.Const
	}
	return c
}

// input is input i of a run.
func (c constants) input(in []*tensor.Tensor, i int) *tensor.Tensor {
	if c[i] != nil {
		return c[i]
	}
	return in[i]
}
