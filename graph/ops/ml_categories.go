package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The operators of ai.onnx.ml that look values up.
var (
	opOneHotEncoder  = &Op{Name: "one_hot_encoder", Domain: graph.DomainML, Type: "OneHotEncoder", Since: 1, Infer: inferOneHot, Build: buildOneHot, Rows: rowsFirst}
	opLabelEncoder   = &Op{Name: "label_encoder", Domain: graph.DomainML, Type: "LabelEncoder", Since: 1, Infer: inferLookup(labelEncoderOf), Build: buildLookup(labelEncoderOf), Rows: rowsFirst}
	opCategoryMapper = &Op{Name: "category_mapper", Domain: graph.DomainML, Type: "CategoryMapper", Since: 1, Infer: inferLookup(categoryMapperOf), Build: buildLookup(categoryMapperOf), Rows: rowsFirst}
)

// keyIndex finds the position of a value among keys. Of equal keys the last one counts; NaN equals NaN, and −0 equals 0.
type keyIndex struct {
	text    map[string]int
	numbers map[uint64]int // by keyBits
}

func newKeyIndex(keys *tensor.Tensor) (k keyIndex) {
	if keys.DType == tensor.String {
		k.text = make(map[string]int, len(keys.Strings))
		for i, s := range keys.Strings {
			k.text[s] = i
		}
		return k
	}
	k.numbers = make(map[uint64]int, keys.Len())
	for i := range keys.Len() {
		k.numbers[keyBits(keys, i)] = i
	}
	return k
}

func (k *keyIndex) find(t *tensor.Tensor, i int) (at int, ok bool) {
	if t.DType == tensor.String {
		at, ok = k.text[t.Strings[i]]
	} else {
		at, ok = k.numbers[keyBits(t, i)]
	}
	return at, ok
}

// keyBits is different for elements of one numeric dtype that are not equal.
func keyBits(t *tensor.Tensor, i int) uint64 {
	switch t.DType {
	case tensor.Float32:
		return floatBits(float64(tensor.Data[float32](t)[i]))
	case tensor.Float64:
		return floatBits(tensor.Data[float64](t)[i])
	case tensor.Int16:
		return uint64(tensor.Data[int16](t)[i])
	case tensor.Int32:
		return uint64(tensor.Data[int32](t)[i])
	}
	return uint64(tensor.Data[int64](t)[i])
}

func floatBits(v float64) uint64 {
	switch {
	case v != v:
		v = math.NaN()
	case v == 0:
		v = 0
	}
	return math.Float64bits(v)
}

// labelDTypes are those of keys and values.
var labelDTypes = []tensor.DType{tensor.String, tensor.Int64, tensor.Float32, tensor.Int32, tensor.Int16, tensor.Float64}

// lookup maps keys to values; the last of values is that of an unknown key.
type lookup struct{ keys, values *tensor.Tensor }

// lookupReader reads the attributes of an operator.
type lookupReader func(n *graph.Node, in []graph.Arg) (lookup, error)

// inferLookup is the shape rule of an operator whose attributes read says.
func inferLookup(read lookupReader) func(*graph.Node, []graph.Arg) ([]graph.Arg, error) {
	return func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, labelDTypes...); err != nil {
			return nil, err
		}
		l, err := read(n, in)
		if err != nil {
			return nil, err
		}
		if l.keys.DType != in[0].DType {
			return nil, modelErr(n, "input is %s and the keys are %s", in[0].DType, l.keys.DType)
		}
		if k := l.keys.Len(); k+1 != l.values.Len() {
			return nil, modelErr(n, "%d keys for %d values", k, l.values.Len()-1)
		}
		return []graph.Arg{{DType: l.values.DType, Shape: in[0].Shape}}, nil
	}
}

func buildLookup(read lookupReader) func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
	return func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		l, err := read(n, in)
		if err != nil {
			return nil, err
		}
		index, values, unknown := newKeyIndex(l.keys), l.values, l.keys.Len()
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			size := values.DType.Size()
			for i := range in[0].Len() {
				at, ok := index.find(in[0], i)
				if !ok {
					at = unknown
				}
				if values.DType == tensor.String {
					out[0].Strings[i] = values.Strings[at]
				} else {
					copy(out[0].Bytes[i*size:(i+1)*size], values.Bytes[at*size:])
				}
			}
			return nil
		}), nil
	}
}

// categoryMapperOf maps text to numbers or, where the input has numbers, back.
func categoryMapperOf(n *graph.Node, in []graph.Arg) (l lookup, err error) {
	text, err := n.StringsAttr("cats_strings")
	if err != nil {
		return l, err
	}
	numbers, err := n.IntsAttr("cats_int64s")
	if err != nil {
		return l, err
	}
	return eitherWay(n, in, text, numbers)
}

