package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opBatchNorm normalises [batch × channels × spatial…] by statistics of each channel: given ones, or in training those of the batch.
var opBatchNorm = &Op{
	Name: "batch_norm", Type: "BatchNormalization", Since: 6, MinInputs: 5,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		training, err := TrainsBatchNorm(n)
		return err == nil && !training && rowsFirst(n, in, rows)
	},
	Infer: inferBatchNorm, Build: buildBatchNorm,
}

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
	if err == nil && !training && len(n.Outputs) > 1 {
		err = unsupported(n, "outputs for training without it")
	}
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

// buildBatchNorm turns the statistics into a scale and a shift, now where they are constants.
func buildBatchNorm(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	eps, err := n.FloatAttr("epsilon", 1e-5)
	if err != nil {
		return nil, err
	}
	training, err := TrainsBatchNorm(n)
	if err != nil {
		return nil, err
	}
	if training {
		momentum, err := n.FloatAttr("momentum", 0.9)
		return &batchNormTraining{eps: eps, momentum: momentum}, err
	}
	k := &batchNormKernel{eps: eps}
	for i := 1; i < 5; i++ {
		if !hasConst(in, i) {
			return k, nil
		}
	}
	channels := in[1].Shape[0]
	k.scale, k.shift = make([]float32, channels), make([]float32, channels)
	kernels.BatchNormScale(k.scale, k.shift, tensor.Data[float32](in[1].Const), tensor.Data[float32](in[2].Const), tensor.Data[float32](in[3].Const), tensor.Data[float32](in[4].Const), eps)
	return k, nil
}

type batchNormKernel struct {
	eps          float32
	scale, shift []float32 // nil where the statistics are not constant
}

// ScratchBytes implements graph.ScratchKernel.
func (k *batchNormKernel) ScratchBytes(args []graph.Arg) int {
	if k.scale != nil {
		return 0
	}
	return 8 * args[0].Shape[1]
}

// Run implements graph.Kernel.
func (k *batchNormKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	batch, channels, spatial := around(in[0].Shape, 1)
	scale, shift := k.scale, k.shift
	if scale == nil {
		free := floats(scratch)
		scale, shift = free[:channels], free[channels:2*channels]
		kernels.BatchNormScale(scale, shift, tensor.Data[float32](in[1]), tensor.Data[float32](in[2]), tensor.Data[float32](in[3]), tensor.Data[float32](in[4]), k.eps)
	}
	kernels.BatchNormF32(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), scale, shift, batch, channels, spatial)
	return nil
}

// batchNormTraining normalises each channel by its own mean and population variance over the batch, whose elements are summed in the order
// in which they lie. running = running·momentum + batch·(1 − momentum).
type batchNormTraining struct{ eps, momentum float32 }

// ScratchBytes implements graph.ScratchKernel: a channel, then mean, variance, scale and shift of all.
func (k *batchNormTraining) ScratchBytes(args []graph.Arg) int {
	batch, channels, spatial := around(args[0].Shape, 1)
	return multiplied(multiplied(4, batch), spatial) + multiplied(16, channels)
}

// Run implements graph.Kernel.
func (k *batchNormTraining) Run(in, out []*tensor.Tensor, scratch []byte) error {
	batch, channels, spatial := around(in[0].Shape, 1)
	memory, x := floats(scratch), tensor.Data[float32](in[0])
	own, memory := memory[:batch*spatial], memory[batch*spatial:]
	var rows [4][]float32
	for i := range rows {
		rows[i] = memory[i*channels : (i+1)*channels]
	}
	mean, variance, scale, shift := rows[0], rows[1], rows[2], rows[3]
	for c := range channels {
		for b := range batch {
			copy(own[b*spatial:(b+1)*spatial], x[(b*channels+c)*spatial:])
		}
		mean[c], variance[c] = kernels.MomentsF32(own)
	}
	for i, now := range [][]float32{mean, variance, mean, variance} {
		if 1+i >= len(out) || out[1+i] == nil {
			continue
		}
		moved := tensor.Data[float32](out[1+i])
		if i > 1 { // of the batch
			copy(moved, now)
			continue
		}
		for c, old := range tensor.Data[float32](in[3+i]) {
			moved[c] = float32(old*k.momentum) + float32(now[c]*(1-k.momentum))
		}
	}
	kernels.BatchNormScale(scale, shift, tensor.Data[float32](in[1]), tensor.Data[float32](in[2]), mean, variance, k.eps)
	kernels.BatchNormF32(tensor.Data[float32](out[0]), x, scale, shift, batch, channels, spatial)
	return nil
}
