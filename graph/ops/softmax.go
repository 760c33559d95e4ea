package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Softmax and its logarithm along one axis. Before opset 13 the attribute meant "flatten from here to a matrix", with the default 1:
// then all axes from there on count as one.
var (
	opSoftmax    = softmaxOp("softmax", "Softmax", false, softmaxGrad)
	opLogSoftmax = softmaxOp("log_softmax", "LogSoftmax", true, nil)
)

func softmaxOp(name, opType string, logarithm bool, grad func(*graph.Node, *kernels.Pool) (Gradient, error)) *Op {
	return &Op{
		Name: name, Type: opType, Since: 1, Grad: grad,
		RowAxes: func(n *graph.Node, in, _ []graph.Arg, axes []int) []int {
			first, last, err := softmaxAxes(n, len(in[0].Shape))
			if err != nil || axes[0] >= first && axes[0] < last {
				return nil
			}
			return axes
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
				return nil, err
			}
			if _, _, err := softmaxAxes(n, len(in[0].Shape)); err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			first, last, err := softmaxAxes(n, len(in[0].Shape))
			if in[0].DType == tensor.Float64 {
				return &softmaxFloat64{softmaxKernel{first, last, logarithm}, false}, err
			}
			return &softmaxKernel{first, last, logarithm}, err
		},
	}
}

// softmaxAxes returns the axes first…last−1 that are normalised as one.
func softmaxAxes(n *graph.Node, rank int) (first, last int, err error) {
	legacy := n.Opset > 0 && n.Opset < 13
	def := int64(-1)
	if legacy {
		def = 1
	}
	a, err := n.IntAttr("axis", def)
	if err != nil {
		return 0, 0, err
	}
	if legacy && a == int64(rank) { // rows of one element
		return rank, rank, nil
	}
	first, err = axisOf(n, a, rank)
	if legacy {
		return first, rank, err
	}
	return first, first + 1, err
}

type softmaxKernel struct {
	first, last int
	log         bool
}

func (k *softmaxKernel) sizes(shape []int) (outer, n, inner int) {
	outer, n, inner = 1, 1, 1
	for i, d := range shape {
		switch {
		case i < k.first:
			outer *= d
		case i < k.last:
			n *= d
		default:
			inner *= d
		}
	}
	return outer, n, inner
}

// ScratchBytes implements graph.ScratchKernel.
func (k *softmaxKernel) ScratchBytes(args []graph.Arg) int {
	switch _, n, inner := k.sizes(args[0].Shape); {
	case inner > 1:
		return 4 * kernels.SoftmaxScratch(inner)
	case k.log:
		return 4 * n
	}
	return 0
}

// Run implements graph.Kernel.
func (k *softmaxKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	if len(x) == 0 {
		return nil
	}
	switch outer, n, inner := k.sizes(in[0].Shape); {
	case inner > 1:
		kernels.SoftmaxAxisF32(dst, x, outer, n, inner, k.log, floats(scratch))
	case k.log:
		kernels.LogSoftmaxF32(dst, x, outer, n, floats(scratch))
	default:
		kernels.SoftmaxF32(dst, x, outer, n)
	}
	return nil
}