func eitherWay(n *graph.Node, in []graph.Arg, text []string, numbers []int64) (l lookup, err error) {
	unknown, err := n.StringAttr("default_string", "_Unused")
	if err != nil {
		return l, err
	}
	other, err := n.IntAttr("default_int64", -1)
	if err != nil {
		return l, err
	}
	if in[0].DType == tensor.String {
		values := append(append([]int64(nil), numbers...), other)
		return lookup{tensor.OfStrings(text, len(text)), tensor.Of(values, len(values))}, nil
	}
	values := append(append([]string(nil), text...), unknown)
	return lookup{tensor.Of(numbers, len(numbers)), tensor.OfStrings(values, len(values))}, nil
}

// labelEncoderOf reads the lists of version 2, the tensors of version 4 or, in version 1, the classes that are numbered from 0.
func labelEncoderOf(n *graph.Node, in []graph.Arg) (l lookup, err error) {
	if _, old := n.Attrs["classes_strings"]; old {
		classes, err := n.StringsAttr("classes_strings")
		if err != nil {
			return l, err
		}
		numbers := make([]int64, len(classes))
		for i := range numbers {
			numbers[i] = int64(i)
		}
		return eitherWay(n, in, classes, numbers)
	}
	if l.keys, err = labelList(n, "keys"); err != nil {
		return l, err
	}
	if l.values, err = labelList(n, "values"); err != nil {
		return l, err
	}
	return l, l.withDefault(n)
}

// labelList reads keys_* or values_*: whichever of its forms the node has.
func labelList(n *graph.Node, name string) (*tensor.Tensor, error) {
	if a, ok := n.Attrs[name+"_tensor"]; ok && a.Kind == graph.AttrTensor && a.Tensor != nil {
		for _, d := range labelDTypes {
			if a.Tensor.DType == d && len(a.Tensor.Shape) == 1 {
				return a.Tensor, nil
			}
		}
		return nil, modelErr(n, "attribute %q is %s %v", name+"_tensor", a.Tensor.DType, a.Tensor.Shape)
	}
	text, err := n.StringsAttr(name + "_strings")
	if err != nil {
		return nil, err
	}
	ints, err := n.IntsAttr(name + "_int64s")
	if err != nil {
		return nil, err
	}
	reals, err := n.FloatsAttr(name + "_floats")
	switch {
	case err != nil:
		return nil, err
	case len(text) > 0:
		return tensor.OfStrings(text, len(text)), nil
	case len(ints) > 0:
		return tensor.Of(ints, len(ints)), nil
	case len(reals) > 0:
		return tensor.Of(reals, len(reals)), nil
	}
	return nil, modelErr(n, "it has no %s", name)
}

// withDefault appends the value of unknown keys to a copy of the values.
func (l *lookup) withDefault(n *graph.Node) error {
	values := l.values
	l.values = tensor.New(values.DType, values.Len()+1)
	copy(l.values.Strings, values.Strings)
	copy(l.values.Bytes, values.Bytes)
	last := values.Len()
	if a, ok := n.Attrs["default_tensor"]; ok && a.Kind == graph.AttrTensor && a.Tensor != nil {
		if a.Tensor.DType != values.DType || a.Tensor.Len() != 1 {
			return modelErr(n, "attribute \"default_tensor\" is %s %v for values of %s", a.Tensor.DType, a.Tensor.Shape, values.DType)
		}
		copy(l.values.Strings[last*len(a.Tensor.Strings):], a.Tensor.Strings)
		copy(l.values.Bytes[last*len(a.Tensor.Bytes):], a.Tensor.Bytes)
		return nil
	}
	var err error
	switch values.DType {
	case tensor.String:
		l.values.Strings[last], err = n.StringAttr("default_string", "_Unused")
	case tensor.Int64:
		tensor.Data[int64](l.values)[last], err = n.IntAttr("default_int64", -1)
	case tensor.Int32:
		tensor.Data[int32](l.values)[last] = -1
	case tensor.Int16:
		tensor.Data[int16](l.values)[last] = -1
	case tensor.Float32:
		tensor.Data[float32](l.values)[last], err = n.FloatAttr("default_float", negativeZero)
	case tensor.Float64:
		tensor.Data[float64](l.values)[last] = float64(negativeZero)
	}
	return err
}

var negativeZero = float32(math.Copysign(0, -1))

type oneHot struct {
	categories keyIndex
	n          int
	zeros      bool // an unknown category is all zeros; otherwise it is an error
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
		o.n, o.categories = len(texts), newKeyIndex(tensor.OfStrings(texts, len(texts)))
	} else {
		if err = wantDType(n, in, 0, mlNumbers...); err != nil {
			return o, err
		}
		o.n, o.categories = len(numbers), newKeyIndex(tensor.Of(numbers, len(numbers)))
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
	if _, ok := tensor.Elements(shape); !ok {
		return nil, modelErr(n, "a result of shape %v", shape)
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
}

// buildOneHot adds an axis with a 1 at the category's index. Floats are truncated to the integers that categories are.
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
	v := 0.0
	switch t.DType {
	case tensor.Float32:
		v = float64(tensor.Data[float32](t)[i])
	case tensor.Float64:
		v = tensor.Data[float64](t)[i]
	default:
		return o.categories.find(t, i)
	}
	if !(math.Abs(v) < 1<<63) {
		return 0, false
	}
	at, ok = o.categories.numbers[uint64(int64(v))]
	return at, ok
}
