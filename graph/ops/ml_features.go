package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The preprocessing operators of ai.onnx.ml that work on one number at a time, and Normalizer.
var (
	opScaler     = &Op{Name: "scaler", Domain: graph.DomainML, Type: "Scaler", Since: 1, Infer: inferScaler, Build: buildScaler, Rows: rowsFeature}
	opImputer    = &Op{Name: "imputer", Domain: graph.DomainML, Type: "Imputer", Since: 1, Infer: inferImputer, Build: buildImputer, Rows: rowsFeature}
	opBinarizer  = &Op{Name: "binarizer", Domain: graph.DomainML, Type: "Binarizer", Since: 1, Infer: inferBinarizer, Build: buildBinarizer, Rows: rowsFirst}
	opNormalizer = &Op{Name: "normalizer", Domain: graph.DomainML, Type: "Normalizer", Since: 1, Infer: inferNormalizer, Build: buildNormalizer, Rows: rowsFeature}
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
func perFeature(n *graph.Node, name string, values, f int) error {
	if values != 1 && values != f {
		return modelErr(n, "attribute %q has %d values for %d features", name, values, f)
	}
	return nil
}

func scalerAttrs(n *graph.Node, in []graph.Arg) (offset, scale []float32, err error) {
	if err = arity(n, in, 1, 1); err != nil {
		return nil, nil, err
	}
	if err = wantDType(n, in, 0, mlNumbers...); err != nil {
		return nil, nil, err
	}
	if offset, err = n.FloatsAttr("offset"); err != nil {
		return nil, nil, err
	}
	if scale, err = n.FloatsAttr("scale"); err != nil {
		return nil, nil, err
	}
	f := features(in[0].Shape)
	if err = perFeature(n, "offset", len(offset), f); err != nil {
		return nil, nil, err
	}
	return offset, scale, perFeature(n, "scale", len(scale), f)
}

func inferScaler(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if _, _, err := scalerAttrs(n, in); err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
}

// buildScaler computes (x - offset)·scale, two roundings; for float64 in float64, which is rounded once more.
func buildScaler(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	offset, scale, err := scalerAttrs(n, in)
	if err != nil {
		return nil, err
	}
	f := features(in[0].Shape)
	offset, scale = rowVector(offset, f), rowVector(scale, f)
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[float32](out[0])
		if in[0].DType == tensor.Float64 {
			for i, v := range tensor.Data[float64](in[0]) {
				dst[i] = float32((v - float64(offset[i%f])) * float64(scale[i%f]))
			}
			return nil
		}
		toF32(dst, in[0])
		for ; len(dst) > 0; dst = dst[f:] {
			for j, v := range dst[:f] {
				dst[j] = (v - offset[j]) * scale[j]
			}
		}
		return nil
	}), nil
}

// imputation is what an Imputer replaces by what: numbers of the kind that the input has.
type imputation struct {
	floats       []float32
	ints         []int64
	missing      float32
	missingWhole int64
}

func imputerAttrs(n *graph.Node, in []graph.Arg) (a imputation, err error) {
	if err = arity(n, in, 1, 1); err != nil {
		return a, err
	}
	if err = wantDType(n, in, 0, mlNumbers...); err != nil {
		return a, err
	}
	f := features(in[0].Shape)
	if in[0].DType == tensor.Float32 || in[0].DType == tensor.Float64 {
		if a.floats, err = n.FloatsAttr("imputed_value_floats"); err != nil {
			return a, err
		}
		if a.missing, err = n.FloatAttr("replaced_value_float", 0); err != nil {
			return a, err
		}
		return a, perFeature(n, "imputed_value_floats", len(a.floats), f)
	}
	if a.ints, err = n.IntsAttr("imputed_value_int64s"); err != nil {
		return a, err
	}
	if a.missingWhole, err = n.IntAttr("replaced_value_int64", 0); err != nil {
		return a, err
	}
	return a, perFeature(n, "imputed_value_int64s", len(a.ints), f)
}

func inferImputer(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if _, err := imputerAttrs(n, in); err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
}

// buildImputer replaces one value, usually NaN, by a number per feature.
func buildImputer(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	a, err := imputerAttrs(n, in)
	if err != nil {
		return nil, err
	}
	switch in[0].DType {
	case tensor.Float32:
		return impute(a.floats, a.missing), nil
	case tensor.Float64:
		return impute(castList[float64](a.floats), float64(a.missing)), nil
	case tensor.Int32:
		return impute(castList[int32](a.ints), int32(a.missingWhole)), nil
	}
	return impute(a.ints, a.missingWhole), nil
}

func castList[D, S number](x []S) []D {
	out := make([]D, len(x))
	for i, v := range x {
		out[i] = D(v)
	}
	return out
}

func impute[T number](with []T, missing T) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		x, dst := tensor.Data[T](in[0]), tensor.Data[T](out[0])
		for i, v := range x {
			if v == missing || v != v && missing != missing {
				v = with[i%len(with)] // as many as features, or one
			}
			dst[i] = v
		}
		return nil
	})
}

func inferBinarizer(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 0, mlNumbers...); err != nil {
		return nil, err
	}
	if _, err := n.FloatAttr("threshold", 0); err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
}

// buildBinarizer gives 1 for what is above a threshold, else 0. Integers are compared as float32.
func buildBinarizer(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	threshold, err := n.FloatAttr("threshold", 0)
	switch in[0].DType {
	case tensor.Float64:
		return eachKernel(func(v float64) float64 { return above[float64](v > float64(threshold)) }), err
	case tensor.Int32:
		return eachKernel(func(v int32) int32 { return above[int32](float32(v) > threshold) }), err
	case tensor.Int64:
		return eachKernel(func(v int64) int64 { return above[int64](float32(v) > threshold) }), err
	}
	return eachKernel(func(v float32) float32 { return above[float32](v > threshold) }), err
}

func above[T number](yes bool) T {
	if yes {
		return 1
	}
	return 0
}

func inferNormalizer(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 0, mlNumbers...); err != nil {
		return nil, err
	}
	if _, _, err := matrixOf(n, in[0].Shape); err != nil {
		return nil, err
	}
	if _, err := normOf(n); err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
}

// normOf is the divisor of a row: its largest element, with its sign, the sum of magnitudes, or the Euclidean norm.
func normOf(n *graph.Node) (func(row []float32) float32, error) {
	norm, err := n.StringAttr("norm", "MAX")
	if err != nil {
		return nil, err
	}
	switch norm {
	case "MAX":
		return kernels.MaxF32, nil
	case "L1":
		return kernels.SumAbsF32, nil
	case "L2":
		return func(row []float32) float32 { return float32(math.Sqrt(float64(kernels.SumSquareF32(row, 0)))) }, nil
	}
	return nil, modelErr(n, "attribute \"norm\" is %q, expected MAX, L1 or L2", norm)
}

// buildNormalizer divides each row by its norm, unless that is 0.
func buildNormalizer(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	norm, err := normOf(n)
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst, f := tensor.Data[float32](out[0]), features(in[0].Shape)
		toF32(dst, in[0])
		for ; len(dst) > 0; dst = dst[f:] {
			row := dst[:f]
			by := norm(row)
			if by == 0 {
				continue
			}
			for i := range row {
				row[i] /= by
			}
		}
		return nil
	}), err
}
