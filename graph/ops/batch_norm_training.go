package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// TrainsBatchNorm reports whether a BatchNormalization takes its statistics from the batch: since opset 14 by an attribute, before by its
// number of outputs, in opset 6 by another attribute.
func TrainsBatchNorm(n *graph.Node) (bool, error) {
	spatial, err := n.IntAttr("spatial", 1)
	if err == nil && spatial == 0 {
		err = unsupported(n, "statistics of every feature (spatial=0)")
	}
	if err != nil {
		return false, err
	}
	switch {
	case n.Opset == 0 || n.Opset >= 14:
		training, err := n.IntAttr("training_mode", 0)
		return training != 0, err
	case n.Opset >= 7:
		return len(n.Outputs) > 1, nil
	}
	test, err := n.IntAttr("is_test", 0)
	return test == 0, err
}

// inferBatchNorm: in training, running mean and variance follow the result, and before opset 14 those of the batch.
func inferBatchNorm(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	training, err := TrainsBatchNorm(n)
	if err != nil {
		return nil, err
	}
	out, err := inferChannelNorm(n, in, 5, 2)
	if err != nil || !training {
		return out, err
	}
	if _, err := n.FloatAttr("momentum", 0); err != nil {
		return nil, err
	}
	count := 3
	if n.Opset > 0 && n.Opset < 14 {
		count = 5
	}
	for len(out) < count {
		out = append(out, graph.Arg{DType: in[0].DType, Shape: in[1].Shape})
	}
	return out[:max(1, min(count, len(n.Outputs)))], nil
}

// batchNormTraining normalises by the mean and the population variance of each channel: the sums of the planes of SumF32 and SumSquareF32,
// in the order of the batch. running = running·momentum + batch·(1 − momentum).
type batchNormTraining struct{ eps, momentum float32 }

// ScratchBytes implements graph.ScratchKernel: mean, variance, scale and shift of each channel.
func (k *batchNormTraining) ScratchBytes(args []graph.Arg) int { return 16 * args[0].Shape[1] }

// Run implements graph.Kernel.
func (k *batchNormTraining) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x := tensor.Data[float32](in[0])
	batch, channels, spatial := around(in[0].Shape, 1)
	free := floats(scratch)
	mean, variance, scale, shift := free[:channels], free[channels:2*channels], free[2*channels:3*channels], free[3*channels:4*channels]
	count := float32(batch * spatial)
	for c := range channels {
		var sum, squares float32
		for b := range batch {
			sum += kernels.SumF32(x[(b*channels+c)*spatial:][:spatial])
		}
		mean[c] = sum / count
		for b := range batch {
			squares += kernels.SumSquareF32(x[(b*channels+c)*spatial:][:spatial], mean[c])
		}
		variance[c] = squares / count
	}
	kernels.BatchNormScale(scale, shift, tensor.Data[float32](in[1]), tensor.Data[float32](in[2]), mean, variance, k.eps)
	for i, current := range [][]float32{mean, variance, mean, variance} {
		if 1+i >= len(out) || out[1+i] == nil {
			continue
		}
		dst := tensor.Data[float32](out[1+i])
		if i > 1 { // of the batch
			copy(dst, current)
			continue
		}
		for c, old := range tensor.Data[float32](in[3+i]) {
			dst[c] = float32(old*k.momentum) + float32(current[c]*(1-k.momentum))
		}
	}
	kernels.BatchNormF32(tensor.Data[float32](out[0]), x, scale, shift, batch, channels, spatial)
	return nil
}
