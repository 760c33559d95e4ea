package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// resizeFloat64 is linear and cubic resizing of float64 and integers, in float64 with the weights of float32. Integers are cut towards 0, as
// ONNX Runtime does, and limited to what they hold.
type resizeFloat64 struct{ resizeWeighted }

// ScratchBytes implements graph.ScratchKernel: the tables of a pass, then values, twice.
func (k resizeFloat64) ScratchBytes(args []graph.Arg) int {
	var space [kernels.MaxAxes]resizeAxis
	axes, err := resizeShape(k.node, k.resizeConfig, &space, args[0].Shape)
	if err != nil {
		return 0 // the plan has inferred this shape before
	}
	tables, values := k.buffers(axes, args[0].Shape)
	return tables + 2*values
}

// buffers is layout with room for the input, which is widened.
func (k resizeFloat64) buffers(axes []resizeAxis, shape []int) (tables, values int) {
	tables, values = k.layout(axes, 8)
	n, _ := tensor.Elements(shape)
	return tables, max(values, multiplied(8, n))
}

// Run implements graph.Kernel.
func (k resizeFloat64) Run(in, out []*tensor.Tensor, scratch []byte) error {
	var space [kernels.MaxAxes]resizeAxis
	axes, err := resizeStart(k.node, k.resizeConfig, &space, in)
	if err != nil {
		return err
	}
	if k.first(axes) == len(axes) || out[0].Len() == 0 {
		copy(out[0].Bytes, in[0].Bytes)
		return nil
	}
	tables, values := k.buffers(axes, in[0].Shape)
	x, free := words[float64](scratch[tables:tables+values]), words[float64](scratch[tables+values:])
	x = x[:in[0].Len()]
	loadFloat64(x, in[0], 0)
	for i := len(axes) - 1; i >= 0; i-- {
		if !axes[i].moves(k.resizeConfig) {
			continue
		}
		outer, inner := sizesAround(axes, i)
		to := free[:outer*axes[i].out*inner]
		k.passFloat64(&axes[i], to, x, outer, inner, scratch[:tables])
		x, free = to, x[:values/8]
	}
	if k.coordinates == "tf_crop_and_resize" {
		extrapolate(k.resizeConfig, axes, x, float64(k.fill))
	}
	if out[0].DType == tensor.Float64 {
		copy(tensor.Data[float64](out[0]), x)
		return nil
	}
	storeTruncated(out[0], x)
	return nil
}

// storeTruncated cuts towards 0 and limits to the range of the integer dtype of t.
func storeTruncated(t *tensor.Tensor, x []float64) {
	switch t.DType {
	case tensor.Int8:
		truncateTo(tensor.Data[int8](t), x, math.MinInt8, math.MaxInt8)
	case tensor.Int16:
		truncateTo(tensor.Data[int16](t), x, math.MinInt16, math.MaxInt16)
	case tensor.Int32:
		truncateTo(tensor.Data[int32](t), x, math.MinInt32, math.MaxInt32)
	case tensor.Int64:
		truncateTo(tensor.Data[int64](t), x, math.MinInt64, math.MaxInt64)
	case tensor.Uint8:
		truncateTo(tensor.Data[uint8](t), x, 0, math.MaxUint8)
	case tensor.Uint16:
		truncateTo(tensor.Data[uint16](t), x, 0, math.MaxUint16)
	case tensor.Uint32:
		truncateTo(tensor.Data[uint32](t), x, 0, math.MaxUint32)
	default:
		for i, v := range x {
			tensor.Data[uint64](t)[i] = toUint64(v)
		}
	}
}

func truncateTo[T integer](dst []T, x []float64, lo, hi int64) {
	for i, v := range x {
		dst[i] = T(truncate(v, lo, hi))
	}
}

// passFloat64 resizes the middle axis of x [outer × in × inner].
func (k resizeFloat64) passFloat64(a *resizeAxis, dst, x []float64, outer, inner int, tables []byte) {
	taps := a.taps(k.resizeConfig)
	n := taps * a.out
	at, w := words[int64](tables[:8*n]), floats(tables[8*n:12*n])
	for o := range a.out {
		a.weights(k.resizeConfig, o, func(t, from int, v float32) { at[o*taps+t], w[o*taps+t] = int64(from*inner), v })
	}
	for r := range outer {
		row := x[r*a.in*inner : (r+1)*a.in*inner]
		for o := range a.out {
			to := dst[(r*a.out+o)*inner:][:inner]
			clear(to)
			for t, from := range at[o*taps : (o+1)*taps] {
				weight := float64(w[o*taps+t])
				if weight == 0 {
					continue // no such input
				}
				for i, v := range row[from:][:inner] {
					to[i] += float64(v * weight)
				}
			}
		}
	}
}
