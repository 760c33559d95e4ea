package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The preprocessing operators of ai.onnx.ml: raw features in, numbers a model can use out.
var (
	opScaler        = &Op{Name: "scaler", Domain: graph.DomainML, Type: "Scaler", Since: 1, Infer: inferScaler, Build: buildScaler, Rows: rowsFeature}
	opImputer       = &Op{Name: "imputer", Domain: graph.DomainML, Type: "Imputer", Since: 1, Infer: inferImputer, Build: buildImputer, Rows: rowsFeature}
	opOneHotEncoder = &Op{Name: "one_hot_encoder", Domain: graph.DomainML, Type: "OneHotEncoder", Since: 1, Infer: inferOneHot, Build: buildOneHot, Rows: rowsFirst}
	opLabelEncoder  = &Op{Name: "label_encoder", Domain: graph.DomainML, Type: "LabelEncoder", Since: 2, Infer: inferLabelEncoder, Build: buildLabelEncoder, Rows: rowsFirst}
)

// rowsFeature holds for operators that treat the last axis as features: a vector has no rows.
func rowsFeature(n *graph.Node, in []graph.Arg, rows []bool) bool {
	return len(in[0].Shape) > 1 && rowsFirst(n, in, rows)
}

// features is the length of the last axis.
func features(shape []int) int {
	if len(shape) == 0 {
		return 1
	}
	return shape[len(shape)-1]
}

// perFeature checks that an attribute has one value or one per feature.
func perFeature(n *graph.Node, name string, values []float32, f int) error {
	if len(values) != 1 && len(values) != f {
		return modelErr(n, "attribute %q has %d values for %d features", name, len(values), f)
	}
	return nil
}

func scalerAttrs(n *graph.Node, in []graph.Arg) (offset, scale []float32, err error) {
	if err = arity(n, in, 1, 1); err != nil {
		return nil, nil, err
	}
	if err = wantDType(n, in, 0, tensor.Float32); err != nil {
		return nil, nil, err
	}
	if offset, err = n.FloatsAttr("offset"); err != nil {
		return nil, nil, err
	}
	if scale, err = n.FloatsAttr("scale"); err != nil {
		return nil, nil, err
	}
	f := features(in[0].Shape)
	if err = perFeature(n, "offset", offset, f); err != nil {
		return nil, nil, err
	}
	return offset, scale, perFeature(n, "scale", scale, f)
}

func inferScaler(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if _, _, err := scalerAttrs(n, in); err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
}

// buildScaler computes (x - offset)·scale, two roundings.
func buildScaler(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	offset, scale, err := scalerAttrs(n, in)
	if err != nil {
		return nil, err
	}
	f := features(in[0].Shape)
	offset, scale = rowVector(offset, f), rowVector(scale, f)
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
		for i := 0; i < len(x); i += f {
			row, to := x[i:i+f], dst[i:i+f]
			for j, v := range row {
				to[j] = (v - offset[j]) * scale[j]
			}
		}
		return nil
	}), nil
}

func imputerAttrs(n *graph.Node, in []graph.Arg) (with []float32, missing float32, err error) {
	if err = arity(n, in, 1, 1); err != nil {
		return nil, 0, err
	}
	if err = wantDType(n, in, 0, tensor.Float32); err != nil {
		return nil, 0, err
	}
	if with, err = n.FloatsAttr("imputed_value_floats"); err != nil {
		return nil, 0, err
	}
	if missing, err = n.FloatAttr("replaced_value_float", 0); err != nil {
		return nil, 0, err
	}
	return with, missing, perFeature(n, "imputed_value_floats", with, features(in[0].Shape))
}

func inferImputer(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if _, _, err := imputerAttrs(n, in); err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
}

// buildImputer replaces one value, usually NaN, by a number per feature.
func buildImputer(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	with, missing, err := imputerAttrs(n, in)
	if err != nil {
		return nil, err
	}
	f := features(in[0].Shape)
	with = rowVector(with, f)
	matchNaN := missing != missing
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
		for i, v := range x {
			if v == missing || matchNaN && v != v {
				v = with[i%f]
			}
			dst[i] = v
		}
		return nil
	}), nil
}

type oneHot struct {
	text    map[string]int
	numbers map[int64]int
	n       int
	zeros   bool // an unknown category is all zeros; otherwise it is an error
}

