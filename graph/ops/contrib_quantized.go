package ops

import (
	"maps"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Quantised operators of com.microsoft, as the ONNX operators that the integer passes know.
var (
	// opDynamicQuantizeMatMul quantises A to u8 in each run.
	opDynamicQuantizeMatMul = expanded("dynamic_quantize_matmul", "DynamicQuantizeMatMul", 3, func(x *Expansion) error {
		a := x.values("DynamicQuantizeLinear", 3, nil, x.input(0))
		x.result(0, x.integerProduct(a[0], x.input(1), a[1], x.input(2), a[2], x.input(3), x.input(4)))
		return nil
	})
	opMatMulIntegerToFloat = expanded("matmul_integer_to_float", "MatMulIntegerToFloat", 4, func(x *Expansion) error {
		x.result(0, x.integerProduct(x.input(0), x.input(1), x.input(2), x.input(3), x.input(4), x.input(5), x.input(6)))
		return nil
	})
	opQLinearSoftmax = expanded("qlinear_softmax", "QLinearSoftmax", 5, func(x *Expansion) error {
		opset, err := x.Node.IntAttr("opset", 13)
		if err != nil {
			return err
		}
		axis, err := x.Node.IntAttr("axis", -1)
		real := x.value("DequantizeLinear", nil, x.input(0), x.input(1), x.input(2))
		y := x.value("Softmax", attr("axis", graph.Int(axis)), real)
		x.Nodes[len(x.Nodes)-1].Opset = max(opset, 1)
		x.result(0, x.value("QuantizeLinear", nil, y, x.input(3), x.input(4)))
		return err
	})
	// opDynamicQuantizeLSTM is an LSTM whose weights are integers, [directions, inputs, gates], with a scale and zero point for each direction
	// or for each of its gates. The activations, which onnxruntime quantises in each step, stay float32.
	opDynamicQuantizeLSTM = expanded("dynamic_quantize_lstm", "DynamicQuantizeLSTM", 12, func(x *Expansion) error {
		w, r := x.gateWeights(x.input(1), x.input(8), x.input(9)), x.gateWeights(x.input(2), x.input(10), x.input(11))
		inputs := append([]string{x.input(0), w, r}, x.Node.Inputs[3:8]...)
		for i, y := range x.values("LSTM", 3, maps.Clone(x.Node.Attrs), inputs...) {
			x.result(i, y)
		}
		return nil
	})
	// opContribQGemm is alpha·A·B + C, where C has the scale alpha·a_scale·b_scale; f32 where no scale of the result is given.
	opContribQGemm = expanded("contrib_qgemm", "QGemm", 6, func(x *Expansion) error {
		var ints [2]int64
		for i, name := range []string{"transA", "transB"} {
			var err error
			if ints[i], err = x.Node.IntAttr(name, 0); err != nil {
				return err
			}
		}
		alpha, err := x.Node.FloatAttr("alpha", 1)
		if err != nil {
			return err
		}
		a := x.value("DequantizeLinear", nil, x.input(0), x.input(1), x.input(2))
		columns := int64(1)
		if ints[1] != 0 {
			columns = 0
		}
		b := x.value("DequantizeLinear", attr("axis", graph.Int(columns)), x.input(3), x.input(4), x.input(5))
		inputs := []string{a, b}
		if c := x.input(6); c != "" {
			scale := x.value("Mul", nil, x.value("Mul", nil, x.input(1), x.input(4)), x.number(alpha))
			inputs = append(inputs, x.value("Mul", nil, x.cast(c, tensor.Float32), scale))
		}
		attrs := attr("transA", graph.Int(ints[0])).and("transB", graph.Int(ints[1])).and("alpha", graph.Float32(alpha))
		y := x.value("Gemm", attrs, inputs...)
		if x.input(7) != "" {
			y = x.value("QuantizeLinear", nil, y, x.input(7), x.input(8))
		}
		x.result(0, y)
		return nil
	})
)

// gateWeights dequantises [directions, inputs, gates] to [directions, gates, inputs].
func (x *Expansion) gateWeights(weights, scale, zero string) string {
	perDirection := func(value string) string { // [directions] or [directions, gates]
		axes := x.ints(1)
		if x.rank(value, 1) == 1 {
			axes = x.ints(1, 2)
		}
		return x.value("Unsqueeze", nil, value, axes)
	}
	real := x.value("Sub", nil, x.cast(weights, tensor.Float32), x.cast(perDirection(zero), tensor.Float32))
	return x.value("Transpose", attr("perm", graph.Ints(0, 2, 1)), x.value("Mul", nil, real, perDirection(scale)))
}

// integerProduct is A·B of integers, times both scales, plus a bias.
func (x *Expansion) integerProduct(a, b, scaleA, scaleB, zeroA, zeroB, bias string) string {
	product := x.value("MatMulInteger", nil, a, b, zeroA, zeroB)
	scale := x.value("Mul", nil, scaleA, scaleB)
	return x.plus(x.value("Mul", nil, x.cast(product, tensor.Float32), scale), bias)
}
