package savedmodel

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// rule says what ONNX nodes a TensorFlow operator becomes.
type rule struct {
	inputs int // that it needs
	make   func(t *translator, n *node, in []value) (value, error)
}

// rules is every operator that is read, beside those that only pass values on; a new one is a row.
var rules = map[string]*rule{
	"MatMul":        {2, matMul},
	"BatchMatMulV2": {2, matMul},
	"BiasAdd":       {2, biasAdd},
	"Add":           same(2, "Add"),
	"AddV2":         same(2, "Add"),
	"Sub":           same(2, "Sub"),
	"Mul":           same(2, "Mul"),
	"RealDiv":       same(2, "Div"),
	"Maximum":       same(2, "Max"),
	"Minimum":       same(2, "Min"),
	"Pow":           same(2, "Pow"),
	"Relu":          same(1, "Relu"),
	"Sigmoid":       same(1, "Sigmoid"),
	"Tanh":          same(1, "Tanh"),
	"Softmax":       same(1, "Softmax"),
	"LogSoftmax":    same(1, "LogSoftmax"),
	"Softplus":      same(1, "Softplus"),
	"Softsign":      same(1, "Softsign"),
	"Elu":           same(1, "Elu"),
	"Selu":          same(1, "Selu"),
	"Exp":           same(1, "Exp"),
	"Log":           same(1, "Log"),
	"Neg":           same(1, "Neg"),
	"Abs":           same(1, "Abs"),
	"Greater":       same(2, "Greater"),
	"GreaterEqual":  same(2, "GreaterOrEqual"),
	"Less":          same(2, "Less"),
	"LessEqual":     same(2, "LessOrEqual"),
	"SelectV2":      same(3, "Where"),
	"Sqrt":          same(1, "Sqrt"),
	"Erf":           same(1, "Erf"),
	"Relu6": {1, func(t *translator, _ *node, in []value) (value, error) {
		return t.add("Clip", nil, in[0], scalar(0), scalar(6)), nil
	}},
	"LeakyRelu": {1, leakyRelu},
	"Square":    {1, func(t *translator, _ *node, in []value) (value, error) { return t.add("Mul", nil, in[0], in[0]), nil }},
	"Rsqrt": {1, func(t *translator, _ *node, in []value) (value, error) {
		return t.add("Reciprocal", nil, t.add("Sqrt", nil, in[0])), nil
	}},
	"Expm1": {1, func(t *translator, _ *node, in []value) (value, error) {
		return t.add("Sub", nil, t.add("Exp", nil, in[0]), scalar(1)), nil
	}},
	"Erfc": {1, func(t *translator, _ *node, in []value) (value, error) {
		return t.add("Sub", nil, scalar(1), t.add("Erf", nil, in[0])), nil
	}},
	"SquaredDifference": {2, squaredDifference},
	"Mean":              {2, reduce("ReduceMean")},
	"Sum":               {2, reduce("ReduceSum")},
	"Prod":              {2, reduce("ReduceProd")},
	"Reshape":           {2, reshape},
	"ConcatV2":          {2, concat},
	"Shape": {1, func(t *translator, _ *node, in []value) (value, error) {
		return t.add("Shape", nil, in[0]).as(tensor.Int64), nil
	}},
	"Pack":         {1, pack},
	"StridedSlice": {4, stridedSlice},
	"GatherV2":     {3, gather},
	"Transpose":    {2, transpose},
	"Cast":         {1, cast},
	"ExpandDims": {2, func(t *translator, _ *node, in []value) (value, error) {
		return t.add("Unsqueeze", nil, in[0], wide(t, in[1])), nil
	}},
}

// same is an operator that ONNX has too.
func same(inputs int, op string) *rule {
	return &rule{inputs, func(t *translator, _ *node, in []value) (value, error) {
		for i := range in {
			in[i] = widened(t, in[i])
		}
		return t.add(op, nil, in...), nil
	}}
}

