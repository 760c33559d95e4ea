package ops

import (
	"maps"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Operators of com.microsoft that are an ONNX operator under another roof, or products, sums and activations in one.
var (
	opContribGelu       = renamed("contrib_gelu", "Gelu", 1)
	opContribTrilu      = renamed("contrib_trilu", "Trilu", 1)
	opContribPad        = renamed("contrib_pad", "Pad", 2)
	opContribQuantize   = renamed("contrib_quantize_linear", "QuantizeLinear", 2)
	opContribDequantize = renamed("contrib_dequantize_linear", "DequantizeLinear", 2)
	opContribUnique     = renamed("contrib_unique", "Unique", 1)
	opContribGatherND   = renamed("contrib_gather_nd", "GatherND", 2)

	opContribRange = expanded("contrib_range", "Range", 2, func(x *Expansion) error {
		delta := x.input(2)
		if delta == "" {
			delta = x.value("CastLike", nil, x.number(1), x.input(0))
		}
		x.result(0, x.value("Range", nil, x.input(0), x.input(1), delta))
		return nil
	})
	// opQuickGelu is x·σ(alpha·x).
	opQuickGelu = expanded("quick_gelu", "QuickGelu", 1, func(x *Expansion) error {
		alpha, err := x.Node.FloatAttr("alpha", 1.702)
		x.result(0, x.value("Swish", attr("alpha", graph.Float32(alpha)), x.input(0)))
		return err
	})
	opBiasGelu = expanded("bias_gelu", "BiasGelu", 2, func(x *Expansion) error {
		x.result(0, x.value("Gelu", nil, x.plus(x.input(0), x.input(1))))
		return nil
	})
	opFastGelu = expanded("fast_gelu", "FastGelu", 1, func(x *Expansion) error {
		x.result(0, x.fastGelu(x.plus(x.input(0), x.input(1))))
		return nil
	})
	opGemmFastGelu = expanded("gemm_fast_gelu", "GemmFastGelu", 2, func(x *Expansion) error {
		x.result(0, x.fastGelu(x.plus(x.value("MatMul", nil, x.input(0), x.input(1)), x.input(2))))
		return nil
	})
	// opBiasSplitGelu adds a bias, then multiplies the first half of the last axis by the Gelu of the second.
	opBiasSplitGelu = expanded("bias_split_gelu", "BiasSplitGelu", 2, func(x *Expansion) error {
		halves := x.values("Split", 2, attr("axis", graph.Int(-1)).and("num_outputs", graph.Int(2)), x.plus(x.input(0), x.input(1)))
		x.result(0, x.value("Mul", nil, halves[0], x.value("Gelu", nil, halves[1])))
		return nil
	})
	opBiasAdd = expanded("bias_add", "BiasAdd", 3, func(x *Expansion) error {
		x.result(0, x.plus(x.plus(x.input(0), x.input(1)), x.input(2)))
		return nil
	})
	// opBiasSoftmax counts axes as Softmax did before opset 13.
	opBiasSoftmax = expanded("bias_softmax", "BiasSoftmax", 2, func(x *Expansion) error {
		axis, err := x.Node.IntAttr("axis", 1)
		x.result(0, x.value("Softmax", attr("axis", graph.Int(axis)), x.plus(x.input(0), x.input(1))))
		x.Nodes[len(x.Nodes)-1].Opset = 12
		return err
	})
	opContribFusedGemm = expanded("contrib_fused_gemm", "FusedGemm", 2, func(x *Expansion) error {
		return x.fused("Gemm", x.Node.Inputs, "")
	})
	// opContribFusedConv adds input 3 to the convolution before the activation.
	opContribFusedConv = expanded("contrib_fused_conv", "FusedConv", 2, func(x *Expansion) error {
		return x.fused("Conv", x.Node.Inputs[:min(3, len(x.Node.Inputs))], x.input(3))
	})
	// opContribNhwcConv has channels last.
	opContribNhwcConv = expanded("contrib_nhwc_conv", "NhwcConv", 2, func(x *Expansion) error {
		inputs := slices.Clone(x.Node.Inputs)
		inputs[0] = x.value("Transpose", attr("perm", graph.Ints(0, 3, 1, 2)), inputs[0])
		x.result(0, x.value("Transpose", attr("perm", graph.Ints(0, 2, 3, 1)), x.value("Conv", maps.Clone(x.Node.Attrs), inputs...)))
		return nil
	})
)

// renamed is the ONNX operator of the same name.
func renamed(name, opType string, inputs int) *Op {
	return expanded(name, opType, inputs, func(x *Expansion) error {
		x.add(opType, slices.Clone(x.Node.Outputs), maps.Clone(x.Node.Attrs), x.Node.Inputs...)
		return nil
	})
}

func (x *Expansion) fastGelu(value string) string {
	return x.value("Gelu", attr("approximate", graph.Str("tanh")), value)
}

// fused is op with the attributes of the node, a residual, and the activation that they name.
func (x *Expansion) fused(op string, inputs []string, residual string) error {
	attrs := attrList{}
	for name, a := range x.Node.Attrs {
		switch name {
		case "activation", "activation_alpha", "activation_beta", "activation_gamma", "activation_params":
		default:
			attrs[name] = a
		}
	}
	value := x.plus(x.value(op, attrs, inputs...), residual)
	act, err := x.Node.StringAttr("activation", "")
	if err != nil {
		return err
	}
	params, err := x.activationParams()
	if err != nil {
		return err
	}
	number := func(i int, def float32) graph.Attr {
		if i < len(params) {
			def = params[i]
		}
		return graph.Float32(def)
	}
	switch act {
	case "":
	case "Relu", "Sigmoid", "Tanh", "Softsign", "Softplus":
		value = x.value(act, nil, value)
	case "LeakyRelu":
		value = x.value(act, attr("alpha", number(0, 0.01)), value)
	case "Elu":
		value = x.value(act, attr("alpha", number(0, 1)), value)
	case "HardSigmoid":
		value = x.value(act, attr("alpha", number(0, 0.2)).and("beta", number(1, 0.5)), value)
	case "Clip":
		if len(params) != 2 {
			return modelErr(x.Node, "%d parameters of Clip, expected 2", len(params))
		}
		value = x.value(act, nil, value, x.number(params[0]), x.number(params[1]))
	default:
		return unsupported(x.Node, "activation %q", act)
	}
	x.result(0, value)
	return nil
}

// activationParams are those of FusedConv, a list, or of FusedGemm, attributes one by one.
func (x *Expansion) activationParams() ([]float32, error) {
	if _, given := x.Node.Attrs["activation_params"]; given {
		return x.Node.FloatsAttr("activation_params")
	}
	var params []float32
	for _, name := range []string{"activation_alpha", "activation_beta", "activation_gamma"} {
		if _, given := x.Node.Attrs[name]; !given {
			break
		}
		v, err := x.Node.FloatAttr(name, 0)
		if err != nil {
			return nil, err
		}
		params = append(params, v)
	}
	return params, nil
}

// cast is Cast to a dtype.
func (x *Expansion) cast(value string, to tensor.DType) string {
	return x.value("Cast", attr("to", graph.Int(int64(to.ONNX()))), value)
}
