package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// decodeArrays reads {"name": nested arrays, …} with the dtypes of the signature.
func decodeArrays(data []byte, s *graph.Signature) (map[string]*tensor.Tensor, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("expected an object of arrays by input name: %w: %w", err, graph.ErrInput)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the object: %w", graph.ErrInput)
	}
	arrays := map[string]*tensor.Tensor{}
	for name, v := range doc {
		i := slices.IndexFunc(s.Inputs, func(in graph.Input) bool { return in.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the model has no input %q: %w", name, graph.ErrInput)
		}
		var shape []int
		for at := v; ; {
			list, ok := at.([]any)
			if !ok {
				break
			}
			shape = append(shape, len(list))
			if len(list) == 0 {
				break
			}
			at = list[0]
		}
		t := tensor.New(s.Inputs[i].DType, shape...)
		a := arrayReader{t: t, input: &s.Inputs[i]}
		if err := a.read(v, 0, name); err != nil {
			return nil, err
		}
		arrays[name] = t
	}
	return arrays, nil
}

type arrayReader struct {
	t     *tensor.Tensor
	input *graph.Input
	at    int
}

func (a *arrayReader) read(v any, depth int, path string) error {
	if depth < len(a.t.Shape) {
		list, ok := v.([]any)
		if !ok || len(list) != a.t.Shape[depth] {
			return fmt.Errorf("%s: expected an array of %d elements: %w", path, a.t.Shape[depth], graph.ErrInput)
		}
		for i, e := range list {
			if err := a.read(e, depth+1, path+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
		return nil
	}
	if err := a.set(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	a.at++
	return nil
}

// set stores one element.
func (a *arrayReader) set(v any) error {
	wrong := fmt.Errorf("found %v, expected a value of %s: %w", v, a.t.DType, graph.ErrInput)
	switch x := v.(type) {
	case nil:
		if !a.input.Missing {
			return fmt.Errorf("found null, and this input has no missing values: %w", graph.ErrInput)
		}
		switch a.t.DType {
		case tensor.String:
			a.t.Strings[a.at] = ""
		case tensor.Float32:
			tensor.Data[float32](a.t)[a.at] = float32(math.NaN())
		default:
			return wrong
		}
	case string:
		if a.t.DType != tensor.String {
			return wrong
		}
		a.t.Strings[a.at] = x
	case bool:
		if a.t.DType != tensor.Bool {
			return wrong
		}
		tensor.Data[bool](a.t)[a.at] = x
	case json.Number:
		return a.setNumber(x, wrong)
	default:
		return wrong
	}
	return nil
}

func (a *arrayReader) setNumber(x json.Number, wrong error) error {
	switch a.t.DType {
	case tensor.Float32, tensor.Float64:
		bits := 8 * a.t.DType.Size()
		f, err := strconv.ParseFloat(x.String(), bits)
		if err != nil {
			return wrong
		}
		if bits == 32 {
			tensor.Data[float32](a.t)[a.at] = float32(f)
		} else {
			tensor.Data[float64](a.t)[a.at] = f
		}
		return nil
	case tensor.String, tensor.Bool:
		return wrong
	}
	unsigned := a.t.DType == tensor.Uint8
	n, err := strconv.ParseInt(x.String(), 10, 64)
	size := a.t.DType.Size()
	if limit := int64(1) << (8*size - 1); err != nil || size < 8 && !unsigned && (n < -limit || n >= limit) || unsigned && (n < 0 || n > math.MaxUint8) {
		return wrong
	}
	switch a.t.DType {
	case tensor.Uint8:
		tensor.Data[uint8](a.t)[a.at] = uint8(n)
	case tensor.Int8:
		tensor.Data[int8](a.t)[a.at] = int8(n)
	case tensor.Int32:
		tensor.Data[int32](a.t)[a.at] = int32(n)
	default:
		tensor.Data[int64](a.t)[a.at] = n
	}
	return nil
}

// encodeArrays writes {"name": nested arrays, …}, floats in the shortest form that reads back the same, NaN and
// infinities as null, which is all JSON has for them.
func encodeArrays(arrays map[string]*tensor.Tensor) ([]byte, error) {
	b := []byte("{")
	for i, name := range slices.Sorted(maps.Keys(arrays)) {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, "\n  "...), key...), ": "...)
		at := 0
		b = appendArray(b, arrays[name], 0, &at)
	}
	return append(b, "\n}\n"...), nil
}

func appendArray(b []byte, t *tensor.Tensor, depth int, at *int) []byte {
	if depth < len(t.Shape) {
		b = append(b, '[')
		for i := range t.Shape[depth] {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendArray(b, t, depth+1, at)
		}
		return append(b, ']')
	}
	i := *at
	*at++
	switch t.DType {
	case tensor.Float32:
		return appendFloat(b, float64(tensor.Data[float32](t)[i]), 32)
	case tensor.Float64:
		return appendFloat(b, tensor.Data[float64](t)[i], 64)
	case tensor.Uint8:
		return strconv.AppendInt(b, int64(tensor.Data[uint8](t)[i]), 10)
	case tensor.Int8:
		return strconv.AppendInt(b, int64(tensor.Data[int8](t)[i]), 10)
	case tensor.Int32:
		return strconv.AppendInt(b, int64(tensor.Data[int32](t)[i]), 10)
	case tensor.Int64:
		return strconv.AppendInt(b, tensor.Data[int64](t)[i], 10)
	case tensor.Bool:
		return strconv.AppendBool(b, tensor.Data[bool](t)[i])
	default:
		text, _ := json.Marshal(t.Strings[i]) // a string always encodes
		return append(b, text...)
	}
}

func appendFloat(b []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}
