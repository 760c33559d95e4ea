package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opClip takes its bounds from inputs, before opset 11 from attributes. A missing bound is the lowest or highest number of the dtype.
var opClip = &Op{
	Name: "clip", Type: "Clip", Since: 6, RowAxes: rowsKept, Elementwise: true,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 3); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64,
			tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64); err != nil {
			return nil, err
		}
		for i := range in {
			if i == 0 || !present(in, i) {
				continue
			}
			if in[i].DType != in[0].DType {
				return nil, modelErr(n, "inputs are %s and %s", in[0].DType, in[i].DType)
			}
			if size, _ := tensor.Elements(in[i].Shape); size != 1 {
				return nil, modelErr(n, "input %d has shape %v, expected a scalar", i, in[i].Shape)
			}
		}
		if _, _, err := clipAttrs(n); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		lo, hi, err := clipAttrs(n)
		if err != nil {
			return nil, err
		}
		hasLo, hasHi := present(in, 1), present(in, 2)
		switch in[0].DType {
		case tensor.Float32:
			return clipKernel(lo, hi, hasLo, hasHi, kernels.ClipF32), nil
		case tensor.Float64:
			lowest, highest := -math.MaxFloat64, math.MaxFloat64
			if _, given := n.Attrs["min"]; given {
				lowest = float64(lo)
			}
			if _, given := n.Attrs["max"]; given {
				highest = float64(hi)
			}
			return clipKernel(lowest, highest, hasLo, hasHi, clipEach[float64]), nil
		case tensor.Int8:
			return clipKernel(math.MinInt8, math.MaxInt8, hasLo, hasHi, clipEach[int8]), nil
		case tensor.Int16:
			return clipKernel(math.MinInt16, math.MaxInt16, hasLo, hasHi, clipEach[int16]), nil
		case tensor.Int32:
			return clipKernel(math.MinInt32, math.MaxInt32, hasLo, hasHi, clipEach[int32]), nil
		case tensor.Int64:
			return clipKernel(math.MinInt64, math.MaxInt64, hasLo, hasHi, clipEach[int64]), nil
		case tensor.Uint8:
			return clipKernel(0, math.MaxUint8, hasLo, hasHi, clipEach[uint8]), nil
		case tensor.Uint16:
			return clipKernel(0, math.MaxUint16, hasLo, hasHi, clipEach[uint16]), nil
		case tensor.Uint32:
			return clipKernel(0, math.MaxUint32, hasLo, hasHi, clipEach[uint32]), nil
		default:
			return clipKernel(0, math.MaxUint64, hasLo, hasHi, clipEach[uint64]), nil
		}
	},
}

func clipKernel[T number](lowest, highest T, hasLo, hasHi bool, f func(dst, x []T, lo, hi T)) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		lo, hi := lowest, highest
		if hasLo {
			lo = tensor.Data[T](in[1])[0]
		}
		if hasHi {
			hi = tensor.Data[T](in[2])[0]
		}
		f(tensor.Data[T](out[0]), tensor.Data[T](in[0]), lo, hi)
		return nil
	})
}

// clipEach is kernels.ClipF32 for other numbers: NaN stays, and where lo > hi the result is hi.
func clipEach[T number](dst, x []T, lo, hi T) {
	for i, v := range x {
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		dst[i] = v
	}
}

func clipAttrs(n *graph.Node) (lo, hi float32, err error) {
	if lo, err = n.FloatAttr("min", -math.MaxFloat32); err != nil {
		return 0, 0, err
	}
	hi, err = n.FloatAttr("max", math.MaxFloat32)
	return lo, hi, err
}
