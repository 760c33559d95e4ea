package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opCast converts between all dtypes, opCastLike to that of its second input. Floats go to integers by truncation, saturating, NaN to 0
// (ONNX leaves both undefined; one rule on all machines is what matters here); integers wrap, and so does what integers of fewer than 8
// bits cannot hold; a number is true unless it is 0. Floats of at most 8 bits are rounded once, as attributes "saturate" and "round_mode"
// say.
var (
	opCast     = castOp("cast", "Cast", 6, 1, func(n *graph.Node, _ []graph.Arg) (tensor.DType, error) { return castTo(n) })
	opCastLike = castOp("cast_like", "CastLike", 15, 2, func(_ *graph.Node, in []graph.Arg) (tensor.DType, error) { return in[1].DType, nil })
)

func castOp(name, opType string, since int64, inputs int, target func(*graph.Node, []graph.Arg) (tensor.DType, error)) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, MinInputs: inputs, RowAxes: rowsKept, Elementwise: inputs == 1, Moves: 1,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, inputs, inputs); err != nil {
				return nil, err
			}
			to, err := target(n, in)
			if err != nil {
				return nil, err
			}
			if to == tensor.Invalid {
				return nil, unsupported(n, "a cast from %s to the type of attribute \"to\"", in[0].DType)
			}
			if in[0].DType.Composite() || to.Composite() {
				return nil, modelErr(n, "a cast from %s to %s", in[0].DType, to)
			}
			_, err = smallEncoder(n, to)
			return []graph.Arg{{DType: to, Shape: in[0].Shape}}, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			to, err := target(n, in)
			if err != nil {
				return nil, err
			}
			encode, err := smallEncoder(n, to)
			return buildCast(n, in[0].DType, to, encode), err
		},
	}
}

// smallEncoder is the conversion to a float of at most 8 bits; nil for other dtypes.
func smallEncoder(n *graph.Node, to tensor.DType) (func(float64) uint8, error) {
	saturate, err := n.IntAttr("saturate", 1)
	if err != nil {
		return nil, err
	}
	direction, err := n.StringAttr("round_mode", tensor.RoundUp)
	if err != nil {
		return nil, err
	}
	if direction != tensor.RoundUp && direction != tensor.RoundDown && direction != tensor.RoundNearest {
		return nil, modelErr(n, "attribute \"round_mode\" is %q, expected \"up\", \"down\" or \"nearest\"", direction)
	}
	if !to.IsSmallFloat() {
		return nil, nil
	}
	return tensor.ToSmall(to, saturate != 0, direction), nil
}

func castTo(n *graph.Node) (tensor.DType, error) {
	code, err := n.IntAttr("to", 0)
	if err != nil {
		return tensor.Invalid, err
	}
	if code < 0 || code > math.MaxInt32 {
		return tensor.Invalid, modelErr(n, "attribute \"to\" is %d", code)
	}
	return tensor.FromONNX(int32(code)), nil
}

// buildCast converts from one dtype to another; encode is the conversion to a float of at most 8 bits.
func buildCast(n *graph.Node, from, to tensor.DType, encode func(float64) uint8) graph.Kernel {
	switch {
	case from == to:
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			copyElements(out[0], in[0])
			return nil
		})
	case to == tensor.String:
		return kernelFunc(formatAll)
	case from == tensor.String:
		return parseKernel(n.String(), to, encode)
	}
	// The whole-slice conversions between float32 and the 16-bit floats.
	switch {
	case to == tensor.Float32 && isHalf(from):
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			widenHalf(tensor.Data[float32](out[0]), in[0])
			return nil
		})
	case from == tensor.Float32 && isHalf(to):
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			narrowHalf(out[0], tensor.Data[float32](in[0]))
			return nil
		})
	case from.IsSmallFloat():
		values := tensor.SmallValues(from)
		return castFrom(to, encode, func(code uint8) float32 { return values[code] })
	}
	switch from {
	case tensor.Float32:
		return castNumber[float32](to, encode)
	case tensor.Float64:
		return castNumber[float64](to, encode)
	case tensor.Float16:
		return castFrom(to, encode, tensor.F16.Float32)
	case tensor.BFloat16:
		return castFrom(to, encode, tensor.BF16.Float32)
	case tensor.Int8, tensor.Int4, tensor.Int2:
		return castNumber[int8](to, encode)
	case tensor.Int16:
		return castNumber[int16](to, encode)
	case tensor.Int32:
		return castNumber[int32](to, encode)
	case tensor.Int64:
		return castNumber[int64](to, encode)
	case tensor.Uint16:
		return castNumber[uint16](to, encode)
	case tensor.Uint32:
		return castNumber[uint32](to, encode)
	case tensor.Uint64:
		return castNumber[uint64](to, encode)
	default:
		return castNumber[uint8](to, encode) // and bool as the byte 0 or 1
	}
}

// castNumber converts elements of V.
func castNumber[V number](to tensor.DType, encode func(float64) uint8) graph.Kernel {
	if k := convertKernel[V](to); k != nil {
		return k
	}
	return castFrom(to, encode, same[V])
}

