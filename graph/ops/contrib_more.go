package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// More operators of com.microsoft.
var (
	opContribLinear     = plainState("contrib_linear_attention", "LinearAttention", 3, map[string]int64{"state_window": 0})
	opContribCausalConv = plainState("contrib_causal_conv_with_state", "CausalConvWithState", 2, map[string]int64{"ndim": 1, "dilation": 1,
		"channels_last": 0, "state_window": 0, "state_length": 0, "state_update_capacity": 0, "input_channels": 0, "input_channel_offset": 0})

	// opContribSwiGLU clamps gate and value, multiplies Swish of the gate by value + beta. Without input 1 both are halves of input 0.
	opContribSwiGLU = expanded("contrib_swi_glu", "SwiGLU", 1, func(x *Expansion) error {
		alpha, err := x.Node.FloatAttr("activation_alpha", 1)
		if err != nil {
			return err
		}
		beta, err := x.Node.FloatAttr("activation_beta", 0)
		if err != nil {
			return err
		}
		limit, err := x.Node.FloatAttr("limit", 0)
		if err != nil {
			return err
		}
		gate, up := x.input(0), x.input(1)
		if up == "" {
			halves := x.values("Split", 2, attr("axis", graph.Int(-1)).and("num_outputs", graph.Int(2)), gate)
			gate, up = halves[0], halves[1]
		}
		if limit > 0 {
			gate = x.value("Min", nil, gate, x.value("CastLike", nil, x.number(limit), gate))
			up = x.value("Clip", nil, up, x.value("CastLike", nil, x.number(-limit), up), x.value("CastLike", nil, x.number(limit), up))
		}
		if beta != 0 {
			up = x.plus(up, x.value("CastLike", nil, x.number(beta), up))
		}
		x.result(0, x.value("SwiGLU", attr("alpha", graph.Float32(alpha)), gate, up))
		return nil
	})
	opExpandDims = expanded("expand_dims", "ExpandDims", 2, func(x *Expansion) error {
		axis := x.value("Reshape", nil, x.cast(x.input(1), tensor.Int64), x.ints(1))
		x.result(0, x.value("Unsqueeze", nil, x.input(0), axis))
		return nil
	})
	opQLinearWhere = expanded("qlinear_where", "QLinearWhere", 9, func(x *Expansion) error {
		a := x.value("DequantizeLinear", nil, x.input(1), x.input(2), x.input(3))
		b := x.value("DequantizeLinear", nil, x.input(4), x.input(5), x.input(6))
		x.result(0, x.value("QuantizeLinear", nil, x.value("Where", nil, x.input(0), a, b), x.input(7), x.input(8)))
		return nil
	})
	opQLinearReduceMean = expanded("qlinear_reduce_mean", "QLinearReduceMean", 4, func(x *Expansion) error {
		axes, err := x.Node.IntsAttr("axes")
		if err != nil {
			return err
		}
		keep, err := x.Node.IntAttr("keepdims", 1)
		a := x.value("DequantizeLinear", nil, x.input(0), x.input(1), x.input(2))
		mean := x.value("ReduceMean", attr("keepdims", graph.Int(keep)), a, x.ints(axes...))
		x.result(0, x.value("QuantizeLinear", nil, mean, x.input(3), x.input(4)))
		return err
	})
)

// plainState is the ONNX operator of the same name, which has none of the extensions that attributes other than these ask for.
func plainState(name, opType string, inputs int, allowed map[string]int64) *Op {
	return expanded(name, opType, inputs, func(x *Expansion) error {
		attrs := attrList{}
		for key, a := range x.Node.Attrs {
			if def, extension := allowed[key]; !extension {
				attrs[key] = a
			} else if v, err := x.Node.IntAttr(key, def); err != nil || v != def {
				return unsupported(x.Node, "attribute %q", key)
			}
		}
		for i, y := range x.values(opType, 2, attrs, x.Node.Inputs...) {
			x.result(i, y)
		}
		return x.unwanted(2)
	})
}

