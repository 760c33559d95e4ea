package kserve

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
)

// readContents copies the elements of a tensor into t and gives it the shape. Errors wrap graph.ErrInput.
func readContents(t *tensor.Tensor, name string, shape []int, c *inference.InferTensorContents) error {
	n, ok := tensor.Elements(shape)
	if !ok {
		return server.Fail(graph.ErrInput, "input '%s': shape %v has too many elements", name, shape)
	}
	if c == nil {
		c = &inference.InferTensorContents{}
	}
	switch t.DType {
	case tensor.Bool:
		return exact(t, name, shape, n, c.BoolContents)
	case tensor.Int8:
		return narrow[int8](t, name, shape, n, c.IntContents, math.MinInt8, math.MaxInt8)
	case tensor.Int16:
		return narrow[int16](t, name, shape, n, c.IntContents, math.MinInt16, math.MaxInt16)
	case tensor.Int32:
		return exact(t, name, shape, n, c.IntContents)
	case tensor.Int64:
		return exact(t, name, shape, n, c.Int64Contents)
	case tensor.Uint8:
		return narrow[uint8](t, name, shape, n, c.UintContents, 0, math.MaxUint8)
	case tensor.Uint16:
		return narrow[uint16](t, name, shape, n, c.UintContents, 0, math.MaxUint16)
	case tensor.Uint32:
		return exact(t, name, shape, n, c.UintContents)
	case tensor.Uint64:
		return exact(t, name, shape, n, c.Uint64Contents)
	case tensor.Float32:
		return exact(t, name, shape, n, c.Fp32Contents)
	case tensor.Float64:
		return exact(t, name, shape, n, c.Fp64Contents)
	case tensor.String:
		if err := count(name, shape, n, len(c.BytesContents)); err != nil {
			return err
		}
		t.Resize(shape...)
		for i, b := range c.BytesContents {
			t.Strings[i] = string(b)
		}
		return nil
	}
	return server.Fail(graph.ErrInput, "input '%s': datatype %s has no contents, please use raw_input_contents", name, typeOf(t.DType).name)
}

func count(name string, shape []int, n, found int) error {
	if n != found {
		return server.Fail(graph.ErrInput, "input '%s': got %d elements, expected %d as shape %v says", name, found, n, shape)
	}
	return nil
}

// exact copies elements whose type is that of the tensor.
func exact[T tensor.Numeric](t *tensor.Tensor, name string, shape []int, n int, values []T) error {
	if err := count(name, shape, n, len(values)); err != nil {
		return err
	}
	t.Resize(shape...)
	copy(tensor.Data[T](t), values)
	return nil
}

// narrow copies elements that the message holds in a wider type.
func narrow[T int8 | int16 | uint8 | uint16, W int32 | uint32](t *tensor.Tensor, name string, shape []int, n int, values []W, lo, hi int64) error {
	if err := count(name, shape, n, len(values)); err != nil {
		return err
	}
	t.Resize(shape...)
	data := tensor.Data[T](t)
	for i, v := range values {
		if int64(v) < lo || int64(v) > hi {
			return server.Fail(graph.ErrInput, "input '%s': element %d is %d, which %s cannot hold", name, i, v, typeOf(t.DType).name)
		}
		data[i] = T(v)
	}
	return nil
}

// contentsOf is the elements of t in the field of its datatype; half floats have none.
func contentsOf(t *tensor.Tensor) *inference.InferTensorContents {
	c := &inference.InferTensorContents{}
	switch t.DType {
	case tensor.Bool:
		c.BoolContents = slices.Clone(tensor.Data[bool](t))
	case tensor.Int8:
		c.IntContents = widen[int32](tensor.Data[int8](t))
	case tensor.Int16:
		c.IntContents = widen[int32](tensor.Data[int16](t))
	case tensor.Int32:
		c.IntContents = slices.Clone(tensor.Data[int32](t))
	case tensor.Int64:
		c.Int64Contents = slices.Clone(tensor.Data[int64](t))
	case tensor.Uint8:
		c.UintContents = widen[uint32](tensor.Data[uint8](t))
	case tensor.Uint16:
		c.UintContents = widen[uint32](tensor.Data[uint16](t))
	case tensor.Uint32:
		c.UintContents = slices.Clone(tensor.Data[uint32](t))
	case tensor.Uint64:
		c.Uint64Contents = slices.Clone(tensor.Data[uint64](t))
	case tensor.Float32:
		c.Fp32Contents = slices.Clone(tensor.Data[float32](t))
	case tensor.Float64:
		c.Fp64Contents = slices.Clone(tensor.Data[float64](t))
	case tensor.String:
		for _, s := range t.Strings {
			c.BytesContents = append(c.BytesContents, []byte(s))
		}
	}
	return c
}

func widen[W int32 | uint32, T int8 | int16 | uint8 | uint16](values []T) []W {
	wide := make([]W, len(values))
	for i, v := range values {
		wide[i] = W(v)
	}
	return wide
}
