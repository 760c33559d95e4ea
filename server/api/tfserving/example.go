package tfserving

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// batch is the examples of one request. A feature that an example lacks is looked for in the context.
type batch struct {
	examples []*tensorflow.Example
	context  *tensorflow.Example
	given    int // values that the examples hold of their own
	room     room
}

// newBatch takes the examples of a request. Errors wrap graph.ErrInput or graph.ErrLimit.
func newBatch(in *tensorflow.Input, maxRows int) (*batch, error) {
	b := &batch{room: fullRoom}
	switch kind := in.GetKind().(type) {
	case *tensorflow.Input_ExampleList:
		b.examples = kind.ExampleList.GetExamples()
	case *tensorflow.Input_ExampleListWithContext:
		b.examples, b.context = kind.ExampleListWithContext.GetExamples(), kind.ExampleListWithContext.GetContext()
	}
	switch n := len(b.examples); {
	case n == 0:
		return nil, server.Fail(graph.ErrInput, "Input is empty.")
	case n > maxRows:
		return nil, server.Fail(graph.ErrLimit, "%d rows in one request, the limit for this model is %d", n, maxRows)
	}
	for _, e := range b.examples {
		for _, f := range e.GetFeatures().GetFeature() {
			b.given += length(f)
		}
	}
	return b, nil
}

// feature finds a feature of example i; nil if there is none with values.
func (b *batch) feature(i int, name string) *tensorflow.Feature {
	if f := b.examples[i].GetFeatures().GetFeature()[name]; length(f) > 0 {
		return f
	}
	if f := b.context.GetFeatures().GetFeature()[name]; length(f) > 0 {
		return f
	}
	return nil
}

// length is the number of values of a feature.
func length(f *tensorflow.Feature) int {
	return len(f.GetBytesList().GetValue()) + len(f.GetFloatList().GetValue()) + len(f.GetInt64List().GetValue())
}

