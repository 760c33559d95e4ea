package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hotpath/hotpath/graph"
)

// field is one decoded protobuf field; the wire type says which of the values is set.
type field struct {
	num    protowire.Number
	typ    protowire.Type
	varint uint64 // VarintType; Fixed32Type and Fixed64Type as their bits
	bytes  []byte // BytesType, a view of the message
}

// walk calls f for every field of message b. what names the message in errors, which carry the byte offset in it.
func walk(b []byte, what string, f func(field) error) error {
	total := len(b)
	for len(b) > 0 {
		at := total - len(b)
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return formatErr(what, at, "a broken field tag")
		}
		b = b[n:]
		v := field{num: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			v.varint, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(b)
			v.varint = uint64(bits)
		case protowire.Fixed64Type:
			v.varint, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		default:
			return formatErr(what, at, "field %d has wire type %d, which ONNX does not use", num, typ)
		}
		if n < 0 {
			return formatErr(what, at, "field %d is longer than the message", num)
		}
		b = b[n:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

func formatErr(what string, at int, format string, args ...any) error {
	return fmt.Errorf("onnx: %s at byte %d: %s: %w", what, at, fmt.Sprintf(format, args...), graph.ErrFormat)
}

// text reads a string field.
func (f field) text(what string) (string, error) {
	if f.typ != protowire.BytesType {
		return "", formatErr(what, 0, "field %d has wire type %d, expected a string", f.num, f.typ)
	}
	if len(f.bytes) > maxStringBytes {
		return "", fmt.Errorf("onnx: %s: a string of %d bytes, expected at most %d: %w", what, len(f.bytes), maxStringBytes, graph.ErrLimit)
	}
	return string(f.bytes), nil
}

// message reads an embedded message.
func (f field) message(what string) ([]byte, error) {
	if f.typ != protowire.BytesType {
		return nil, formatErr(what, 0, "field %d has wire type %d, expected a message", f.num, f.typ)
	}
	return f.bytes, nil
}

// int reads an integer field.
func (f field) int(what string) (int64, error) {
	if f.typ != protowire.VarintType {
		return 0, formatErr(what, 0, "field %d has wire type %d, expected an integer", f.num, f.typ)
	}
	return int64(f.varint), nil
}

// appendInts adds the values of a repeated integer field, packed or not.
func (f field) appendInts(to []int64, what string) ([]int64, error) {
	if f.typ == protowire.VarintType {
		return append(to, int64(f.varint)), nil
	}
	b, err := f.message(what)
	for err == nil && len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, formatErr(what, len(f.bytes)-len(b), "a broken packed integer")
		}
		to = append(to, int64(v))
		b = b[n:]
	}
	return to, err
}

// appendFloats adds the values of a repeated float field, packed or not.
func (f field) appendFloats(to []float32, what string) ([]float32, error) {
	if f.typ == protowire.Fixed32Type {
		return append(to, math.Float32frombits(uint32(f.varint))), nil
	}
	b, err := f.message(what)
	if err == nil && len(b)%4 != 0 {
		return nil, formatErr(what, 0, "%d bytes of packed floats", len(b))
	}
	for ; err == nil && len(b) > 0; b = b[4:] {
		v, _ := protowire.ConsumeFixed32(b)
		to = append(to, math.Float32frombits(v))
	}
	return to, err
}

// appendDoubles adds the values of a repeated double field, packed or not.
func (f field) appendDoubles(to []float64, what string) ([]float64, error) {
	if f.typ == protowire.Fixed64Type {
		return append(to, math.Float64frombits(f.varint)), nil
	}
	b, err := f.message(what)
	if err == nil && len(b)%8 != 0 {
		return nil, formatErr(what, 0, "%d bytes of packed doubles", len(b))
	}
	for ; err == nil && len(b) > 0; b = b[8:] {
		v, _ := protowire.ConsumeFixed64(b)
		to = append(to, math.Float64frombits(v))
	}
	return to, err
}
