package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/wire"
)

// readTensor decodes a TensorProto. Its size follows from dims, and must be exactly what the message holds: memory is
// allocated only for bytes that are there, here or in a data file. own says that nothing else reads b again: then t may keep its elements
// there.
func readTensor(b []byte, files *dataFiles, own bool) (name string, t *tensor.Tensor, err error) {
	var (
		dims, ints []int64
		floats     []float32
		doubles    []float64
		texts      []string
		raw        []byte
		hasRaw     bool
		code       int64
		external   [][]byte
		elsewhere  bool
	)
	err = wire.Walk(b, "TensorProto", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			dims, err = f.AppendInts(dims, "dims")
		case 2:
			code, err = f.Int("data_type")
		case 4:
			floats, err = f.AppendFloats(floats, "float_data")
		case 5, 7, 11:
			ints, err = f.AppendInts(ints, "int data")
		case 6:
			var s string
			s, err = f.Text("string_data")
			texts = append(texts, s)
		case 8:
			name, err = readName(f, "tensor name")
		case 9:
			raw, err = f.Message("raw_data")
			hasRaw = true
		case 10:
			doubles, err = f.AppendDoubles(doubles, "double_data")
		case 13:
			var b []byte
			b, err = f.Message("external_data")
			external = append(external, b)
		case 14:
			var at int64
			at, err = f.Int("data_location")
			elsewhere = at != 0
		}
		return err
	})
	if err != nil {
		return name, nil, err
	}
	d := tensor.Invalid
	if code > 0 && code < 1<<15 {
		d = tensor.FromONNX(int32(code))
	}
	if d == tensor.Invalid {
		return name, nil, fmt.Errorf("tensor %q has data type %d: %w", name, code, graph.ErrUnsupported)
	}
	if len(dims) > maxDims {
		return name, nil, fmt.Errorf("tensor %q has %d dimensions, expected at most %d: %w", name, len(dims), maxDims, graph.ErrLimit)
	}
	shape := make([]int, len(dims))
	for i, v := range dims {
		if v < 0 || v > 1<<40 {
			return name, nil, wire.Errorf("dims", 0, "tensor %q has a dimension of %d", name, v)
		}
		shape[i] = int(v)
	}
	n, ok := tensor.Elements(shape)
	if !ok || n > math.MaxInt/8 {
		return name, nil, fmt.Errorf("tensor %q has shape %v: %w", name, shape, graph.ErrLimit)
	}
	if elsewhere || len(external) > 0 {
		if !elsewhere || hasRaw || len(floats)+len(ints)+len(doubles)+len(texts) > 0 || d == tensor.String {
			return name, nil, wire.Errorf("TensorProto", 0, "tensor %q of %s has data here and in another file", name, d)
		}
		at, err := readLocation(external, name)
		if err != nil {
			return name, nil, err
		}
		if raw, err = files.elements(at, int64(fileBytes(n, d)), name); err != nil {
			return name, nil, err
		}
		if d.FileBits() >= 8 {
			return name, &tensor.Tensor{DType: d, Shape: shape, Bytes: raw}, nil
		}
		hasRaw = true
	}
	wrong := func(got int, what string) error {
		return wire.Errorf("TensorProto", 0, "tensor %q of shape %v has %d %s, expected %d", name, shape, got, what, n)
	}
	if hasRaw {
		if len(floats)+len(ints)+len(doubles)+len(texts) > 0 {
			return name, nil, wire.Errorf("TensorProto", 0, "tensor %q has raw_data and typed data", name)
		}
		if d == tensor.String || len(raw) != fileBytes(n, d) {
			return name, nil, wrong(len(raw), fmt.Sprintf("bytes of raw_data for %s", d))
		}
		if own && len(raw) >= leastInPlace && d.FileBits() >= 8 {
			if at, back := cap(b)-cap(raw), tensor.Misaligned(d, raw); back <= at { // raw is b[at:]
				elements := b[at-back:][:len(raw):len(raw)]
				copy(elements, raw)
				return name, &tensor.Tensor{DType: d, Shape: shape, Bytes: elements}, nil
			}
		}
		t = tensor.New(d, shape...)
		unpackBits(t, raw)
		return name, t, nil
	}
	switch d {
	case tensor.Float32:
		if len(floats) != n {
			return name, nil, wrong(len(floats), "floats")
		}
		return name, tensor.Of(floats, shape...), nil
	case tensor.Float64:
		if len(doubles) != n {
			return name, nil, wrong(len(doubles), "doubles")
		}
		return name, tensor.Of(doubles, shape...), nil
	case tensor.String:
		if len(texts) != n {
			return name, nil, wrong(len(texts), "strings")
		}
		return name, tensor.OfStrings(texts, shape...), nil
	}
	if bits := d.FileBits(); bits < 8 { // int32_data holds the bytes of the packed form
		packed := make([]byte, len(ints))
		for i, v := range ints {
			packed[i] = byte(v)
		}
		if len(packed) != (n*bits+7)/8 {
			return name, nil, wrong(len(packed), "packed bytes")
		}
		t = tensor.New(d, shape...)
		unpackBits(t, packed)
		return name, t, nil
	}
	if len(ints) != n {
		return name, nil, wrong(len(ints), "integers")
	}
	t = tensor.New(d, shape...)
	for i, v := range ints {
		wire.PutInt(t.Bytes, i, d.Size(), v)
	}
	return name, t, nil
}

