package ops

import (
	"github.com/hotpath/hotpath/graph"
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
	opCelu = unaryAttrF32("celu", "Celu", 12, func(n *graph.Node) (func(dst, x []float32), error) {
		alpha, err := n.FloatAttr("alpha", 1)
		if err == nil && !(alpha > 0) {
			err = unsupported(n, "alpha %g, expected a positive number", alpha)
		}
		return func(dst, x []float32) { kernels.CeluF32(dst, x, alpha) }, err
	})
	opSelu = unaryAttrF32("selu", "Selu", 6, func(n *graph.Node) (func(dst, x []float32), error) {
		alpha, err := n.FloatAttr("alpha", 1.67326319217681884765625)
		if err != nil {
			return nil, err
		}
		gamma, err := n.FloatAttr("gamma", 1.05070102214813232421875)
		return func(dst, x []float32) { kernels.SeluF32(dst, x, alpha, gamma) }, err
	})
	opThresholdedRelu = unaryAttrF32("thresholded_relu", "ThresholdedRelu", 10, func(n *graph.Node) (func(dst, x []float32), error) {
		alpha, err := n.FloatAttr("alpha", 1)
		return func(dst, x []float32) { kernels.ThresholdedReluF32(dst, x, alpha) }, err
	})
	opShrink = unaryAttrF32("shrink", "Shrink", 9, func(n *graph.Node) (func(dst, x []float32), error) {
		bias, err := n.FloatAttr("bias", 0)
		if err != nil {
			return nil, err
		}
		lambda, err := n.FloatAttr("lambd", 0.5)
		return func(dst, x []float32) { kernels.ShrinkF32(dst, x, bias, lambda) }, err
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
	opSwish = unaryAttrF32("swish", "Swish", 24, swishF32)
)

// swishF32 makes x·σ(alpha·x).
func swishF32(n *graph.Node) (func(dst, x []float32), error) {
	alpha, err := n.FloatAttr("alpha", 1)
	if alpha == 1 || err != nil {
		return kernels.SiluF32, err
	}
	scale := []float32{alpha}
	return func(dst, x []float32) { // SiLU(alpha·x)/alpha
		if alpha == 0 {
			kernels.AffineF32(dst, x, 0, 0.5, 0)
			return
		}
		kernels.MulF32(dst, x, scale)
		kernels.SiluF32(dst, dst)
		kernels.DivF32(dst, dst, scale)
	}, nil
}