// opCDist gives the distance of each row of A to each of B, squared or not: the squares of differences in the order of ReduceSumSquare.
var opCDist = &Op{
	Name: "cdist", Domain: graph.DomainMicrosoft, Type: "CDist", Since: 1, MinInputs: 2,
	Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		for i := range in {
			if err := wantDType(n, in, i, tensor.Float32); err != nil {
				return nil, err
			}
		}
		a, b := in[0].Shape, in[1].Shape
		if len(a) != 2 || len(b) != 2 || a[1] != b[1] {
			return nil, modelErr(n, "shapes %v and %v, expected rows of one length", a, b)
		}
		shape := []int{a[0], b[0]}
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		_, err := cdistRoot(n)
		return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, err
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		root, err := cdistRoot(n)
		return cdist{root}, err
	},
}

func cdistRoot(n *graph.Node) (root bool, err error) {
	metric, err := n.StringAttr("metric", "sqeuclidean")
	if err == nil && metric != "sqeuclidean" && metric != "euclidean" {
		err = unsupported(n, "metric %q, expected \"sqeuclidean\" or \"euclidean\"", metric)
	}
	return metric == "euclidean", err
}

type cdist struct{ root bool }

// ScratchBytes implements graph.ScratchKernel: a row of differences.
func (cdist) ScratchBytes(args []graph.Arg) int { return 4 * args[0].Shape[1] }

// Run implements graph.Kernel.
func (k cdist) Run(in, out []*tensor.Tensor, scratch []byte) error {
	a, b, y, difference := tensor.Data[float32](in[0]), tensor.Data[float32](in[1]), tensor.Data[float32](out[0]), floats(scratch)
	cols, others := in[0].Shape[1], in[1].Shape[0]
	for i := range y {
		r, o := i/others, i%others
		kernels.SubF32(difference, a[r*cols:(r+1)*cols], b[o*cols:(o+1)*cols])
		y[i] = kernels.SumSquareF32(difference, 0)
	}
	if k.root {
		kernels.SqrtF32(y, y)
	}
	return nil
}

// opNGramRepeat forbids, by a score of −Inf, every token that would end a run of ngram_size tokens which the row has already.
var opNGramRepeat = &Op{
	Name: "ngram_repeat_block", Domain: graph.DomainMicrosoft, Type: "NGramRepeatBlock", Since: 1, MinInputs: 2,
	Rows: func(_ *graph.Node, _ []graph.Arg, rows []bool) bool { return rows[0] && rows[1] },
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Int64); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 1, tensor.Float32); err != nil {
			return nil, err
		}
		if ids, scores := in[0].Shape, in[1].Shape; len(ids) != 2 || len(scores) != 2 || ids[0] != scores[0] {
			return nil, modelErr(n, "tokens of shape %v and scores of shape %v", ids, scores)
		}
		size, err := n.IntAttr("ngram_size", 0)
		if err == nil && (size < 1 || size > math.MaxInt32) {
			err = modelErr(n, "attribute \"ngram_size\" is %d", size)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: in[1].Shape}}, err
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		size, err := n.IntAttr("ngram_size", 0)
		name, back := n.String(), int(size)-1
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			copyElements(out[0], in[1])
			ids, scores := tensor.Data[int64](in[0]), tensor.Data[float32](out[0])
			length, vocabulary := in[0].Shape[1], in[1].Shape[1]
			for row := range in[0].Shape[0] {
				tokens := ids[row*length : (row+1)*length]
				for first := 0; first+back < length; first++ {
					if !slices.Equal(tokens[first:first+back], tokens[length-back:]) {
						continue
					}
					token := tokens[first+back]
					if token < 0 || token >= int64(vocabulary) {
						return inputErr(name, "token %d of a vocabulary of %d", token, vocabulary)
					}
					scores[row*vocabulary+int(token)] = float32(math.Inf(-1))
				}
			}
			return nil
		}), err
	},
}
