package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Normalisations of com.microsoft: ONNX ones behind sums.
var (
	// opSkipLayerNorm normalises input + skip + bias, which is output 3.
	opSkipLayerNorm = expanded("skip_layer_norm", "SkipLayerNormalization", 3, func(x *Expansion) error {
		sum := x.plus(x.plus(x.input(0), x.input(1)), x.input(4))
		return x.layerNorm(sum, x.input(2), x.input(3), 3)
	})
	opSkipRMSNorm = expanded("skip_rms_norm", "SkipSimplifiedLayerNormalization", 3, func(x *Expansion) error {
		sum := x.plus(x.plus(x.input(0), x.input(1)), x.input(3))
		eps, err := epsilon(x.Node, 1e-12)
		if err != nil {
			return err
		}
		x.result(0, x.value("RMSNormalization", eps, sum, x.input(2)))
		x.result(3, sum)
		return x.unwanted(1, 2)
	})
	// opSimplifiedNorm is RMSNormalization. onnxruntime writes it in the domain of ONNX; some exporters in its own.
	opSimplifiedNorm        = simplifiedNorm("simplified_layer_norm", graph.DomainONNX)
	opContribSimplifiedNorm = simplifiedNorm("contrib_simplified_layer_norm", graph.DomainMicrosoft)

	// opEmbedLayerNorm adds up the rows that words, positions (0, 1, … where input 8 does not say) and segments have in their tables, and
	// normalises the sum, which is output 2. Output 1 counts the words that the mask keeps.
	opEmbedLayerNorm = expanded("embed_layer_norm", "EmbedLayerNormalization", 7, func(x *Expansion) error {
		ids, positions := x.input(0), x.input(8)
		if positions == "" {
			ones := x.value("Add", nil, x.value("Mul", nil, x.cast(ids, tensor.Int64), x.constant(tensor.Of([]int64{0}))), x.constant(tensor.Of([]int64{1})))
			positions = x.value("CumSum", attr("exclusive", graph.Int(1)), ones, x.constant(tensor.Of([]int64{1})))
		}
		sum := x.plus(x.value("Gather", nil, x.input(2), ids), x.value("Gather", nil, x.input(3), positions))
		if segments := x.input(1); segments != "" {
			sum = x.plus(sum, x.value("Gather", nil, x.input(4), segments))
		}
		if x.wants(1) {
			mask := x.input(7)
			if mask == "" {
				mask = x.value("Mul", nil, ids, x.whole(0))
			}
			count := x.value("ReduceSum", attr("keepdims", graph.Int(0)), x.cast(mask, tensor.Float32), x.ints(1))
			x.result(1, x.cast(count, tensor.Int32))
		}
		return x.layerNorm(sum, x.input(5), x.input(6), 2)
	})
	opContribGroupNorm = expanded("contrib_group_norm", "GroupNorm", 3, func(x *Expansion) error {
		return x.groupNorm(x.input(0))
	})
	// opSkipGroupNorm normalises x + skip + bias, which is output 1.
	opSkipGroupNorm = expanded("skip_group_norm", "SkipGroupNorm", 4, func(x *Expansion) error {
		if last, err := x.Node.IntAttr("channels_last", 1); err != nil || last == 0 {
			return unsupported(x.Node, "channels first")
		}
		skip := x.input(3)
		if x.rank(skip, 4) == 2 {
			skip = x.value("Unsqueeze", nil, skip, x.ints(1, 2))
		}
		sum := x.plus(x.plus(x.input(0), skip), x.input(4))
		err := x.groupNorm(sum)
		x.result(1, sum)
		return err
	})
)

func epsilon(n *graph.Node, def float32) (attrList, error) {
	eps, err := n.FloatAttr("epsilon", def)
	return attr("epsilon", graph.Float32(eps)), err
}

// layerNorm normalises sum to output 0; sum itself is output sumAt, the moments are outputs 1 and 2 where they stand before.
func (x *Expansion) layerNorm(sum, scale, bias string, sumAt int) error {
	eps, err := epsilon(x.Node, 1e-12)
	if err != nil {
		return err
	}
	count := 1
	if sumAt > 2 && (x.wants(1) || x.wants(2)) {
		count = 3
	}
	for i, y := range x.values("LayerNormalization", count, eps, sum, scale, bias) {
		x.result(i, y)
	}
	x.result(sumAt, sum)
	return nil
}

func simplifiedNorm(name, domain string) *Op {
	op := expanded(name, "SimplifiedLayerNormalization", 2, func(x *Expansion) error {
		attrs, err := epsilon(x.Node, 1e-5)
		if err != nil {
			return err
		}
		axis, err := x.Node.IntAttr("axis", -1)
		if err != nil {
			return err
		}
		x.result(0, x.value("RMSNormalization", attrs.and("axis", graph.Int(axis)), x.input(0), x.input(1)))
		return x.unwanted(1)
	})
	op.Domain = domain
	return op
}

// groupNorm normalises value, with channels last unless the node says otherwise, and applies its activation.
func (x *Expansion) groupNorm(value string) error {
	attrs, err := epsilon(x.Node, 1e-5)
	if err != nil {
		return err
	}
	groups, err := x.Node.IntAttr("groups", 0)
	if err != nil {
		return err
	}
	last, err := x.Node.IntAttr("channels_last", 1)
	if err != nil {
		return err
	}
	silu, err := x.Node.IntAttr("activation", 0)
	if err != nil {
		return err
	}
	if last != 0 {
		value = x.value("Transpose", attr("perm", graph.Ints(0, 3, 1, 2)), value)
	}
	value = x.value("GroupNormalization", attrs.and("num_groups", graph.Int(groups)), value, x.input(1), x.input(2))
	if silu != 0 {
		value = x.value("Swish", nil, value)
	}
	if last != 0 {
		value = x.value("Transpose", attr("perm", graph.Ints(0, 2, 3, 1)), value)
	}
	x.result(0, value)
	return nil
}
