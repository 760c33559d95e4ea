package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// BatchNormalization with training_mode=1 normalises each channel by its own mean and variance over the batch, and moves the running
// statistics, outputs 1 and 2, a part 1 − momentum of the way to them. The elements of a channel are summed in the order in which they lie.

func inferTraining(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if _, err := n.FloatAttr("momentum", 0); err != nil {
		return nil, err
	}
	if len(n.Outputs) > 3 {
		return nil, modelErr(n, "%d outputs", len(n.Outputs))
	}
	statistics := graph.Arg{DType: tensor.Float32, Shape: in[1].Shape}
	out := []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}, statistics, statistics}
	return out[:max(1, len(n.Outputs))], nil
}

func buildTraining(n *graph.Node, eps float32) (graph.Kernel, error) {
	momentum, err := n.FloatAttr("momentum", 0.9)
	return &batchNormTraining{eps, momentum}, err
}

type batchNormTraining struct{ eps, momentum float32 }

// ScratchBytes implements graph.ScratchKernel: a channel, then mean, variance, scale and shift of all.
func (k *batchNormTraining) ScratchBytes(args []graph.Arg) int {
	batch, channels, spatial := around(args[0].Shape, 1)
	if size, ok := tensor.Elements([]int{4, batch, spatial}); ok {
		return size + 16*channels
	}
	return math.MaxInt / 2 // beyond every limit
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
	for i, now := range [][]float32{mean, variance} {
		if i+1 < len(out) {
			moved := tensor.Data[float32](out[i+1])
			for c, old := range tensor.Data[float32](in[3+i]) {
				moved[c] = float32(old*k.momentum) + float32(now[c]*(1-k.momentum))
			}
		}
	}
	kernels.BatchNormScale(scale, shift, tensor.Data[float32](in[1]), tensor.Data[float32](in[2]), mean, variance, k.eps)
	kernels.BatchNormF32(tensor.Data[float32](out[0]), x, scale, shift, batch, channels, spatial)
	return nil
}
