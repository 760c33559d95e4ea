package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Layer and RMS normalisation work on the axes from "axis" on, whose shape scale and bias have. Outputs 1 and 2 of the former, which are
// optional, are the mean and 1/√(variance + epsilon) of each row.
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
			if len(n.Outputs) > 1 && maxInputs == 2 || len(n.Outputs) > 3 {
				return nil, modelErr(n, "%d outputs", len(n.Outputs))
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
					fail := modelErr // only what stands for all of the axes would have a meaning
					if whole, err := broadcastShape(n, in[i].Shape, in[0].Shape[axis:]); err == nil && slices.Equal(whole, in[0].Shape[axis:]) {
						fail = unsupported
					}
					return nil, fail(n, "input %d has shape %v, expected %v", i, in[i].Shape, in[0].Shape[axis:])
				}
			}
			if _, err := n.FloatAttr("epsilon", 0); err != nil {
				return nil, err
			}
			moments := slices.Clone(in[0].Shape)
			for i := axis; i < len(moments); i++ {
				moments[i] = 1
			}
			out := []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}, {DType: tensor.Float32, Shape: moments}, {DType: tensor.Float32, Shape: moments}}
			return out[:max(1, len(n.Outputs))], nil
		},
		Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
			eps, err := n.FloatAttr("epsilon", 1e-5)
			hasBias := present(in, 2)
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				x, dst, scale := tensor.Data[float32](in[0]), tensor.Data[float32](out[0]), tensor.Data[float32](in[1])
				cols := len(scale)
				if cols == 0 {
					return nil
				}
				writeMoments(out[1:], x, cols, eps)
				switch {
				case maxInputs == 2:
					kernels.RMSNormF32(pool, dst, x, scale, len(x)/cols, cols, eps)
				case hasBias:
					kernels.LayerNormF32(pool, dst, x, scale, tensor.Data[float32](in[2]), len(x)/cols, cols, eps)
				default:
					kernels.LayerNormF32(pool, dst, x, scale, nil, len(x)/cols, cols, eps)
				}
				return nil
			}), err
		},
	}
}

// writeMoments writes the mean and 1/√(variance + eps) of each row to as many outputs as there are.
func writeMoments(out []*tensor.Tensor, x []float32, cols int, eps float32) {
	if len(out) == 0 {
		return
	}
	for r := range len(x) / cols {
		mean, variance := kernels.MomentsF32(x[r*cols : (r+1)*cols])
		tensor.Data[float32](out[0])[r] = mean
		if len(out) > 1 {
			tensor.Data[float32](out[1])[r] = kernels.InverseRootF32(variance, eps)
		}
	}
}

// keepStatistics leaves the outputs behind the first float32 where the first is another float.
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