// as is v with another dtype.
func (v value) as(d tensor.DType) value {
	v.dtype = d
	return v
}

// wide gives integers as int64.
func wide(t *translator, v value) value {
	if v.konst != nil {
		if list, ok := toInt64(v.konst); ok {
			c := tensor.Of(list, v.konst.Shape...)
			return value{konst: c, dtype: c.DType}
		}
	}
	if v.dtype == tensor.Int64 {
		return v
	}
	return t.add("Cast", map[string]graph.Attr{"to": graph.Int(int64(tensor.Int64.ONNX()))}, v).as(tensor.Int64)
}

// widened gives integers as int64, as shapes are in ONNX where TensorFlow counts in int32, and other values as they are.
func widened(t *translator, v value) value {
	if v.dtype == tensor.Int32 || v.dtype == tensor.Int64 {
		return wide(t, v)
	}
	return v
}

// constants gives the integers of an input that must be a constant.
func constants(in value, what string) ([]int64, error) {
	if in.konst != nil {
		if list, ok := toInt64(in.konst); ok {
			return list, nil
		}
	}
	return nil, fmt.Errorf("%s that are not constant integers: %w", what, graph.ErrUnsupported)
}

func matMul(t *translator, n *node, in []value) (value, error) {
	for i, names := range [][2]string{{"transpose_a", "adj_x"}, {"transpose_b", "adj_y"}} {
		if n.attrs[names[0]].number == 0 && n.attrs[names[1]].number == 0 {
			continue
		}
		if n.op != "MatMul" {
			return value{}, fmt.Errorf("batches of transposed matrices: %w", graph.ErrUnsupported)
		}
		in[i] = t.add("Transpose", map[string]graph.Attr{"perm": graph.Ints(1, 0)}, in[i])
	}
	return t.add("MatMul", nil, in...), nil
}

func biasAdd(t *translator, n *node, in []value) (value, error) {
	if format := n.attrs["data_format"].text; format != "" && format != "NHWC" {
		return value{}, fmt.Errorf("data_format %q: %w", format, graph.ErrUnsupported)
	}
	return t.add("Add", nil, in...), nil
}

func leakyRelu(t *translator, n *node, in []value) (value, error) {
	alpha := float32(0.2)
	if a, ok := n.attrs["alpha"]; ok {
		alpha = a.float
	}
	return t.add("LeakyRelu", map[string]graph.Attr{"alpha": graph.Float32(alpha)}, in...), nil
}

func squaredDifference(t *translator, _ *node, in []value) (value, error) {
	d := t.add("Sub", nil, in...)
	return t.add("Mul", nil, d, d), nil
}

// reduce makes the rule of a reduction over constant axes.
func reduce(op string) func(t *translator, n *node, in []value) (value, error) {
	return func(t *translator, n *node, in []value) (value, error) {
		axes, err := constants(in[1], "axes")
		if err != nil {
			return value{}, err
		}
		x := widened(t, in[0])
		keep := graph.Int(n.attrs["keep_dims"].number)
		return t.add(op, map[string]graph.Attr{"keepdims": keep}, x, ints(axes...)), nil
	}
}

func reshape(t *translator, _ *node, in []value) (value, error) {
	// A dimension of 0 is one of no elements in TensorFlow, and that of the input in ONNX unless allowzero says so.
	return t.add("Reshape", map[string]graph.Attr{"allowzero": graph.Int(1)}, in[0], wide(t, in[1])), nil
}

func concat(t *translator, _ *node, in []value) (value, error) {
	axis, err := constants(in[len(in)-1], "axis")
	if err != nil || len(axis) != 1 {
		return value{}, fmt.Errorf("axis: %w", graph.ErrUnsupported)
	}
	in = in[:len(in)-1]
	if c, ok := joined(in); ok {
		return c, nil
	}
	for i := range in {
		in[i] = widened(t, in[i])
	}
	return t.add("Concat", map[string]graph.Attr{"axis": graph.Int(axis[0])}, in...), nil
}