// convertKernel converts elements of V where Go's conversion is that of a cast; else it is nil.
func convertKernel[V number](to tensor.DType) graph.Kernel {
	switch {
	case to == tensor.Float32:
		return kernelFunc(convert[V, float32])
	case to == tensor.Float64:
		return kernelFunc(convert[V, float64])
	case to == tensor.Bool:
		return kernelFunc(notZero[V])
	case V(3)/2 != 1:
		return nil // floats do not wrap
	}
	switch to {
	case tensor.Int8:
		return kernelFunc(convert[V, int8])
	case tensor.Uint8:
		return kernelFunc(convert[V, uint8])
	case tensor.Int16:
		return kernelFunc(convert[V, int16])
	case tensor.Uint16:
		return kernelFunc(convert[V, uint16])
	case tensor.Int32:
		return kernelFunc(convert[V, int32])
	case tensor.Uint32:
		return kernelFunc(convert[V, uint32])
	case tensor.Int64:
		return kernelFunc(convert[V, int64])
	case tensor.Uint64:
		return kernelFunc(convert[V, uint64])
	}
	return nil
}

func convert[V, D number](in, out []*tensor.Tensor) error {
	x := tensor.Data[V](in[0])
	dst := tensor.Data[D](out[0])[:len(x)]
	for i, v := range x {
		dst[i] = D(v)
	}
	return nil
}

func notZero[V number](in, out []*tensor.Tensor) error {
	dst := tensor.Data[bool](out[0])
	for i, v := range tensor.Data[V](in[0]) {
		dst[i] = v != 0
	}
	return nil
}

func same[T any](v T) T { return v }

// castFrom converts elements of S, read as V, to a dtype.
func castFrom[S tensor.Numeric, V number](to tensor.DType, encode func(float64) uint8, read func(S) V) graph.Kernel {
	switch to {
	case tensor.Float32:
		return castKernel(read, func(v V) float32 { return float32(v) })
	case tensor.Float64:
		return castKernel(read, func(v V) float64 { return float64(v) })
	case tensor.Float16:
		return castKernel(read, func(v V) tensor.F16 { return tensor.ToF16(float32(v)) })
	case tensor.BFloat16:
		return castKernel(read, func(v V) tensor.BF16 { return tensor.ToBF16(float32(v)) })
	case tensor.Int8:
		return castKernel(read, func(v V) int8 { return int8(toInt(v, math.MinInt8, math.MaxInt8)) })
	case tensor.Uint8:
		return castKernel(read, func(v V) uint8 { return uint8(toInt(v, 0, math.MaxUint8)) })
	case tensor.Int16:
		return castKernel(read, func(v V) int16 { return int16(toInt(v, math.MinInt16, math.MaxInt16)) })
	case tensor.Uint16:
		return castKernel(read, func(v V) uint16 { return uint16(toInt(v, 0, math.MaxUint16)) })
	case tensor.Int32:
		return castKernel(read, func(v V) int32 { return int32(toInt(v, math.MinInt32, math.MaxInt32)) })
	case tensor.Uint32:
		return castKernel(read, func(v V) uint32 { return uint32(toInt(v, 0, math.MaxUint32)) })
	case tensor.Int64:
		return castKernel(read, func(v V) int64 { return toInt(v, math.MinInt64, math.MaxInt64) })
	case tensor.Uint64:
		return castKernel(read, toUint64[V])
	case tensor.Int4, tensor.Int2:
		shift := 8 - to.FileBits()
		return castKernel(read, func(v V) int8 { return int8(toInt(v, math.MinInt64, math.MaxInt64)<<shift) >> shift })
	case tensor.Uint4, tensor.Uint2:
		mask := uint8(1<<to.FileBits() - 1)
		return castKernel(read, func(v V) uint8 { return uint8(toInt(v, math.MinInt64, math.MaxInt64)) & mask })
	case tensor.Bool:
		return castKernel(read, func(v V) bool { return v != 0 })
	default:
		return castKernel(read, func(v V) uint8 { return encode(float64(v)) })
	}
}

// toInt truncates a float into [lo, hi]; an integer wraps in the caller's conversion as in C.
func toInt[V number](v V, lo, hi int64) int64 {
	switch f := any(v).(type) {
	case float32:
		return truncate(float64(f), lo, hi)
	case float64:
		return truncate(f, lo, hi)
	}
	return int64(v)
}

func truncate(f float64, lo, hi int64) int64 {
	switch {
	case f != f:
		return 0
	case f <= float64(lo):
		return lo
	case f >= float64(hi):
		return hi
	}
	return int64(f)
}

// toUint64 truncates a float into the range of uint64; an integer wraps.
func toUint64[V number](v V) uint64 {
	f, isFloat := any(v).(float64)
	if s, ok := any(v).(float32); ok {
		f, isFloat = float64(s), true
	}
	switch {
	case !isFloat:
		return uint64(v)
	case !(f > 0):
		return 0
	case f >= 0x1p64:
		return math.MaxUint64
	case f >= 0x1p63: // Go leaves the conversion of these to the machine
		return uint64(int64(f-0x1p63)) + 1<<63
	}
	return uint64(int64(f))
}

func castKernel[S, D tensor.Numeric, V any](read func(S) V, f func(V) D) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[D](out[0])
		for i, v := range tensor.Data[S](in[0]) {
			dst[i] = f(read(v))
		}
		return nil
	})
}