// leastInPlace bytes stay where the file was read to, moved back by less than an element. What is smaller is copied, for it would keep all
// of the file in memory, and the bias of a layer is kept long after its weights are packed.
const leastInPlace = 64 << 10

// fileBytes is the size of n elements in a file; n is at most an eighth of what an int holds.
func fileBytes(n int, d tensor.DType) int {
	if bits := d.FileBits(); bits < 8 {
		return (n*bits + 7) / 8
	}
	return n * d.Size()
}

// appendTensor encodes t as a TensorProto with raw data (or strings).
func appendTensor(b []byte, name string, t *tensor.Tensor) []byte {
	if len(t.Shape) > 0 {
		var dims []byte
		for _, d := range t.Shape {
			dims = protowire.AppendVarint(dims, uint64(d))
		}
		b = appendBytes(b, 1, dims)
	}
	b = appendInt(b, 2, int64(t.DType.ONNX()))
	if t.DType == tensor.String {
		for _, s := range t.Strings {
			b = appendBytes(b, 6, []byte(s))
		}
	}
	if name != "" {
		b = appendBytes(b, 8, []byte(name))
	}
	if t.DType != tensor.String {
		b = appendBytes(b, 9, packBits(t))
	}
	return b
}

// unpackBits fills t from the bytes of a file: elements of fewer than 8 bits lie in one byte from the lowest bits up.
func unpackBits(t *tensor.Tensor, raw []byte) {
	bits := t.DType.FileBits()
	if bits >= 8 {
		copy(t.Bytes, raw)
		return
	}
	perByte := 8 / bits
	signed := t.DType == tensor.Int4 || t.DType == tensor.Int2
	for i := range t.Bytes {
		v := raw[i/perByte] >> (i % perByte * bits) << (8 - bits)
		if signed {
			t.Bytes[i] = byte(int8(v) >> (8 - bits))
		} else {
			t.Bytes[i] = v >> (8 - bits)
		}
	}
}

// packBits is the inverse of unpackBits; the bytes of t itself where nothing is packed.
func packBits(t *tensor.Tensor) []byte {
	bits := t.DType.FileBits()
	if bits >= 8 || len(t.Bytes) == 0 {
		return t.Bytes
	}
	perByte := 8 / bits
	packed := make([]byte, (len(t.Bytes)+perByte-1)/perByte)
	for i, v := range t.Bytes {
		packed[i/perByte] |= v & (1<<bits - 1) << (i % perByte * bits)
	}
	return packed
}
