package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opDropout passes its input through, and the mask, which is optional, is all true. Where input 2 says so (since opset 12), it is the
// training form instead: an element is 0 where a uniform number is below the ratio of input 1, otherwise it is divided by 1 − ratio.
var opDropout = &Op{
	Name: "dropout", Type: "Dropout", Since: 7,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		return !present(in, 2) && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 3); err != nil {
			return nil, err
		}
		if in[0].DType.Composite() {
			return nil, unsupported(n, "input 0 is %s", in[0].DType)
		}
		mask := tensor.Bool
		if n.Opset > 0 && n.Opset < 10 {
			mask = in[0].DType
		}
		out := []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}, {DType: mask, Shape: in[0].Shape}}
		if mask != tensor.Bool && len(n.Outputs) > 1 {
			return nil, unsupported(n, "the mask before opset 10")
		}
		if !present(in, 2) {
			return out, nil
		}
		if err := wantDType(n, in, 0, floatTypes...); err != nil {
			return nil, err
		}
		if size, _ := tensor.Elements(in[2].Shape); in[2].DType != tensor.Bool || size != 1 {
			return nil, modelErr(n, "training_mode is %s of shape %v, expected a bool", in[2].DType, in[2].Shape)
		}
		if present(in, 1) {
			if size, _ := tensor.Elements(in[1].Shape); size != 1 {
				return nil, modelErr(n, "the ratio has shape %v, expected a scalar", in[1].Shape)
			}
			return out, wantDType(n, in, 1, floatTypes...)
		}
		return out, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		seed := int64(seedOfName(n))
		if _, given := n.Attrs["seed"]; given {
			var err error
			if seed, err = n.IntAttr("seed", 0); err != nil {
				return nil, err
			}
		}
		name, canTrain, hasRatio, masked := n.String(), present(in, 2), present(in, 1), len(n.Outputs) > 1
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			var mask []bool
			if masked {
				mask = tensor.Data[bool](out[1])
			}
			ratio := 0.5
			if hasRatio && canTrain {
				ratio = floatAt(in[1], 0)
			}
			if !(ratio >= 0 && ratio < 1) {
				return inputErr(name, "ratio %g", ratio)
			}
			if !canTrain || ratio == 0 || !tensor.Data[bool](in[2])[0] {
				copyElements(out[0], in[0])
				for i := range mask {
					mask[i] = true
				}
				return nil
			}
			drop(out[0], in[0], mask, uint32(seed), ratio)
			return nil
		}), nil
	},
}

func drop(dst, x *tensor.Tensor, mask []bool, seed uint32, ratio float64) {
	var r randomSource
	r.seed(seed)
	scale := 1 / (1 - ratio)
	for i := range x.Len() {
		kept := r.uniform() >= ratio
		if mask != nil {
			mask[i] = kept
		}
		if kept {
			setFloat(dst, i, floatAt(x, i)*scale)
		} else {
			setFloat(dst, i, 0)
		}
	}
}
