package onnx

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/wire"
)

// ReadValue decodes a value kept by itself, as in the test data of a model: a TensorProto, SequenceProto or OptionalProto, by the type
// that v declares. Errors wrap graph.ErrFormat, ErrLimit or ErrUnsupported.
func ReadValue(data []byte, v *graph.Value) (*tensor.Tensor, error) {
	return named(readValue(data, v, 0))
}

func readValue(data []byte, v *graph.Value, depth int) (*tensor.Tensor, error) {
	if depth > maxTypeDepth {
		return nil, fmt.Errorf("value %q: sequences nest more than %d deep: %w", v.Name, maxTypeDepth, graph.ErrLimit)
	}
	switch v.DType {
	case tensor.Sequence, tensor.Optional:
		return readItems(data, v, depth)
	case tensor.Map:
		return nil, fmt.Errorf("value %q is a map: %w", v.Name, graph.ErrUnsupported)
	}
	_, t, err := readTensor(data, nil, false)
	return t, err
}

// readItems decodes a SequenceProto or an OptionalProto: what the elements are is field 2, and says in which of the fields from 3 on they
// lie; both messages number them alike.
func readItems(data []byte, v *graph.Value, depth int) (*tensor.Tensor, error) {
	if bare := v.DType == tensor.Optional && v.Elem.DType == tensor.Sequence; bare {
		// The cases of ONNX keep a sequence that is there as it is: then there are tensors.
		bare = false
		if err := wire.Walk(data, "optional", func(f wire.Field) error { bare = bare || f.Num == 3; return nil }); err != nil {
			return nil, err
		}
		if bare {
			t, err := readValue(data, v.Elem, depth+1)
			return tensor.Compose(tensor.Optional, t), err
		}
	}
	out := tensor.Compose(v.DType)
	err := wire.Walk(data, v.DType.String(), func(f wire.Field) error {
		elem := *v.Elem
		switch f.Num {
		case 3: // tensors
		case 5:
			elem.DType = tensor.Sequence
		case 7:
			elem.DType = tensor.Optional
		case 4, 6:
			return fmt.Errorf("value %q holds sparse tensors or maps: %w", v.Name, graph.ErrUnsupported)
		default:
			return nil
		}
		if elem.DType.Composite() && elem.Elem == nil {
			return wire.Errorf(v.DType.String(), 0, "value %q holds a %s, which its type does not say", v.Name, elem.DType)
		}
		b, err := f.Message("element")
		if err != nil {
			return err
		}
		t, err := readValue(b, &elem, depth+1)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, t)
		out.Shape[0] = len(out.Items)
		return nil
	})
	return out, err
}
