package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Losses of classes along axis 1 of scores [N, C, d₁, …] for labels [N, d₁, …]: minus the log-probability of the label, which is the score
// itself or its LogSoftmax (output 1, which is optional), times the weight of the class. "reduction" leaves the losses as they are, adds
// them up, or divides their sum by the sum of the weights of their labels. A label that is ignore_index counts for nothing. Sums have the
// order of ReduceSum.
var (
	opNLLLoss     = viaFloat32(lossOp("negative_log_likelihood_loss", "NegativeLogLikelihoodLoss", false))
	opSoftmaxLoss = viaFloat32(lossOp("softmax_cross_entropy_loss", "SoftmaxCrossEntropyLoss", true))
)

func lossOp(name, opType string, softmax bool) *Op {
	return &Op{
		Name: name, Type: opType, Since: 12, MinInputs: 2,
		Rows: func(n *graph.Node, _ []graph.Arg, rows []bool) bool {
			l, err := readLoss(n)
			return err == nil && l.reduction == "none" && rows[0] && rows[1] && (len(rows) < 3 || !rows[2])
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			l, err := readLoss(n)
			if err != nil {
				return nil, err
			}
			if err := arity(n, in, 2, 3); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 1, tensor.Int64, tensor.Int32); err != nil {
				return nil, err
			}
			x := in[0].Shape
			if len(x) < 2 || !slices.Equal(in[1].Shape, slices.Concat(x[:1], x[2:])) {
				return nil, modelErr(n, "scores of shape %v and labels of shape %v", x, in[1].Shape)
			}
			if present(in, 2) && (in[2].DType != in[0].DType || !slices.Equal(in[2].Shape, x[1:2])) {
				return nil, modelErr(n, "weights are %s %v, expected %s %v", in[2].DType, in[2].Shape, in[0].DType, x[1:2])
			}
			loss := graph.Arg{DType: in[0].DType, Shape: []int{}}
			if l.reduction == "none" {
				loss.Shape = in[1].Shape
			}
			if softmax && len(n.Outputs) > 1 {
				return []graph.Arg{loss, {DType: in[0].DType, Shape: x}}, nil
			}
			return []graph.Arg{loss}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			l, err := readLoss(n)
			l.softmax, l.logProb, l.weighted = softmax, len(n.Outputs) > 1, present(in, 2)
			if in[0].DType == tensor.Float64 {
				return &lossKernel[float64]{l, logSoftmaxF64, plainSums[float64]().sum}, err
			}
			return &lossKernel[float32]{l, logSoftmaxF32, float32Sums(nil).sum}, err
		},
	}
}

// loss is what a node says.
type loss struct {
	node                       string
	reduction                  string
	ignored                    int64
	ignores                    bool
	softmax, logProb, weighted bool
}

func readLoss(n *graph.Node) (loss, error) {
	l := loss{node: n.String()}
	var err error
	if l.reduction, err = n.StringAttr("reduction", "mean"); err != nil {
		return l, err
	}
	if l.reduction != "none" && l.reduction != "sum" && l.reduction != "mean" {
		return l, modelErr(n, "attribute \"reduction\" is %q, expected none, sum or mean", l.reduction)
	}
	_, l.ignores = n.Attrs["ignore_index"]
	l.ignored, err = n.IntAttr("ignore_index", 0)
	return l, err
}

type lossKernel[T float32 | float64] struct {
	loss
	logSoftmax func(dst, x []T, outer, classes, inner int, scratch []T)
	sum        func(dst, x []T, n int)
}

// ScratchBytes implements graph.ScratchKernel: losses, weights and their sum, the log-probabilities unless they are an output, and what LogSoftmax
// needs.
func (k *lossKernel[T]) ScratchBytes(args []graph.Arg) int {
	samples, _ := tensor.Elements(args[1].Shape)
	_, classes, inner := around(args[0].Shape, 1)
	size := 2*samples + 1
	if k.softmax {
		if !k.logProb {
			size += samples * classes
		}
		size += max(classes, kernels.SoftmaxScratch(inner))
	}
	return size * args[0].DType.Size()
}

// Run implements graph.Kernel.
func (k *lossKernel[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	t := tensor.Tensor{DType: in[0].DType, Bytes: scratch}
	memory := tensor.Data[T](&t)
	x, samples := tensor.Data[T](in[0]), in[1].Len()
	outer, classes, inner := around(in[0].Shape, 1)
	losses, factors, total := memory[:samples], memory[samples:2*samples], memory[2*samples:2*samples+1]
	memory = memory[2*samples+1:]
	if k.softmax {
		y := memory
		if k.logProb {
			y = tensor.Data[T](out[1])
		} else {
			y, memory = memory[:len(x)], memory[len(x):]
		}
		k.logSoftmax(y, x, outer, classes, inner, memory)
		x = y
	}
	var weights []T
	if k.weighted {
		weights = tensor.Data[T](in[2])
	}
	for i := range losses {
		losses[i], factors[i] = 0, 0
		label := intAt(in[1], i)
		if k.ignores && label == k.ignored {
			continue
		}
		if label < 0 || label >= int64(classes) {
			return inputErr(k.node, "label %d at %d, expected 0 to %d", label, i, classes-1)
		}
		factors[i] = 1
		if weights != nil {
			factors[i] = weights[label]
		}
		losses[i] = -x[(i/inner*classes+int(label))*inner+i%inner] * factors[i]
	}
	y := tensor.Data[T](out[0])
	if k.reduction == "none" {
		copy(y, losses)
		return nil
	}
	k.sum(y, losses, samples)
	if k.reduction == "mean" {
		k.sum(total, factors, samples)
		y[0] /= total[0]
	}
	return nil
}

// logSoftmaxF32 normalises the middle axis.
func logSoftmaxF32(dst, x []float32, outer, classes, inner int, scratch []float32) {
	switch {
	case len(x) == 0:
	case inner > 1:
		kernels.SoftmaxAxisF32(dst, x, outer, classes, inner, true, scratch)
	default:
		kernels.LogSoftmaxF32(dst, x, outer, classes, scratch)
	}
}

// logSoftmaxF64 is x − max − log Σ exp(x − max), the sum in ascending order.
func logSoftmaxF64(dst, x []float64, outer, classes, inner int, _ []float64) {
	if len(x) == 0 {
		return
	}
	for o := range outer {
		for i := range inner {
			at := o*classes*inner + i
			highest, sum := x[at], 0.0
			for c := range classes {
				highest = maximum(highest, x[at+c*inner])
			}
			for c := range classes {
				sum += expF64(x[at+c*inner] - highest)
			}
			sum = logF64(sum)
			for c := range classes {
				dst[at+c*inner] = x[at+c*inner] - highest - sum
			}
		}
	}
}
