package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// combiners applies updates to elements of a tensor: by replacing them, or by a function of old and new.
type combiners struct {
	apply func(dst, src *tensor.Tensor, at, from, n int)
}

// inferScatter checks what scattering operators share; the result is like data.
func inferScatter(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if in[2].DType != in[0].DType {
		return nil, modelErr(n, "updates are %s, data %s", in[2].DType, in[0].DType)
	}
	if _, err := scatterCombiners(n, in[0].DType); err != nil {
		return nil, err
	}
	return movable(n, in[0].DType, in[0].Shape)
}

func buildScatter(n *graph.Node, d tensor.DType, kernel func(*combiners) graph.Kernel) (graph.Kernel, error) {
	c, err := scatterCombiners(n, d)
	if err != nil {
		return nil, err
	}
	return kernel(c), nil
}

func scatterCombiners(n *graph.Node, d tensor.DType) (*combiners, error) {
	reduction, err := n.StringAttr("reduction", "none")
	if err != nil {
		return nil, err
	}
	name, ok := map[string]string{"none": "", "add": "Add", "mul": "Mul", "max": "Max", "min": "Min"}[reduction]
	if !ok {
		return nil, modelErr(n, "attribute \"reduction\" is %q, expected none, add, mul, max or min", reduction)
	}
	if name == "" {
		return &combiners{func(dst, src *tensor.Tensor, at, from, count int) {
			size := dst.DType.Size()
			copy(dst.Bytes[at*size:(at+count)*size], src.Bytes[from*size:])
		}}, nil
	}
	switch d {
	case tensor.Float32:
		return combine(floatPair[float32](name)), nil
	case tensor.Float64:
		return combine(floatPair[float64](name)), nil
	case tensor.Int8:
		return combine(integerPair[int8](name)), nil
	case tensor.Int16:
		return combine(integerPair[int16](name)), nil
	case tensor.Int32:
		return combine(integerPair[int32](name)), nil
	case tensor.Int64:
		return combine(integerPair[int64](name)), nil
	case tensor.Uint8:
		return combine(integerPair[uint8](name)), nil
	case tensor.Uint16:
		return combine(integerPair[uint16](name)), nil
	case tensor.Uint32:
		return combine(integerPair[uint32](name)), nil
	case tensor.Uint64:
		return combine(integerPair[uint64](name)), nil
	}
	return nil, unsupported(n, "reduction %q of %s", reduction, d)
}

func combine[T number](f func(a, b T) T) *combiners {
	return &combiners{func(dst, src *tensor.Tensor, at, from, count int) {
		d, s := tensor.Data[T](dst)[at:at+count], tensor.Data[T](src)[from:from+count]
		for i, v := range s {
			d[i] = f(d[i], v)
		}
	}}
}

// floatPair is the function of two floats by name; NaN wins.
func floatPair[T float32 | float64](name string) func(a, b T) T {
	switch name {
	case "Add":
		return func(a, b T) T { return a + b }
	case "Mul":
		return func(a, b T) T { return a * b }
	case "Max":
		return maximum[T]
	}
	return minimum[T]
}
