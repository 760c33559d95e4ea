package onnx

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/wire"
)

// maxTypeDepth bounds how deep sequences, optionals and maps nest, in a type and in a value.
const maxTypeDepth = 8

// readType decodes a TypeProto into v, which has its name already.
func readType(v *graph.Value, b []byte, depth int) error {
	if depth > maxTypeDepth {
		return fmt.Errorf("value %q: types nest more than %d deep: %w", v.Name, maxTypeDepth, graph.ErrLimit)
	}
	return wire.Walk(b, "TypeProto", func(f wire.Field) error {
		switch f.Num {
		case 1:
			return readTensorType(v, f)
		case 4:
			return readElemType(v, f, tensor.Sequence, depth)
		case 5:
			return readElemType(v, f, tensor.Map, depth)
		case 6: // denotation
			return nil
		case 9:
			return readElemType(v, f, tensor.Optional, depth)
		}
		return fmt.Errorf("value %q is a sparse tensor or opaque: %w", v.Name, graph.ErrUnsupported)
	})
}

func readTensorType(v *graph.Value, f wire.Field) error {
	b, err := f.Message("tensor_type")
	if err != nil {
		return err
	}
	return wire.Walk(b, "TypeProto.Tensor", func(f wire.Field) error {
		switch f.Num {
		case 1:
			v.DType, err = readDType(f, "elem_type")
			return err
		case 2:
			b, err := f.Message("shape")
			if err != nil {
				return err
			}
			v.Shape = []int{}
			return wire.Walk(b, "TensorShapeProto", func(f wire.Field) error {
				if f.Num != 1 {
					return nil
				}
				return readDim(v, f)
			})
		}
		return nil
	})
}

// readDType decodes a TensorProto.DataType; one that hotpath does not have is Invalid.
func readDType(f wire.Field, what string) (tensor.DType, error) {
	code, err := f.Int(what)
	if err != nil || code < 0 || code > 1<<15 {
		return tensor.Invalid, err
	}
	return tensor.FromONNX(int32(code)), nil
}

// readElemType decodes TypeProto.Sequence, TypeProto.Optional (elem_type is field 1) or TypeProto.Map (key_type 1, value_type 2).
func readElemType(v *graph.Value, f wire.Field, d tensor.DType, depth int) error {
	b, err := f.Message(d.String() + "_type")
	if err != nil {
		return err
	}
	v.DType, v.Elem = d, &graph.Value{Name: v.Name}
	return wire.Walk(b, "TypeProto", func(f wire.Field) error {
		if d == tensor.Map && f.Num == 1 {
			v.Key, err = readDType(f, "key_type")
			return err
		}
		b, err := f.Message("elem_type")
		if err != nil {
			return err
		}
		return readType(v.Elem, b, depth+1)
	})
}
