package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opCenterCropPad cuts axes down to a size, or puts zeros around, so that the middle stays; of an odd difference the larger half is at
// the end.
var opCenterCropPad = &Op{
	Name: "center_crop_pad", Type: "CenterCropPad", Since: 18, MinInputs: 2,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		list, err := n.IntsAttr("axes")
		if err != nil || list == nil {
			return false
		}
		axes, err := axesList(n, list, len(in[0].Shape))
		return err == nil && len(axes) > 0 && !axes[0] && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 1, tensor.Int32, tensor.Int64); err != nil {
			return nil, err
		}
		if !hasConst(in, 1) {
			return nil, needsValue(n, 1)
		}
		list, err := n.IntsAttr("axes")
		if err != nil {
			return nil, err
		}
		if _, given := n.Attrs["axes"]; !given {
			for i := range in[0].Shape {
				list = append(list, int64(i))
			}
		}
		if in[1].Const.Len() != len(list) {
			return nil, modelErr(n, "%d sizes for axes %v", in[1].Const.Len(), list)
		}
		shape := append([]int(nil), in[0].Shape...)
		for i, a := range list {
			axis, err := axisOf(n, a, len(shape))
			if err != nil {
				return nil, err
			}
			d := intAt(in[1].Const, i)
			if d < 0 || d > math.MaxInt32 {
				return nil, modelErr(n, "size %d of axis %d", d, axis)
			}
			shape[axis] = int(d)
		}
		return movable(n, in[0].DType, shape)
	},
	Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(centerCropPad), nil
	},
}

// centerCropPad copies runs of the last axis.
func centerCropPad(in, out []*tensor.Tensor) error {
	clear(out[0].Bytes)
	if len(in[0].Bytes) == 0 || len(out[0].Bytes) == 0 {
		return nil
	}
	from, to, size := in[0].Shape, out[0].Shape, in[0].DType.Size()
	src, dst := in[0].Bytes, out[0].Bytes
	if len(from) == 0 {
		copy(dst, src)
		return nil
	}
	last := len(from) - 1
	rows := 1
	for i := range last {
		rows *= min(from[i], to[i])
	}
	run := min(from[last], to[last])
	for r := range rows {
		a, b, stepA, stepB := 0, 0, 1, 1
		for i, rest := last, r; i >= 0; i-- {
			p := 0 // of the last axis the run's start
			if i < last {
				p = rest % min(from[i], to[i])
				rest /= min(from[i], to[i])
			}
			a += (p + max(0, from[i]-to[i])/2) * stepA
			b += (p + max(0, to[i]-from[i])/2) * stepB
			stepA, stepB = stepA*from[i], stepB*to[i]
		}
		copy(dst[b*size:(b+run)*size], src[a*size:])
	}
	return nil
}
