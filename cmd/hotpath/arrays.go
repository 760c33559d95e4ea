package main

import (
	"bytes"
	"encoding/binary"
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
		var err error
		if in := &s.Inputs[i]; in.DType.Composite() {
			arrays[name], err = decodeComposite(v, in.Type, name)
		} else {
			arrays[name], err = decodeArray(v, in, name)
		}
		if err != nil {
			return nil, err
		}
	}
	return arrays, nil
}

// decodeArray reads nested arrays, as deep as the first elements are.
func decodeArray(v any, in *graph.Input, path string) (*tensor.Tensor, error) {
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
	a := arrayReader{t: tensor.New(in.DType, shape...), input: in}
	return a.t, a.read(v, 0, path)
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
		case tensor.Float16:
			tensor.Data[tensor.F16](a.t)[a.at] = tensor.ToF16(float32(math.NaN()))
		case tensor.BFloat16:
			tensor.Data[tensor.BF16](a.t)[a.at] = tensor.ToBF16(float32(math.NaN()))
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
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
		return a.setFloat(x, wrong)
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		n, err := strconv.ParseUint(x.String(), 10, 8*a.t.DType.Size())
		if err != nil {
			return wrong
		}
		a.put(n)
		return nil
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		n, err := strconv.ParseInt(x.String(), 10, 8*a.t.DType.Size())
		if err != nil {
			return wrong
		}
		a.put(uint64(n))
		return nil
	}
	return wrong
}

// put stores the low bytes of an integer.
func (a *arrayReader) put(v uint64) {
	size := a.t.DType.Size()
	copy(a.t.Bytes[a.at*size:(a.at+1)*size], binary.LittleEndian.AppendUint64(nil, v))
}

func (a *arrayReader) setFloat(x json.Number, wrong error) error {
	bits := 32
	if a.t.DType == tensor.Float64 {
		bits = 64
	}
	f, err := strconv.ParseFloat(x.String(), bits)
	if err != nil {
		return wrong
	}
	switch a.t.DType {
	case tensor.Float64:
		tensor.Data[float64](a.t)[a.at] = f
	case tensor.Float32:
		tensor.Data[float32](a.t)[a.at] = float32(f)
	case tensor.Float16:
		h := tensor.ToF16(float32(f))
		if math.IsInf(float64(h.Float32()), 0) {
			return wrong
		}
		tensor.Data[tensor.F16](a.t)[a.at] = h
	default:
		h := tensor.ToBF16(float32(f))
		if math.IsInf(float64(h.Float32()), 0) {
			return wrong
		}
		tensor.Data[tensor.BF16](a.t)[a.at] = h
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
	if t.DType.Composite() {
		return appendComposite(b, t)
	}
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
	case tensor.Int16:
		return strconv.AppendInt(b, int64(tensor.Data[int16](t)[i]), 10)
	case tensor.Uint16:
		return strconv.AppendUint(b, uint64(tensor.Data[uint16](t)[i]), 10)
	case tensor.Uint32:
		return strconv.AppendUint(b, uint64(tensor.Data[uint32](t)[i]), 10)
	case tensor.Uint64:
		return strconv.AppendUint(b, tensor.Data[uint64](t)[i], 10)
	case tensor.Float16:
		return appendFloat(b, float64(tensor.Data[tensor.F16](t)[i].Float32()), 32)
	case tensor.BFloat16:
		return appendFloat(b, float64(tensor.Data[tensor.BF16](t)[i].Float32()), 32)
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
