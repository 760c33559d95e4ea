package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opReduceLogSumExp is m + ln Σ e^(x−m), m the maximum or 0 where that is infinite.
var opReduceLogSumExp = &Op{
	Name: "reduce_log_sum_exp", Type: "ReduceLogSumExp", Since: 1, RowAxes: rowsReduce,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		out, err := inferReduce(n, in)
		if err == nil {
			err = wantDType(n, in, 0, tensor.Float32, tensor.Float64, tensor.Int32, tensor.Int64, tensor.Uint32, tensor.Uint64)
		}
		return out, err
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axes, err := reducedAxes(n, in)
		if in[0].DType != tensor.Float32 {
			return logSumExpFloat64{axes}, err
		}
		return &logSumExpKernel{reduceKernel{kernels.ReduceMax, nil, axisGroups(axes)}, axes}, err
	},
}

type logSumExpKernel struct {
	reduceKernel // of the maximum
	axes         []bool
}

// ScratchBytes implements graph.ScratchKernel: the exponentials, the maxima, and what the reductions need.
func (k *logSumExpKernel) ScratchBytes(args []graph.Arg) int {
	n, _ := tensor.Elements(args[0].Shape)
	return multiplied(8, n) + k.reduceKernel.ScratchBytes(args)
}

// Run implements graph.Kernel.
func (k *logSumExpKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	if len(x) == 0 {
		fill(dst, float32(math.Inf(-1)))
		return nil
	}
	free := floats(scratch)
	e, m, rest := free[:len(x)], free[len(x):len(x)+len(dst)], free[2*len(x):]
	k.reduceTo(m, x, in[0].Shape, kernels.ReduceMax, rest)
	for i, v := range m {
		if !(v >= -math.MaxFloat32 && v <= math.MaxFloat32) {
			m[i] = 0
		}
	}
	var space [kernels.MaxAxes]int
	kept := space[:len(in[0].Shape)]
	for axis, d := range in[0].Shape {
		if kept[axis] = d; k.axes[axis] {
			kept[axis] = 1
		}
	}
	broadcast(e, x, m, in[0].Shape, in[0].Shape, kept, kernels.SubF32)
	kernels.ExpF32(e, e)
	k.reduceTo(dst, e, in[0].Shape, kernels.ReduceSum, rest)
	kernels.LogF32(dst, dst)
	kernels.AddF32(dst, dst, m)
	return nil
}
