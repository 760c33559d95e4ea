package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opArrayFeatures picks features: y[..., k] = x[..., indices[k]]. A vector becomes one row.
var opArrayFeatures = &Op{
	Name: "array_feature_extractor", Domain: graph.DomainML, Type: "ArrayFeatureExtractor", Since: 1, MinInputs: 2, Rows: rowsFeature,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, append([]tensor.DType{tensor.String}, mlNumbers...)...); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 1, tensor.Int64); err != nil {
			return nil, err
		}
		picked, _ := tensor.Elements(in[1].Shape)
		if len(in[0].Shape) == 0 || picked == 0 {
			return nil, modelErr(n, "%d indices into shape %v", picked, in[0].Shape)
		}
		shape := append([]int(nil), in[0].Shape...)
		shape[len(shape)-1] = picked
		if len(shape) == 1 {
			shape = []int{1, picked}
		}
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		name := n.String()
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			indices, f := tensor.Data[int64](in[1]), features(in[0].Shape)
			for _, i := range indices {
				if i < 0 || i >= int64(f) {
					return inputErr(name, "index %d of %d features", i, f)
				}
			}
			size, at := in[0].DType.Size(), 0
			for start := 0; f > 0 && start < in[0].Len(); start += f {
				for _, i := range indices {
					if size == 0 {
						out[0].Strings[at] = in[0].Strings[start+int(i)]
					} else {
						copy(out[0].Bytes[at*size:(at+1)*size], in[0].Bytes[(start+int(i))*size:])
					}
					at++
				}
			}
			return nil
		}), nil
	},
}

// opFeatureVectorizer puts inputs side by side as float32: of each as many features as "inputdimensions" says, missing ones are 0.
var opFeatureVectorizer = &Op{
	Name: "feature_vectorizer", Domain: graph.DomainML, Type: "FeatureVectorizer", Since: 1,
	Rows: func(_ *graph.Node, in []graph.Arg, rows []bool) bool {
		for i, a := range in {
			if !rows[i] || len(a.Shape) < 2 {
				return false
			}
		}
		return true
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		rows, widths, err := vectorizerOf(n, in)
		if err != nil {
			return nil, err
		}
		shape := []int{rows, 0}
		for _, w := range widths {
			shape[1] += w
		}
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		_, widths, err := vectorizerOf(n, in)
		return vectorizer(widths), err
	},
}

func vectorizerOf(n *graph.Node, in []graph.Arg) (rows int, widths []int, err error) {
	list, err := n.IntsAttr("inputdimensions")
	if err != nil {
		return 0, nil, err
	}
	if len(list) != len(in) {
		return 0, nil, modelErr(n, "%d inputs and %d sizes", len(in), len(list))
	}
	for i, a := range in {
		if err := wantDType(n, in, i, mlNumbers...); err != nil {
			return 0, nil, err
		}
		if list[i] < 0 || list[i] > math.MaxInt32 {
			return 0, nil, modelErr(n, "size %d of input %d", list[i], i)
		}
		widths = append(widths, int(list[i]))
		count := 1
		if len(a.Shape) != 1 {
			if len(a.Shape) == 0 {
				return 0, nil, modelErr(n, "input %d is a scalar", i)
			}
			count = a.Shape[0]
		}
		if i > 0 && count != rows {
			return 0, nil, modelErr(n, "input %d has %d rows, the first %d", i, count, rows)
		}
		rows = count
	}
	return rows, widths, nil
}

// vectorizer is the number of features taken from each input.
type vectorizer []int

// ScratchBytes implements graph.ScratchKernel: the largest input as float32.
func (v vectorizer) ScratchBytes(args []graph.Arg) int {
	most := 0
	for _, a := range args {
		most = max(most, featuresBytes(a))
	}
	return most
}

// Run implements graph.Kernel.
func (v vectorizer) Run(in, out []*tensor.Tensor, scratch []byte) error {
	dst := tensor.Data[float32](out[0])
	clear(dst)
	rows, width, at := out[0].Shape[0], out[0].Shape[1], 0
	for i, x := range in {
		values, _ := featuresF32(x, scratch)
		for r := range rows {
			have := len(values) / rows
			copy(dst[r*width+at:r*width+at+v[i]], values[r*have:(r+1)*have])
		}
		at += v[i]
	}
	return nil
}
