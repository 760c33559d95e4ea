package ops

import (
	"maps"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// opFlexAttention is attention whose scores, and whose shares after Softmax, go through graphs of the model's own. It stands for two
// products with these graphs and a Softmax between them. Queries of one key head are brought together as [batch, key heads, group, …].
var opFlexAttention = &Op{
	Name: "flex_attention", Domain: "ai.onnx.preview", Type: "FlexAttention", Since: 1, MinInputs: 3,
	Expand: func(x *Expansion) error {
		q, k, v := x.input(0), x.input(1), x.input(2)
		precision, err := x.softmaxPrecision(q)
		if err != nil {
			return err
		}
		shapeQ, shapeK := x.value("Shape", nil, q), x.value("Shape", nil, k)
		part := func(shape string, from, to int64) string {
			return x.value("Slice", nil, shape, x.ints(from), x.ints(to))
		}
		join := func(parts ...string) string { return x.value("Concat", attr("axis", graph.Int(0)), parts...) }
		batchAndKeyHeads, group := join(part(shapeQ, 0, 1), part(shapeK, 1, 2)), x.ints(-1)
		grouped := func(value, shape string) string {
			return x.value("Reshape", nil, value, join(batchAndKeyHeads, group, part(shape, 2, 4)))
		}
		perKeyHead := func(value string) string { return x.value("Unsqueeze", nil, value, x.ints(2)) }

		scale := x.value("Reciprocal", nil, x.value("Sqrt", nil, x.cast(part(shapeQ, 3, 4), tensor.Float32)))
		if f, err := x.Node.FloatAttr("scale", 0); err != nil {
			return err
		} else if _, given := x.Node.Attrs["scale"]; given {
			scale = x.number(f)
		}
		keys := x.value("Transpose", attr("perm", graph.Ints(0, 1, 2, 4, 3)), perKeyHead(k))
		scores := x.cast(x.value("MatMul", nil, grouped(q, shapeQ), keys), precision)
		scores = x.value("Mul", nil, scores, x.value("CastLike", nil, scale, scores))
		shapeScores := join(part(shapeQ, 0, 3), part(shapeK, 2, 3))
		if scores, err = x.inline("score_mod", x.value("Reshape", nil, scores, shapeScores)); err != nil {
			return err
		}
		shares, err := x.inline("prob_mod", x.value("Softmax", attr("axis", graph.Int(-1)), scores))
		if err != nil {
			return err
		}
		shares = grouped(x.value("CastLike", nil, shares, v), shapeScores)
		y := x.value("MatMul", nil, shares, perKeyHead(v))
		x.result(0, x.value("Reshape", nil, y, join(part(shapeQ, 0, 3), part(x.value("Shape", nil, v), 3, 4))))
		return nil
	},
}

// softmaxPrecision is float32, or double where the queries are, unless the node says otherwise.
func (x *Expansion) softmaxPrecision(q string) (tensor.DType, error) {
	def := tensor.Float32
	if v := x.Declared(q); v != nil && v.DType == tensor.Float64 {
		def = tensor.Float64
	}
	code, err := x.Node.IntAttr("softmax_precision", int64(def.ONNX()))
	if err != nil {
		return def, err
	}
	for _, d := range floatTypes {
		if int64(d.ONNX()) == code {
			return d, nil
		}
	}
	return def, modelErr(x.Node, "softmax_precision %d", code)
}

// inline puts the nodes of a body of one input and output here and returns its result for value; value itself where there is no such body.
func (x *Expansion) inline(name, value string) (string, error) {
	a, given := x.Node.Attrs[name]
	if !given {
		return value, nil
	}
	if a.Kind != graph.AttrGraph || a.Graph == nil || len(a.Graph.Inputs) != 1 || len(a.Graph.Outputs) != 1 {
		return "", modelErr(x.Node, "attribute %q, expected a graph of one input and one output", name)
	}
	body := a.Graph.Clone()
	body.Freshen(map[string]string{body.Inputs[0].Name: value}, x.Fresh)
	maps.Copy(x.Constants, body.Initializers)
	x.Nodes = append(x.Nodes, body.Nodes...)
	return body.Outputs[0].Name, nil
}
