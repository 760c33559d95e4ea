package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Normalisations, attention and recurrent networks of float64, in plain Go: sums in ascending order, one rounding per operation.
func init() {
	onFloat64With(opLayerNorm, rowNormFloat64(true))
	onFloat64With(opRMSNorm, rowNormFloat64(false))
	onFloat64With(opInstanceNorm, func(n *graph.Node, _ []graph.Arg) (graph.Kernel, error) {
		return groupNormFloat64(n, func(channels int) int { return channels })
	})
	onFloat64With(opGroupNorm, func(n *graph.Node, _ []graph.Arg) (graph.Kernel, error) {
		groups, err := n.IntAttr("num_groups", 0)
		if err != nil {
			return nil, err
		}
		return groupNormFloat64(n, func(int) int { return int(groups) })
	})
	onFloat64With(opBatchNorm, buildBatchNormFloat64)
	onFloat64With(opLRN, func(n *graph.Node, _ []graph.Arg) (graph.Kernel, error) {
		k, err := lrnOf(n)
		return &lrnFloat64{k}, err
	})
	onFloat64With(opAttention, buildAttentionFloat64)
	onFloat64With(opFusedAttention, buildAttentionFloat64)
	for op, cell := range map[*Op]kernels.Cell{opLSTM: kernels.CellLSTM, opGRU: kernels.CellGRU, opRNN: kernels.CellRNN} {
		onFloat64With(op, func(n *graph.Node, in []graph.Arg) (graph.Kernel, error) { return buildRecurrentFloat64(n, in, cell) })
	}
}

// onFloat64With lets a float32 operator take float64 wherever it takes float32: shapes are checked alike, and build makes the kernel.
func onFloat64With(op *Op, build func(n *graph.Node, in []graph.Arg) (graph.Kernel, error)) {
	infer, build32 := op.Infer, op.Build
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if len(in) == 0 || in[0].DType != tensor.Float64 {
			return infer(n, in)
		}
		narrow := make([]graph.Arg, len(in))
		for i, a := range in {
			switch a.DType {
			case tensor.Float64:
				a = graph.Arg{DType: tensor.Float32, Shape: a.Shape}
			case tensor.Float32:
				return nil, unsupported(n, "input %d is float32 beside float64", i)
			}
			narrow[i] = a
		}
		out, err := infer(n, narrow)
		for i := range out {
			if out[i].DType == tensor.Float32 {
				out[i].DType = tensor.Float64
			}
		}
		return out, err
	}
	op.Build = func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		if in[0].DType != tensor.Float64 {
			return build32(n, in, pool)
		}
		return build(n, in)
	}
}

// momentsF64 is the mean and the population variance.
func momentsF64(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		d := v - mean
		variance += float64(d * d)
	}
	return mean, variance / float64(len(x))
}

// optionalData are the elements of value i; nil where it is missing.
func optionalData[T tensor.Numeric](list []*tensor.Tensor, i int) []T {
	if i >= len(list) || list[i] == nil {
		return nil
	}
	return tensor.Data[T](list[i])
}

// rowNormFloat64 makes LayerNormalization, which centres, or RMSNormalization. Mean and inverse deviation are float32, as ONNX has it.
func rowNormFloat64(centre bool) func(n *graph.Node, in []graph.Arg) (graph.Kernel, error) {
	return func(n *graph.Node, _ []graph.Arg) (graph.Kernel, error) {
		epsilon, err := n.FloatAttr("epsilon", 1e-5)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			x, dst, scale, bias := tensor.Data[float64](in[0]), tensor.Data[float64](out[0]), tensor.Data[float64](in[1]), optionalData[float64](in, 2)
			means, deviations := optionalData[float32](out, 1), optionalData[float32](out, 2)
			cols := len(scale)
			if cols == 0 {
				return nil
			}
			for r := range len(x) / cols {
				row := x[r*cols : (r+1)*cols]
				mean, variance := momentsF64(row)
				if !centre {
					mean, variance = 0, meanSquareF64(row)
				}
				inverse := 1 / math.Sqrt(variance+float64(epsilon))
				for i, v := range row {
					y := float64(float64((v-mean)*inverse) * scale[i])
					if bias != nil {
						y += bias[i]
					}
					dst[r*cols+i] = y
				}
				if means != nil {
					means[r] = float32(mean)
				}
				if deviations != nil {
					deviations[r] = float32(inverse)
				}
			}
			return nil
		}), err
	}
}

