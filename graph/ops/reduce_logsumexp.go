package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opReduceLogSumExp is m + ln Σ e^(x−m), m the maximum or 0 where that is infinite, over one run of adjacent axes.
var opReduceLogSumExp = &Op{
	Name: "reduce_log_sum_exp", Type: "ReduceLogSumExp", Since: 1, Rows: rowsReduce,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		out, err := inferReduce(n, in)
		if err != nil {
			return nil, err
		}
		axes, err := reducedAxes(n, in)
		if err == nil && len(axisGroups(axes)) != 1 {
			err = unsupported(n, "axes that are not adjacent")
		}
		return out, err
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axes, err := reducedAxes(n, in)
		return &logSumExpKernel{reduceKernel{kernels.ReduceMax, nil, axisGroups(axes)}}, err
	},
}

type logSumExpKernel struct{ reduceKernel }

// ScratchBytes implements graph.ScratchKernel: the exponentials, the maxima, and what the reductions need.
func (k *logSumExpKernel) ScratchBytes(args []graph.Arg) int {
	outer, n, inner := k.outerNInner(0, args[0].Shape)
	return 4 * (outer*n*inner + outer*inner + kernels.ReduceScratch(n, inner))
}

// Run implements graph.Kernel.
func (k *logSumExpKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, dst, free := tensor.Data[float32](in[0]), tensor.Data[float32](out[0]), floats(scratch)
	outer, n, inner := k.outerNInner(0, in[0].Shape)
	e, m, rest := free[:len(x)], free[len(x):len(x)+len(dst)], free[len(x)+len(dst):]
	kernels.ReduceF32(kernels.ReduceMax, m, x, outer, n, inner, rest)
	for i, v := range m {
		if !(v >= -math.MaxFloat32 && v <= math.MaxFloat32) {
			m[i] = 0
		}
	}
	for row := range outer * n {
		at, o := row*inner, row/n*inner
		kernels.SubF32(e[at:at+inner], x[at:at+inner], m[o:o+inner])
	}
	kernels.ExpF32(e, e)
	kernels.ReduceF32(kernels.ReduceSum, dst, e, outer, n, inner, rest)
	kernels.LogF32(dst, dst)
	kernels.AddF32(dst, dst, m)
	return nil
}
