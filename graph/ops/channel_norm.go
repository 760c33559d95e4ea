package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Normalisations of [batch × channels × spatial…] whose parameters are vectors over the channels.
var (
	opInstanceNorm = &Op{
		Name: "instance_norm", Type: "InstanceNormalization", Since: 6, MinInputs: 3, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) { return inferChannelNorm(n, in, 3, 3) },
		Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			return groupNormKernel(n, func(channels int) int { return channels })
		},
	}
	// Since opset 21 scale and bias are per channel; before they were per group.
	opGroupNorm = &Op{
		Name: "group_norm", Type: "GroupNormalization", Since: 21, MinInputs: 3, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			out, err := inferChannelNorm(n, in, 3, 3)
			if err != nil {
				return nil, err
			}
			groups, err := n.IntAttr("num_groups", 0)
			if channels := int64(in[0].Shape[1]); err == nil && (groups < 1 || groups > channels || channels%groups != 0) {
				err = modelErr(n, "%d groups of %d channels", groups, channels)
			}
			return out, err
		},
		Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			groups, err := n.IntAttr("num_groups", 0)
			if err != nil {
				return nil, err
			}
			return groupNormKernel(n, func(int) int { return int(groups) })
		},
	}
)

// inferChannelNorm checks exactly inputs inputs: x of at least minRank axes, then vectors over the channels.
func inferChannelNorm(n *graph.Node, in []graph.Arg, inputs, minRank int) ([]graph.Arg, error) {
	if err := arity(n, in, inputs, inputs); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < minRank {
		return nil, modelErr(n, "input has shape %v, expected at least %d axes", in[0].Shape, minRank)
	}
	for i, a := range in {
		if err := wantDType(n, in, i, tensor.Float32); err != nil {
			return nil, err
		}
		if i > 0 && (len(a.Shape) != 1 || a.Shape[0] != in[0].Shape[1]) {
			return nil, modelErr(n, "input %d has shape %v, expected one value for each of %d channels", i, a.Shape, in[0].Shape[1])
		}
	}
	if _, err := n.FloatAttr("epsilon", 0); err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
}

func groupNormKernel(n *graph.Node, groups func(channels int) int) (graph.Kernel, error) {
	eps, err := n.FloatAttr("epsilon", 1e-5)
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		x, scale, bias := tensor.Data[float32](in[0]), tensor.Data[float32](in[1]), tensor.Data[float32](in[2])
		if len(x) == 0 {
			return nil
		}
		batch, channels, spatial := around(in[0].Shape, 1)
		kernels.GroupNormF32(tensor.Data[float32](out[0]), x, scale, bias, batch, channels, groups(channels), spatial, eps)
		return nil
	}), err
}