func oneHotAttrs(n *graph.Node, in []graph.Arg) (o oneHot, err error) {
	if err = arity(n, in, 1, 1); err != nil {
		return o, err
	}
	zeros, err := n.IntAttr("zeros", 1)
	if err != nil {
		return o, err
	}
	o.zeros = zeros != 0
	texts, err := n.StringsAttr("cats_strings")
	if err != nil {
		return o, err
	}
	numbers, err := n.IntsAttr("cats_int64s")
	if err != nil {
		return o, err
	}
	if in[0].DType == tensor.String {
		o.n, o.text = len(texts), make(map[string]int, len(texts))
		for i, t := range texts {
			o.text[t] = i
		}
	} else {
		if err = wantDType(n, in, 0, tensor.Int64, tensor.Int32, tensor.Float32); err != nil {
			return o, err
		}
		o.n, o.numbers = len(numbers), make(map[int64]int, len(numbers))
		for i, v := range numbers {
			o.numbers[v] = i
		}
	}
	if o.n == 0 {
		return o, modelErr(n, "no categories for an input of %s", in[0].DType)
	}
	return o, nil
}

func inferOneHot(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	o, err := oneHotAttrs(n, in)
	if err != nil {
		return nil, err
	}
	shape := append(append([]int(nil), in[0].Shape...), o.n)
	return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
}

// buildOneHot adds an axis with a 1 at the category's index.
func buildOneHot(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	o, err := oneHotAttrs(n, in)
	if err != nil {
		return nil, err
	}
	name := n.String()
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[float32](out[0])
		clear(dst)
		for i := range in[0].Len() {
			at, ok := o.index(in[0], i)
			switch {
			case ok:
				dst[i*o.n+at] = 1
			case !o.zeros:
				return inputErr(name, "element %d is none of the %d known categories", i, o.n)
			}
		}
		return nil
	}), nil
}

func (o *oneHot) index(t *tensor.Tensor, i int) (at int, ok bool) {
	switch t.DType {
	case tensor.String:
		at, ok = o.text[t.Strings[i]]
	case tensor.Int64:
		at, ok = o.numbers[tensor.Data[int64](t)[i]]
	case tensor.Int32:
		at, ok = o.numbers[int64(tensor.Data[int32](t)[i])]
	default:
		v := tensor.Data[float32](t)[i]
		if v == float32(math.Trunc(float64(v))) && math.Abs(float64(v)) < 1<<62 {
			at, ok = o.numbers[int64(v)]
		}
	}
	return at, ok
}

// labelMap is a LabelEncoder from text to numbers, the direction that encoders of raw features use.
type labelMap struct {
	to    map[string]int
	ints  []int64
	reals []float32
}

func labelEncoderAttrs(n *graph.Node, in []graph.Arg) (l labelMap, err error) {
	if err = arity(n, in, 1, 1); err != nil {
		return l, err
	}
	if err = wantDType(n, in, 0, tensor.String); err != nil {
		return l, err
	}
	keys, err := n.StringsAttr("keys_strings")
	if err != nil {
		return l, err
	}
	if l.ints, err = n.IntsAttr("values_int64s"); err != nil {
		return l, err
	}
	if l.reals, err = n.FloatsAttr("values_floats"); err != nil {
		return l, err
	}
	if len(keys) == 0 || len(keys) != len(l.ints) && len(keys) != len(l.reals) {
		return l, modelErr(n, "%d keys for %d integer and %d float values", len(keys), len(l.ints), len(l.reals))
	}
	l.to = make(map[string]int, len(keys))
	for i, k := range keys {
		l.to[k] = i
	}
	return l, nil
}

func inferLabelEncoder(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	l, err := labelEncoderAttrs(n, in)
	if err != nil {
		return nil, err
	}
	d := tensor.Int64
	if l.reals != nil {
		d = tensor.Float32
	}
	return []graph.Arg{{DType: d, Shape: in[0].Shape}}, nil
}

func buildLabelEncoder(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	l, err := labelEncoderAttrs(n, in)
	if err != nil {
		return nil, err
	}
	defInt, err := n.IntAttr("default_int64", -1)
	if err != nil {
		return nil, err
	}
	defFloat, err := n.FloatAttr("default_float", float32(math.Copysign(0, -1)))
	if err != nil {
		return nil, err
	}
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		for i, s := range in[0].Strings {
			at, ok := l.to[s]
			switch {
			case l.reals != nil && ok:
				tensor.Data[float32](out[0])[i] = l.reals[at]
			case l.reals != nil:
				tensor.Data[float32](out[0])[i] = defFloat
			case ok:
				tensor.Data[int64](out[0])[i] = l.ints[at]
			default:
				tensor.Data[int64](out[0])[i] = defInt
			}
		}
		return nil
	}), nil
}
