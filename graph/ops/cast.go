package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opCast converts between numeric dtypes. Floats go to integers by truncation, saturating, NaN to 0 (ONNX leaves both
// undefined; one rule on all machines is what matters here).
var opCast = &Op{
	Name: "cast", Type: "Cast", Since: 6, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		to, err := castTo(n)
		if err != nil {
			return nil, err
		}
		if to == tensor.Invalid || to == tensor.String || in[0].DType == tensor.String {
			return nil, unsupported(n, "a cast from %s to %s", in[0].DType, to)
		}
		return []graph.Arg{{DType: to, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		switch in[0].DType {
		case tensor.Float32:
			return castFrom[float32](n)
		case tensor.Float64:
			return castFrom[float64](n)
		case tensor.Int32:
			return castFrom[int32](n)
		case tensor.Int64:
			return castFrom[int64](n)
		case tensor.Int8:
			return castFrom[int8](n)
		default:
			return castFrom[uint8](n) // uint8, and bool as the byte 0 or 1
		}
	},
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

type castable interface {
	float32 | float64 | int8 | uint8 | int32 | int64
}

func castFrom[S castable](n *graph.Node) (graph.Kernel, error) {
	to, err := castTo(n)
	if err != nil {
		return nil, err
	}
	switch to {
	case tensor.Float32:
		return castKernel[S](func(v S) float32 { return float32(v) }), nil
	case tensor.Float64:
		return castKernel[S](func(v S) float64 { return float64(v) }), nil
	case tensor.Int8:
		return castKernel[S](func(v S) int8 { return int8(toInt(v, math.MinInt8, math.MaxInt8)) }), nil
	case tensor.Uint8:
		return castKernel[S](func(v S) uint8 { return uint8(toInt(v, 0, math.MaxUint8)) }), nil
	case tensor.Int32:
		return castKernel[S](func(v S) int32 { return int32(toInt(v, math.MinInt32, math.MaxInt32)) }), nil
	case tensor.Int64:
		return castKernel[S](func(v S) int64 { return toInt(v, math.MinInt64, math.MaxInt64) }), nil
	default:
		return castKernel[S](func(v S) bool { return v != 0 }), nil
	}
}

// toInt truncates a float into [lo, hi]; an integer wraps in the caller's conversion as in C.
func toInt[S castable](v S, lo, hi int64) int64 {
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

func castKernel[S, D tensor.Numeric](f func(S) D) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[D](out[0])
		for i, v := range tensor.Data[S](in[0]) {
			dst[i] = f(v)
		}
		return nil
	})
}
