package ops

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opZipMap makes of each row of scores a map from labels to scores. The maps are new in each run.
var opZipMap = &Op{
	Name: "zip_map", Domain: graph.DomainML, Type: "ZipMap", Since: 1, Rows: rowsFeature,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		l, err := labelsOf(n, "classlabels_int64s", "classlabels_strings")
		if err != nil {
			return nil, err
		}
		rows, cols, err := matrixOf(n, in[0].Shape)
		if err == nil && cols != l.len() {
			err = modelErr(n, "%d labels for %d scores", l.len(), cols)
		}
		return []graph.Arg{{DType: tensor.Sequence, Shape: []int{rows}}}, err
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		l, err := labelsOf(n, "classlabels_int64s", "classlabels_strings")
		if err != nil {
			return nil, err
		}
		keys := tensor.Of(l.numbers, len(l.numbers))
		if len(l.text) > 0 {
			keys = tensor.OfStrings(l.text, len(l.text))
		}
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			scores := slices.Clone(tensor.Data[float32](in[0]))
			for r := range out[0].Items {
				row := scores[r*l.len() : (r+1)*l.len()]
				out[0].Items[r] = tensor.Compose(tensor.Map, keys, tensor.Of(row, len(row)))
			}
			return nil
		}), nil
	},
}

// mapOf returns the keys and values of a map, of one length; nil where x is none.
func mapOf(x *tensor.Tensor) (keys, values *tensor.Tensor) {
	if x == nil || x.DType != tensor.Map || len(x.Items) != 2 || x.Items[0].Len() != x.Items[1].Len() {
		return nil, nil
	}
	return x.Items[0], x.Items[1]
}

// opDictVectorizer makes a row of the values that a map has for the keys of a vocabulary; a missing one is 0 or an empty string. The
// dtype of the values is that of the map, so it has to be known.
var opDictVectorizer = &Op{
	Name: "dict_vectorizer", Domain: graph.DomainML, Type: "DictVectorizer", Since: 1,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Map); err != nil {
			return nil, err
		}
		vocabulary, err := vocabularyOf(n)
		if err != nil {
			return nil, err
		}
		if !hasConst(in, 0) {
			return nil, needsValue(n, 0)
		}
		keys, values := mapOf(in[0].Const)
		if keys == nil || keys.DType != vocabulary.DType {
			return nil, modelErr(n, "a map with keys of %s is expected", vocabulary.DType)
		}
		return []graph.Arg{{DType: values.DType, Shape: []int{1, vocabulary.Len()}}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		vocabulary, err := vocabularyOf(n)
		if err != nil {
			return nil, err
		}
		name := n.String()
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			keys, values := mapOf(in[0])
			if keys == nil || keys.DType != vocabulary.DType {
				return inputErr(name, "a map with keys of %s is expected", vocabulary.DType)
			}
			index := newKeyIndex(keys)
			for i := range vocabulary.Len() {
				at, ok := index.find(vocabulary, i)
				if values.DType == tensor.String {
					out[0].Strings[i] = ""
					if ok {
						out[0].Strings[i] = values.Strings[at]
					}
					continue
				}
				size := values.DType.Size()
				to := out[0].Bytes[i*size : (i+1)*size]
				clear(to)
				if ok {
					copy(to, values.Bytes[at*size:])
				}
			}
			return nil
		}), nil
	},
}

func vocabularyOf(n *graph.Node) (*tensor.Tensor, error) {
	l, err := labelsOf(n, "int64_vocabulary", "string_vocabulary")
	if len(l.text) > 0 {
		return tensor.OfStrings(l.text, len(l.text)), err
	}
	return tensor.Of(l.numbers, len(l.numbers)), err
}

// opCastMap makes a row of the values of a map by ascending key; "SPARSE" puts each at its key, of max_map.
var opCastMap = &Op{
	Name: "cast_map", Domain: graph.DomainML, Type: "CastMap", Since: 1,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Map); err != nil {
			return nil, err
		}
		to, width, err := castMapOf(n)
		if err != nil {
			return nil, err
		}
		if width < 0 {
			if !hasConst(in, 0) {
				return nil, needsValue(n, 0)
			}
			keys, _ := mapOf(in[0].Const)
			if keys == nil {
				return nil, modelErr(n, "a map is expected")
			}
			width = keys.Len()
		}
		return []graph.Arg{{DType: to, Shape: []int{1, width}}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		to, width, err := castMapOf(n)
		return &castMap{n.String(), to, width >= 0}, err
	},
}

// castMapOf is the dtype of the result and its width, −1 for that of the map.
func castMapOf(n *graph.Node) (to tensor.DType, width int, err error) {
	name, err := n.StringAttr("cast_to", "TO_FLOAT")
	if err != nil {
		return to, 0, err
	}
	to, ok := map[string]tensor.DType{"TO_FLOAT": tensor.Float32, "TO_STRING": tensor.String, "TO_INT64": tensor.Int64}[name]
	if !ok {
		return to, 0, modelErr(n, "attribute \"cast_to\" is %q", name)
	}
	form, err := n.StringAttr("map_form", "DENSE")
	if err != nil {
		return to, 0, err
	}
	most, err := n.IntAttr("max_map", 1)
	switch {
	case err != nil:
		return to, 0, err
	case form == "DENSE":
		return to, -1, nil
	case form != "SPARSE" || most < 1 || most > math.MaxInt32:
		return to, 0, modelErr(n, "attribute \"map_form\" is %q with \"max_map\" %d", form, most)
	}
	return to, int(most), nil
}

type castMap struct {
	name   string
	to     tensor.DType
	sparse bool
}

// Run implements graph.Kernel.
func (k *castMap) Run(in, out []*tensor.Tensor, _ []byte) error {
	keys, values := mapOf(in[0])
	if keys == nil || keys.DType != tensor.Int64 || values.DType != tensor.Float32 && values.DType != tensor.String {
		return inputErr(k.name, "a map from int64 to float32 or string is expected")
	}
	id := tensor.Data[int64](keys)
	order := make([]int, len(id))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(id[a], id[b]) })
	clear(out[0].Bytes)
	for i := range out[0].Strings {
		out[0].Strings[i] = "0.f" // ONNX Runtime's filling
	}
	width := int64(out[0].Shape[1])
	for place, i := range order {
		at := int64(place)
		if k.sparse {
			if at = id[i]; at < 0 {
				return inputErr(k.name, "key %d is negative", at)
			}
		}
		if at >= width {
			continue
		}
		if err := k.cast(out[0], int(at), values, i); err != nil {
			return err
		}
	}
	return nil
}

// cast writes element i of values to element at of y.
func (k *castMap) cast(y *tensor.Tensor, at int, values *tensor.Tensor, i int) error {
	if values.DType == tensor.Float32 {
		switch v := tensor.Data[float32](values)[i]; k.to {
		case tensor.Float32:
			tensor.Data[float32](y)[at] = v
		case tensor.Int64:
			tensor.Data[int64](y)[at] = truncate(float64(v), math.MinInt64, math.MaxInt64)
		default:
			y.Strings[at] = strconv.FormatFloat(float64(v), 'f', 6, 64)
		}
		return nil
	}
	switch s := values.Strings[i]; k.to {
	case tensor.Float32:
		v, err := strconv.ParseFloat(s, 32)
		if err != nil && !math.IsInf(v, 0) {
			return notNumber(k.name, i, s)
		}
		tensor.Data[float32](y)[at] = float32(v)
	case tensor.Int64:
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return notNumber(k.name, i, s)
		}
		tensor.Data[int64](y)[at] = v
	default:
		y.Strings[at] = s
	}
	return nil
}
