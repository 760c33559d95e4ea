package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Attention of com.microsoft, as projections and the Attention of ONNX. A query whose keys are all masked gives 0; onnxruntime spreads it
// over the masked keys.
var (
	// opContribAttention projects its input to queries, keys and values by one matrix.
	opContribAttention = expanded("contrib_attention", "Attention", 2, func(x *Expansion) error {
		return x.packedAttention(x.plus(x.value("MatMul", nil, x.input(0), x.input(1)), x.input(2)), x.input(3), x.input(4), x.input(5))
	})
	// opQAttention does so in integers.
	opQAttention = expanded("qattention", "QAttention", 5, func(x *Expansion) error {
		qkv := x.integerProduct(x.input(0), x.input(1), x.input(3), x.input(4), x.input(6), x.input(7), x.input(2))
		return x.packedAttention(qkv, x.input(5), x.input(8), "")
	})
	// opMultiHead takes queries, keys and values that are projected already, and adds their biases, which lie behind each other.
	opMultiHead = expanded("multi_head_attention", "MultiHeadAttention", 1, func(x *Expansion) error {
		if x.input(1) == "" || x.input(2) == "" || x.rank(x.input(0), 3) != 3 || x.rank(x.input(1), 3) != 3 || x.rank(x.input(2), 3) != 3 {
			return unsupported(x.Node, "packed keys or values, expected three inputs of rank 3")
		}
		if x.input(8) != "" || x.input(9) != "" {
			return unsupported(x.Node, "shared buffers")
		}
		qkv := []string{x.input(0), x.input(1), x.input(2)}
		if bias := x.input(3); bias != "" {
			for i, b := range x.thirds(bias) {
				qkv[i] = x.plus(qkv[i], b)
			}
		}
		y, err := x.attention(qkv, x.input(4), x.input(5), x.input(6), x.input(7))
		if err != nil {
			return err
		}
		for i, v := range y {
			x.result(i, v)
		}
		return x.unwanted(3)
	})
)

// thirds splits the last axis in three.
func (x *Expansion) thirds(value string) []string {
	return x.values("Split", 3, attr("axis", graph.Int(-1)).and("num_outputs", graph.Int(3)), value)
}

// packedAttention is attention of [batch, rows, queries · keys · values], with keys and values of the past, and those behind them, as one
// value with a first axis of 2.
func (x *Expansion) packedAttention(packed, mask, past, bias string) error {
	for _, name := range []string{"do_rotary", "past_present_share_buffer"} {
		if v, err := x.Node.IntAttr(name, 0); err != nil || v != 0 {
			return unsupported(x.Node, "attribute %q", name)
		}
	}
	sizes, err := x.Node.IntsAttr("qkv_hidden_sizes")
	if err != nil {
		return err
	}
	var qkv []string
	switch len(sizes) {
	case 0:
		qkv = x.thirds(packed)
	case 3:
		qkv = x.values("Split", 3, attr("axis", graph.Int(-1)), packed, x.ints(sizes...))
	default:
		return modelErr(x.Node, "attribute \"qkv_hidden_sizes\" is %v", sizes)
	}
	var pastK, pastV string
	if past != "" {
		halves := x.values("Split", 2, attr("axis", graph.Int(0)).and("num_outputs", graph.Int(2)), past)
		pastK, pastV = x.value("Squeeze", nil, halves[0], x.ints(0)), x.value("Squeeze", nil, halves[1], x.ints(0))
	}
	y, err := x.attention(qkv, mask, bias, pastK, pastV)
	if err != nil {
		return err
	}
	x.result(0, y[0])
	if x.wants(1) {
		keys, values := x.value("Unsqueeze", nil, y[1], x.ints(0)), x.value("Unsqueeze", nil, y[2], x.ints(0))
		x.result(1, x.value("Concat", attr("axis", graph.Int(0)), keys, values))
	}
	return nil
}

// attention adds the ONNX operator, and returns its result and, where outputs of the node want them, keys and values.
func (x *Expansion) attention(qkv []string, mask, bias, pastK, pastV string) ([]string, error) {
	n := x.Node
	heads, err := n.IntAttr("num_heads", 0)
	if err != nil {
		return nil, err
	}
	causal, err := n.IntAttr("unidirectional", 0)
	if err != nil {
		return nil, err
	}
	attrs := attr("q_num_heads", graph.Int(heads)).and("kv_num_heads", graph.Int(heads)).and("is_causal", graph.Int(causal))
	if scale, err := n.FloatAttr("scale", 0); err != nil {
		return nil, err
	} else if scale != 0 {
		attrs.and("scale", graph.Float32(scale))
	}
	allowed, lengths := "", ""
	if mask != "" {
		switch rank := x.rank(mask, 2); {
		case rank == 1 && causal == 0 && pastK == "":
			lengths = x.cast(mask, tensor.Int64)
		case rank == 2:
			allowed = x.value("Unsqueeze", nil, x.cast(mask, tensor.Bool), x.ints(1, 2))
		case rank == 3:
			allowed = x.value("Unsqueeze", nil, x.cast(mask, tensor.Bool), x.ints(1))
		default:
			return nil, unsupported(n, "a mask of rank %d", rank)
		}
	}
	if allowed != "" && bias != "" {
		allowed = x.value("Where", nil, allowed, bias, x.number(float32(math.Inf(-1))))
	} else if bias != "" {
		allowed = bias
	}
	count := 1
	if x.wants(1) || x.wants(2) {
		count = 3
	}
	return x.values("Attention", count, attrs, qkv[0], qkv[1], qkv[2], allowed, pastK, pastV, lengths), nil
}