func meanSquareF64(x []float64) (s float64) {
	for _, v := range x {
		s += float64(v * v)
	}
	return s / float64(len(x))
}

func groupNormFloat64(n *graph.Node, groups func(channels int) int) (graph.Kernel, error) {
	epsilon, err := n.FloatAttr("epsilon", 1e-5)
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		x, dst, scale, bias := tensor.Data[float64](in[0]), tensor.Data[float64](out[0]), tensor.Data[float64](in[1]), tensor.Data[float64](in[2])
		if len(x) == 0 {
			return nil
		}
		_, channels, spatial := around(in[0].Shape, 1)
		size := channels / groups(channels) * spatial
		for g := range len(x) / size {
			group := x[g*size : (g+1)*size]
			mean, variance := momentsF64(group)
			inverse := 1 / math.Sqrt(variance+float64(epsilon))
			for i, v := range group {
				c := (g*size + i) / spatial % channels
				dst[g*size+i] = float64(float64((v-mean)*inverse)*scale[c]) + bias[c]
			}
		}
		return nil
	}), err
}

func buildBatchNormFloat64(n *graph.Node, _ []graph.Arg) (graph.Kernel, error) {
	epsilon, err := n.FloatAttr("epsilon", 1e-5)
	if err != nil {
		return nil, err
	}
	momentum, err := n.FloatAttr("momentum", 0.9)
	if err != nil {
		return nil, err
	}
	training, err := TrainsBatchNorm(n)
	return &batchNormFloat64{float64(epsilon), float64(momentum), training}, err
}

// batchNormFloat64 is batchNormKernel, or in training batchNormTraining.
type batchNormFloat64 struct {
	epsilon, momentum float64
	training          bool
}

// Run implements graph.Kernel.
func (k *batchNormFloat64) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, dst, scale, bias := tensor.Data[float64](in[0]), tensor.Data[float64](out[0]), tensor.Data[float64](in[1]), tensor.Data[float64](in[2])
	batch, channels, spatial := around(in[0].Shape, 1)
	for c := range channels {
		mean, variance := tensor.Data[float64](in[3])[c], tensor.Data[float64](in[4])[c]
		if k.training {
			running := [2]float64{mean, variance}
			mean, variance = channelMomentsF64(x, c, batch, channels, spatial)
			for i, now := range []float64{mean, variance, mean, variance} {
				to := optionalData[float64](out, 1+i)
				switch {
				case to == nil:
				case i > 1: // of the batch
					to[c] = now
				default:
					to[c] = float64(running[i]*k.momentum) + float64(now*(1-k.momentum))
				}
			}
		}
		inverse := 1 / math.Sqrt(variance+k.epsilon)
		for b := range batch {
			at := (b*channels + c) * spatial
			for i, v := range x[at : at+spatial] {
				dst[at+i] = float64(float64((v-mean)*inverse)*scale[c]) + bias[c]
			}
		}
	}
	return nil
}

// channelMomentsF64 is momentsF64 of a channel of [batch × channels × spatial].
func channelMomentsF64(x []float64, c, batch, channels, spatial int) (mean, variance float64) {
	count := float64(batch * spatial)
	for b := range batch {
		for _, v := range x[(b*channels+c)*spatial:][:spatial] {
			mean += v
		}
	}
	mean /= count
	for b := range batch {
		for _, v := range x[(b*channels+c)*spatial:][:spatial] {
			d := v - mean
			variance += float64(d * d)
		}
	}
	return mean, variance / count
}

type lrnFloat64 struct{ *lrnKernel }

// ScratchBytes implements graph.ScratchKernel.
func (k *lrnFloat64) ScratchBytes([]graph.Arg) int { return 0 }

// Run implements graph.Kernel.
func (k *lrnFloat64) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, dst := tensor.Data[float64](in[0]), tensor.Data[float64](out[0])
	if len(x) == 0 {
		return nil
	}
	channels, plane := in[0].Shape[1], strideOf(in[0].Shape, 1)
	for i, v := range x {
		c := i / plane % channels
		first, end := max(0, c-(k.size-1)/2), min(channels, c+k.size/2+1)
		sum := 0.0
		for other := first; other < end; other++ {
			w := x[i+(other-c)*plane]
			sum += float64(w * w)
		}
		dst[i] = v / power(float64(k.bias)+float64(float64(k.alpha)/float64(k.size)*sum), float64(k.beta))
	}
	return nil
}