// joined is the concatenation of constant lists of integers, which other rules need as constants; ok is false for other values.
func joined(in []value) (c value, ok bool) {
	var all []int64
	for _, v := range in {
		list, err := constants(v, "")
		if err != nil || len(v.konst.Shape) != 1 {
			return value{}, false
		}
		all = append(all, list...)
	}
	return ints(all...), true
}

// pack stacks scalars and lists along a new axis.
func pack(t *translator, n *node, in []value) (value, error) {
	axis := n.attrs["axis"].number
	for i := range in {
		in[i] = t.add("Unsqueeze", nil, widened(t, in[i]), ints(axis))
	}
	return t.add("Concat", map[string]graph.Attr{"axis": graph.Int(axis)}, in...), nil
}

// stridedSlice cuts x[begin:end:stride] along its first axes; shrink_axis_mask drops those of which one element is taken.
func stridedSlice(t *translator, n *node, in []value) (value, error) {
	if n.attrs["ellipsis_mask"].number != 0 || n.attrs["new_axis_mask"].number != 0 {
		return value{}, fmt.Errorf("ellipsis and new axes: %w", graph.ErrUnsupported)
	}
	var lists [3][]int64
	for i := range lists {
		var err error
		if lists[i], err = constants(in[1+i], "bounds"); err != nil {
			return value{}, err
		}
	}
	begin, end, stride := lists[0], lists[1], lists[2]
	if len(begin) != len(end) || len(begin) != len(stride) {
		return value{}, fmt.Errorf("%d, %d and %d bounds: %w", len(begin), len(end), len(stride), graph.ErrFormat)
	}
	const far = 1 << 62
	var from, to, by, axes, drop []int64
	for i := range begin {
		b, e, s := begin[i], end[i], stride[i]
		bit := int64(1) << i
		switch {
		case n.attrs["shrink_axis_mask"].number&bit != 0:
			s, e = 1, b+1
			if b == -1 {
				e = far
			}
			drop = append(drop, int64(i))
		case s <= 0:
			return value{}, fmt.Errorf("stride %d: %w", s, graph.ErrUnsupported)
		default:
			if n.attrs["begin_mask"].number&bit != 0 {
				b = 0
			}
			if n.attrs["end_mask"].number&bit != 0 {
				e = far
			}
		}
		from, to, by, axes = append(from, b), append(to, e), append(by, s), append(axes, int64(i))
	}
	x := widened(t, in[0])
	x = t.add("Slice", nil, x, ints(from...), ints(to...), ints(axes...), ints(by...))
	if len(drop) > 0 {
		x = t.add("Squeeze", nil, x, ints(drop...))
	}
	return x, nil
}

func gather(t *translator, n *node, in []value) (value, error) {
	axis, err := constants(in[2], "axis")
	if err != nil || len(axis) != 1 || n.attrs["batch_dims"].number != 0 {
		return value{}, fmt.Errorf("axis or batch_dims: %w", graph.ErrUnsupported)
	}
	x := widened(t, in[0])
	return t.add("Gather", map[string]graph.Attr{"axis": graph.Int(axis[0])}, x, wide(t, in[1])), nil
}

func transpose(t *translator, _ *node, in []value) (value, error) {
	list, err := constants(in[1], "axes")
	if err != nil {
		return value{}, err
	}
	return t.add("Transpose", map[string]graph.Attr{"perm": graph.Ints(list...)}, in[0]), nil
}

func cast(t *translator, n *node, in []value) (value, error) {
	to, ok := dtypes[n.attrs["DstT"].number]
	if !ok {
		return value{}, fmt.Errorf("data type %d: %w", n.attrs["DstT"].number, graph.ErrUnsupported)
	}
	if to == tensor.Int32 {
		to = tensor.Int64
	}
	return t.add("Cast", map[string]graph.Attr{"to": graph.Int(int64(to.ONNX()))}, in[0]).as(to), nil
}
