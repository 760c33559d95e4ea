package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Layer and RMS normalisation work on the axes from "axis" on, whose shape scale and bias have.
var (
	opLayerNorm = rowNormOp("layer_norm", "LayerNormalization", 17, 3)
	opRMSNorm   = rowNormOp("rms_norm", "RMSNormalization", 23, 2)
)

func rowNormOp(name, opType string, since int64, maxInputs int) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, MinInputs: 2,
		Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
			axis, err := normAxis(n, in)
			return err == nil && axis > 0 && rowsFirst(n, in, rows)
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 2, maxInputs); err != nil {
				return nil, err
			}
			axis, err := normAxis(n, in)
			if err != nil {
				return nil, err
			}
			cols, _ := tensor.Elements(in[0].Shape[axis:])
			for i := range in {
				if !present(in, i) {
					continue
				}
				if err := wantDType(n, in, i, tensor.Float32); err != nil {
					return nil, err
				}
				if size, ok := tensor.Elements(in[i].Shape); i > 0 && (!ok || size != cols) {
					return nil, unsupported(n, "input %d has shape %v, expected %v", i, in[i].Shape, in[0].Shape[axis:])
				}
			}
			if _, err := n.FloatAttr("epsilon", 0); err != nil {
				return nil, err
			}
			out := []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}
			if maxInputs == 3 { // mean and inverse deviation of each row
				rows := slices.Clone(in[0].Shape)
				fill(rows[axis:], 1)
				out = append(out, graph.Arg{DType: tensor.Float32, Shape: rows}, graph.Arg{DType: tensor.Float32, Shape: rows})
			}
			return out[:max(1, min(len(out), len(n.Outputs)))], nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			eps, err := n.FloatAttr("epsilon", 1e-5)
			hasBias := present(in, 2)
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				x, dst, scale := tensor.Data[float32](in[0]), tensor.Data[float32](out[0]), tensor.Data[float32](in[1])
				cols := len(scale)
				if cols == 0 {
					return nil
				}
				switch {
				case maxInputs == 2:
					kernels.RMSNormF32(dst, x, scale, len(x)/cols, cols, eps)
				case hasBias:
					kernels.LayerNormF32(dst, x, scale, tensor.Data[float32](in[2]), len(x)/cols, cols, eps)
				default:
					kernels.LayerNormF32(dst, x, scale, nil, len(x)/cols, cols, eps)
				}
				if len(out) > 1 {
					rowStatistics(out[1:], x, cols, eps)
				}
				return nil
			}), err
		},
	}
}

// rowStatistics writes the mean of each row to the first of out and the inverse deviation to the second, either of which may be missing.
func rowStatistics(out []*tensor.Tensor, x []float32, cols int, eps float32) {
	for r := range len(x) / cols {
		var values [2]float32
		values[0], values[1] = kernels.Moments(x[r*cols:(r+1)*cols], eps)
		for i, t := range out {
			if t != nil {
				tensor.Data[float32](t)[r] = values[i]
			}
		}
	}
}

// keepStatistics leaves the outputs behind the first float32 where the first is a half float.
func keepStatistics(op *Op) {
	infer := op.Infer
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		out, err := infer(n, in)
		for i := range out {
			if i > 0 {
				out[i].DType = tensor.Float32
			}
		}
		return out, err
	}
}

func normAxis(n *graph.Node, in []graph.Arg) (int, error) {
	a, err := n.IntAttr("axis", -1)
	if err != nil {
		return 0, err
	}
	return axisOf(n, a, len(in[0].Shape))
}
