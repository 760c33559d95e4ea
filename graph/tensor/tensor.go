package tensor

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// Tensor is a dense row-major array. Numeric elements live in Bytes (little endian, aligned for their type),
// string elements in Strings; exactly one of the two is used. A value of a composite type (Sequence, Optional, Map) has Items alone, and
// their number as its shape.
type Tensor struct {
	DType   DType
	Shape   []int
	Bytes   []byte
	Strings []string
	Items   []*Tensor
}

// Compose makes a value of a composite type of items, without a copy.
func Compose(d DType, items ...*Tensor) *Tensor {
	return &Tensor{DType: d, Shape: []int{len(items)}, Items: items}
}

// F16 is an element of Float16: the bits of an IEEE 754 binary16.
type F16 uint16

// BF16 is an element of BFloat16: the upper half of a float32.
type BF16 uint16

// Numeric is the set of Go types that a numeric dtype is viewed as.
type Numeric interface {
	float32 | float64 | uint8 | int8 | int32 | int64 | bool | F16 | BF16 | int16 | uint16 | uint32 | uint64
}

// Elements is the number of elements of a shape; ok is false on a negative dimension or an overflow of int.
func Elements(shape []int) (n int, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		if d != 0 && n > math.MaxInt/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// New allocates a zeroed tensor. It panics on an invalid shape or dtype: callers check sizes against a budget first.
func New(d DType, shape ...int) *Tensor {
	t := &Tensor{DType: d}
	t.Resize(shape...)
	return t
}

// Of wraps data, without a copy, as a tensor of the given shape.
func Of[T Numeric](data []T, shape ...int) *Tensor {
	t := &Tensor{DType: dtypeOf[T](), Shape: slices.Clone(shape), Bytes: bytesOf(data)}
	if n, ok := Elements(shape); !ok || n != len(data) {
		panic(fmt.Sprintf("tensor: %d elements for shape %v", len(data), shape))
	}
	return t
}

// OfStrings wraps strings, without a copy, as a tensor of the given shape.
func OfStrings(data []string, shape ...int) *Tensor {
	if n, ok := Elements(shape); !ok || n != len(data) {
		panic(fmt.Sprintf("tensor: %d elements for shape %v", len(data), shape))
	}
	return &Tensor{DType: String, Shape: slices.Clone(shape), Strings: data}
}

// Len is the number of elements.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Resize gives t a new shape, reusing its memory where that suffices. Contents are undefined afterwards unless new.
func (t *Tensor) Resize(shape ...int) {
	n, ok := Elements(shape)
	if !ok {
		panic(fmt.Sprintf("tensor: invalid shape %v", slices.Clone(shape))) // the copy keeps shape off the heap
	}
	t.Shape = append(t.Shape[:0], shape...)
	if t.DType.Composite() {
		if cap(t.Items) < n {
			t.Items = make([]*Tensor, n)
		}
		t.Items = t.Items[:n]
		return
	}
	if t.DType == String {
		if cap(t.Strings) < n {
			t.Strings = make([]string, n)
		}
		t.Strings = t.Strings[:n]
		return
	}
	size := n * t.DType.Size()
	if cap(t.Bytes) < size {
		t.Bytes = AlignedBytes(size)
	}
	t.Bytes = t.Bytes[:size]
}

// Clone copies t and its elements.
func (t *Tensor) Clone() *Tensor {
	c := New(t.DType, t.Shape...)
	copy(c.Bytes, t.Bytes)
	copy(c.Strings, t.Strings)
	for i, item := range t.Items {
		c.Items[i] = item.Clone()
	}
	return c
}

// Data views the elements of t as a slice of T, without a copy. It panics if T is not the Go type of t's dtype; a dtype of one byte
// may also be viewed as uint8, and Int4 and Int2 as int8.
func Data[T Numeric](t *Tensor) []T {
	d := dtypeOf[T]()
	if d != t.DType && !(d == Uint8 && t.DType.Size() == 1) && !(d == Int8 && (t.DType == Int4 || t.DType == Int2)) {
		panic(fmt.Sprintf("tensor: %s viewed as %s", t.DType, dtypeOf[T]()))
	}
	if len(t.Bytes) == 0 {
		return nil
	}
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(&t.Bytes[0])), len(t.Bytes)/int(unsafe.Sizeof(zero)))
}

// AlignedBytes allocates n zeroed bytes whose start is aligned to a cache line of 64 bytes.
func AlignedBytes(n int) []byte {
	if n == 0 {
		return nil
	}
	raw := make([]byte, n+63)
	off := int(-uintptr(unsafe.Pointer(&raw[0])) & 63)
	return raw[off : off+n : off+n]
}

// Misaligned is the number of bytes by which b starts behind a place where elements of d may start.
func Misaligned(d DType, b []byte) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % uintptr(d.Size()))
}

func bytesOf[T Numeric](data []T) []byte {
	if len(data) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), len(data)*int(unsafe.Sizeof(data[0])))
}

func dtypeOf[T Numeric]() DType {
	var zero T
	switch any(zero).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case uint8:
		return Uint8
	case int8:
		return Int8
	case int32:
		return Int32
	case int64:
		return Int64
	case F16:
		return Float16
	case BF16:
		return BFloat16
	case int16:
		return Int16
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	default:
		return Bool
	}
}
