// Package wire walks protobuf messages without a schema: for readers of a few fields of untrusted files. Every length is bounded by the
// bytes that are there.
package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hotpath/hotpath/graph"
)

// MaxStringBytes is the longest text that is read.
const MaxStringBytes = 16 << 20

// Field is one decoded field; the wire type says which of the values is set.
type Field struct {
	Num    protowire.Number
	Type   protowire.Type
	Varint uint64 // VarintType; Fixed32Type and Fixed64Type as their bits
	Bytes  []byte // BytesType, a view of the message
}

// Walk calls f for every field of message b. what names the message in errors, which carry the byte offset in it and wrap graph.ErrFormat.
func Walk(b []byte, what string, f func(Field) error) error {
	total := len(b)
	for len(b) > 0 {
		at := total - len(b)
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return Errorf(what, at, "a broken field tag")
		}
		b = b[n:]
		v := Field{Num: num, Type: typ}
		switch typ {
		case protowire.VarintType:
			v.Varint, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(b)
			v.Varint = uint64(bits)
		case protowire.Fixed64Type:
			v.Varint, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v.Bytes, n = protowire.ConsumeBytes(b)
		default:
			return Errorf(what, at, "field %d has wire type %d, expected none of groups", num, typ)
		}
		if n < 0 {
			return Errorf(what, at, "field %d is longer than the message", num)
		}
		b = b[n:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// Errorf is an error about byte at of a message; it wraps graph.ErrFormat.
func Errorf(what string, at int, format string, args ...any) error {
	return fmt.Errorf("%s at byte %d: %s: %w", what, at, fmt.Sprintf(format, args...), graph.ErrFormat)
}

// Text reads a string field.
func (f Field) Text(what string) (string, error) {
	if f.Type != protowire.BytesType {
		return "", Errorf(what, 0, "field %d has wire type %d, expected a string", f.Num, f.Type)
	}
	if len(f.Bytes) > MaxStringBytes {
		return "", fmt.Errorf("%s: a string of %d bytes, expected at most %d: %w", what, len(f.Bytes), MaxStringBytes, graph.ErrLimit)
	}
	return string(f.Bytes), nil
}

// Message reads an embedded message.
func (f Field) Message(what string) ([]byte, error) {
	if f.Type != protowire.BytesType {
		return nil, Errorf(what, 0, "field %d has wire type %d, expected a message", f.Num, f.Type)
	}
	return f.Bytes, nil
}

// Int reads an integer field.
func (f Field) Int(what string) (int64, error) {
	if f.Type != protowire.VarintType {
		return 0, Errorf(what, 0, "field %d has wire type %d, expected an integer", f.Num, f.Type)
	}
	return int64(f.Varint), nil
}

// Float reads a field of 32 bits.
func (f Field) Float() float32 { return math.Float32frombits(uint32(f.Varint)) }

// AppendInts adds the values of a repeated integer field, packed or not.
func (f Field) AppendInts(to []int64, what string) ([]int64, error) {
	if f.Type == protowire.VarintType {
		return append(to, int64(f.Varint)), nil
	}
	b, err := f.Message(what)
	for err == nil && len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, Errorf(what, len(f.Bytes)-len(b), "a broken packed integer")
		}
		to = append(to, int64(v))
		b = b[n:]
	}
	return to, err
}

// AppendFloats adds the values of a repeated float field, packed or not.
func (f Field) AppendFloats(to []float32, what string) ([]float32, error) {
	if f.Type == protowire.Fixed32Type {
		return append(to, f.Float()), nil
	}
	b, err := f.Message(what)
	if err == nil && len(b)%4 != 0 {
		return nil, Errorf(what, 0, "%d bytes of packed floats", len(b))
	}
	for ; err == nil && len(b) > 0; b = b[4:] {
		v, _ := protowire.ConsumeFixed32(b)
		to = append(to, math.Float32frombits(v))
	}
	return to, err
}

// AppendDoubles adds the values of a repeated double field, packed or not.
func (f Field) AppendDoubles(to []float64, what string) ([]float64, error) {
	if f.Type == protowire.Fixed64Type {
		return append(to, math.Float64frombits(f.Varint)), nil
	}
	b, err := f.Message(what)
	if err == nil && len(b)%8 != 0 {
		return nil, Errorf(what, 0, "%d bytes of packed doubles", len(b))
	}
	for ; err == nil && len(b) > 0; b = b[8:] {
		v, _ := protowire.ConsumeFixed64(b)
		to = append(to, math.Float64frombits(v))
	}
	return to, err
}

// PutInt writes element i of a little-endian list of integers of size bytes: the lowest bytes of v.
func PutInt(list []byte, i, size int, v int64) {
	switch size {
	case 1:
		list[i] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(list[2*i:], uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(list[4*i:], uint32(v))
	default:
		binary.LittleEndian.PutUint64(list[8*i:], uint64(v))
	}
}
