package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Activations with attributes.
var (
	opHardSigmoid = unaryAttrF32("hard_sigmoid", "HardSigmoid", 6, func(n *graph.Node) (func(dst, x []float32), error) {
		alpha, err := n.FloatAttr("alpha", 0.2)
		if err != nil {
			return nil, err
		}
		beta, err := n.FloatAttr("beta", 0.5)
		return func(dst, x []float32) { kernels.HardSigmoidF32(dst, x, alpha, beta) }, err
	})
	opLeakyRelu = unaryAttrF32("leaky_relu", "LeakyRelu", 6, func(n *graph.Node) (func(dst, x []float32), error) {
		alpha, err := n.FloatAttr("alpha", 0.01)
		return func(dst, x []float32) { kernels.LeakyReluF32(dst, x, alpha) }, err
	})
	opElu = unaryAttrF32("elu", "Elu", 6, func(n *graph.Node) (func(dst, x []float32), error) {
		alpha, err := n.FloatAttr("alpha", 1)
		return func(dst, x []float32) { kernels.EluF32(dst, x, alpha) }, err
	})
	opGelu = unaryAttrF32("gelu", "Gelu", 20, func(n *graph.Node) (func(dst, x []float32), error) {
		form, err := n.StringAttr("approximate", "none")
		switch {
		case err != nil:
			return nil, err
		case form == "none":
			return kernels.GeluF32, nil
		case form == "tanh":
			return kernels.GeluTanhF32, nil
		}
		return nil, modelErr(n, "attribute \"approximate\" is %q, expected \"none\" or \"tanh\"", form)
	})
	opSwish = unaryAttrF32("swish", "Swish", 24, func(n *graph.Node) (func(dst, x []float32), error) {
		alpha, err := n.FloatAttr("alpha", 1)
		if err == nil && alpha != 1 {
			err = unsupported(n, "alpha %g, expected 1", alpha)
		}
		return kernels.SiluF32, err
	})
)

// opClip takes its bounds from inputs, before opset 11 from attributes. A missing bound is the lowest or highest float.
var opClip = &Op{
	Name: "clip", Type: "Clip", Since: 6, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 3); err != nil {
			return nil, err
		}
		for i := range in {
			if !present(in, i) {
				continue
			}
			if err := wantDType(n, in, i, tensor.Float32); err != nil {
				return nil, err
			}
			if size, _ := tensor.Elements(in[i].Shape); i > 0 && size != 1 {
				return nil, modelErr(n, "input %d has shape %v, expected a scalar", i, in[i].Shape)
			}
		}
		if _, _, err := clipAttrs(n); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		lowest, highest, err := clipAttrs(n)
		if err != nil {
			return nil, err
		}
		hasLo, hasHi := present(in, 1), present(in, 2)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			lo, hi := lowest, highest
			if hasLo {
				lo = tensor.Data[float32](in[1])[0]
			}
			if hasHi {
				hi = tensor.Data[float32](in[2])[0]
			}
			kernels.ClipF32(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), lo, hi)
			return nil
		}), nil
	},
}

func clipAttrs(n *graph.Node) (lo, hi float32, err error) {
	if lo, err = n.FloatAttr("min", -math.MaxFloat32); err != nil {
		return 0, 0, err
	}
	hi, err = n.FloatAttr("max", math.MaxFloat32)
	return lo, hi, err
}