// read fills the inputs of s: a row per example, of the feature that is named like the input, else of those named like
// its columns. Other features are passed over, as models of TensorFlow do. Errors wrap graph.ErrInput,
// graph.ErrLimit, or graph.ErrUnsupported for models whose inputs are no rows.
func (b *batch) read(s *server.Session) error {
	for i := range s.Inputs {
		if err := b.readInput(s.Inputs[i], &s.Engine.Signature.Inputs[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) readInput(t *tensor.Tensor, in *graph.Input) error {
	shape, width, err := b.shapeOf(in)
	if err != nil {
		return err
	}
	n := len(b.examples)
	if width > math.MaxInt32 || n > math.MaxInt32 {
		return server.Fail(graph.ErrLimit, "input %s: %d rows of %d values", in.Name, n, width)
	}
	sent := min(b.given, n*width)
	b.given -= sent
	if err := b.room.take(n*width-sent, t.DType); err != nil {
		return err
	}
	t.Resize(shape...)
	for i := range n {
		if f := b.feature(i, in.Name); f != nil {
			if length(f) != width {
				return server.Fail(graph.ErrInput, "Key: %s. Number of values != expected in example %d: %d, expected %d", in.Name, i, length(f), width)
			}
			if err := put(t, i*width, in.Name, f); err != nil {
				return err
			}
		} else if err := b.readColumns(t, in, i, width); err != nil {
			return err
		}
	}
	return nil
}

// shapeOf is the shape of an input for the examples, and the number of values per row. One axis of unknown size is what
// the first example makes of it.
func (b *batch) shapeOf(in *graph.Input) (shape []int, width int, err error) {
	if len(in.Shape) == 0 || dataTypes[in.DType] == 0 {
		return nil, 0, server.Fail(graph.ErrUnsupported, "input %s is no tensor with a row per example", in.Name)
	}
	shape, width = append(shape, in.Shape...), 1
	shape[0] = len(b.examples)
	open := 0
	for i, d := range shape[1:] {
		if d < 0 {
			if open != 0 {
				return nil, 0, server.Fail(graph.ErrUnsupported, "input %s has several axes of unknown size, which examples do not tell", in.Name)
			}
			open = i + 1
			continue
		}
		if d > math.MaxInt32 || width > math.MaxInt32 {
			return nil, 0, server.Fail(graph.ErrLimit, "input %s has rows of shape %v", in.Name, in.Shape)
		}
		width *= d
	}
	if open == 0 {
		return shape, width, nil
	}
	first := length(b.feature(0, in.Name))
	if first == 0 {
		return nil, 0, required(in.Name, in.DType, 0)
	}
	if width == 0 || first%width != 0 {
		return nil, 0, server.Fail(graph.ErrInput, "Key: %s. %d values in example 0, expected a multiple of %d", in.Name, first, width)
	}
	shape[open] = first / width
	return shape, first, nil
}

// readColumns fills row i of an input from features that are named like its columns.
func (b *batch) readColumns(t *tensor.Tensor, in *graph.Input, i, width int) error {
	if len(in.Columns) != width {
		if in.Missing && width > 0 {
			for c := range width {
				if !leaveOut(t, i*width+c) {
					return required(in.Name, t.DType, i)
				}
			}
			return nil
		}
		return required(in.Name, t.DType, i)
	}
	for c, name := range in.Columns {
		at := i*width + c
		f := b.feature(i, name)
		switch {
		case f == nil:
			if !in.Missing || !leaveOut(t, at) {
				return required(name, t.DType, i)
			}
		case length(f) != 1:
			return server.Fail(graph.ErrInput, "Key: %s. Number of values != expected in example %d: %d, expected 1", name, i, length(f))
		default:
			if err := put(t, at, name, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func required(name string, d tensor.DType, i int) error {
	return server.Fail(graph.ErrInput, "Feature: %s (data type: %s) is required but could not be found in example %d.", name, d, i)
}

// leaveOut writes the value that stands for a missing one; ok is false for dtypes that have none.
func leaveOut(t *tensor.Tensor, at int) (ok bool) {
	switch t.DType {
	case tensor.Float32:
		tensor.Data[float32](t)[at] = float32(math.NaN())
	case tensor.Float64:
		tensor.Data[float64](t)[at] = math.NaN()
	case tensor.String:
		t.Strings[at] = ""
	default:
		return false
	}
	return true
}

// put writes the values of a feature to the elements from at on. Whole numbers may stand for any number that holds them.
func put(t *tensor.Tensor, at int, name string, f *tensorflow.Feature) error {
	if list := f.GetBytesList().GetValue(); len(list) > 0 && t.DType == tensor.String {
		for i, v := range list {
			t.Strings[at+i] = string(v)
		}
		return nil
	}
	if list := f.GetFloatList().GetValue(); len(list) > 0 {
		switch t.DType {
		case tensor.Float32:
			return convert(tensor.Data[float32](t)[at:], list, name, t.DType, same[float32])
		case tensor.Float64:
			return convert(tensor.Data[float64](t)[at:], list, name, t.DType, func(v float32) (float64, bool) { return float64(v), true })
		case tensor.Float16:
			return convert(tensor.Data[tensor.F16](t)[at:], list, name, t.DType, toF16)
		case tensor.BFloat16:
			return convert(tensor.Data[tensor.BF16](t)[at:], list, name, t.DType, toBF16)
		}
	}
	if list := f.GetInt64List().GetValue(); len(list) > 0 {
		switch t.DType {
		case tensor.Float32:
			return convert(tensor.Data[float32](t)[at:], list, name, t.DType, func(v int64) (float32, bool) { return float32(v), true })
		case tensor.Float64:
			return convert(tensor.Data[float64](t)[at:], list, name, t.DType, func(v int64) (float64, bool) { return float64(v), true })
		case tensor.Float16:
			return convert(tensor.Data[tensor.F16](t)[at:], list, name, t.DType, func(v int64) (tensor.F16, bool) { return toF16(float32(v)) })
		case tensor.BFloat16:
			return convert(tensor.Data[tensor.BF16](t)[at:], list, name, t.DType, func(v int64) (tensor.BF16, bool) { return toBF16(float32(v)) })
		case tensor.Int8:
			return convert(tensor.Data[int8](t)[at:], list, name, t.DType, whole[int8])
		case tensor.Int16:
			return convert(tensor.Data[int16](t)[at:], list, name, t.DType, whole[int16])
		case tensor.Int32:
			return convert(tensor.Data[int32](t)[at:], list, name, t.DType, whole[int32])
		case tensor.Int64:
			return convert(tensor.Data[int64](t)[at:], list, name, t.DType, same[int64])
		case tensor.Uint8:
			return convert(tensor.Data[uint8](t)[at:], list, name, t.DType, whole[uint8])
		case tensor.Uint16:
			return convert(tensor.Data[uint16](t)[at:], list, name, t.DType, whole[uint16])
		case tensor.Uint32:
			return convert(tensor.Data[uint32](t)[at:], list, name, t.DType, whole[uint32])
		case tensor.Uint64:
			return convert(tensor.Data[uint64](t)[at:], list, name, t.DType, func(v int64) (uint64, bool) { return uint64(v), v >= 0 })
		case tensor.Bool:
			return convert(tensor.Data[bool](t)[at:], list, name, t.DType, func(v int64) (bool, bool) { return v == 1, v == 0 || v == 1 })
		}
	}
	return server.Fail(graph.ErrInput, "Key: %s. Data types don't match. Expected type: %s", name, t.DType)
}

// convert writes values of a feature as those of an input.
func convert[T, V any](dst []T, values []V, name string, d tensor.DType, to func(V) (T, bool)) error {
	for i, v := range values {
		x, ok := to(v)
		if !ok {
			return server.Fail(graph.ErrInput, "Key: %s. The value %v is out of the range of %s", name, v, d)
		}
		dst[i] = x
	}
	return nil
}

func whole[T int8 | int16 | int32 | uint8 | uint16 | uint32](v int64) (T, bool) {
	x := T(v)
	return x, int64(x) == v
}

func toF16(v float32) (tensor.F16, bool) {
	h := tensor.ToF16(v)
	return h, fits(v, h.Float32())
}

func toBF16(v float32) (tensor.BF16, bool) {
	h := tensor.ToBF16(v)
	return h, fits(v, h.Float32())
}

// fits is false where a finite number was rounded to an infinite one.
func fits(v, rounded float32) bool {
	return !math.IsInf(float64(rounded), 0) || math.IsInf(float64(v), 0)
}
