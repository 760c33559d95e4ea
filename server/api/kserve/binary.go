package kserve

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
)

// readBinary copies a tensor in the form of the binary extension (row-major, little endian; text as a length of four
// bytes before each element; booleans as bytes) into t and gives it the shape. Text views raw. Errors wrap
// graph.ErrInput.
func readBinary(t *tensor.Tensor, name string, shape []int, raw []byte) error {
	n, ok := tensor.Elements(shape)
	switch {
	case !ok:
		return server.Fail(graph.ErrInput, "input '%s': shape %v has too many elements", name, slices.Clone(shape))
	case t.DType == tensor.String:
		return readTexts(t, name, shape, n, raw)
	case n != len(raw)/t.DType.Size() || len(raw)%t.DType.Size() != 0:
		return server.Fail(graph.ErrInput, "input '%s': got %d bytes, expected %d elements of %s as shape %v says",
			name, len(raw), n, typeOf(t.DType).name, slices.Clone(shape)) // the copy keeps shape off the heap
	}
	t.Resize(shape...)
	copy(t.Bytes, raw)
	if t.DType == tensor.Bool { // any other byte would be no value of Go's bool
		for i, b := range t.Bytes {
			if b > 1 {
				t.Bytes[i] = 1
			}
		}
	}
	return nil
}

func readTexts(t *tensor.Tensor, name string, shape []int, n int, raw []byte) error {
	if n > len(raw)/4 {
		return server.Fail(graph.ErrInput, "input '%s': got %d bytes, too few for %d elements with a length of 4 bytes each", name, len(raw), n)
	}
	t.Resize(shape...)
	for i := range t.Strings {
		if len(raw) < 4 || uint64(len(raw)-4) < uint64(binary.LittleEndian.Uint32(raw)) {
			return server.Fail(graph.ErrInput, "input '%s': element %d is longer than the %d bytes that are left", name, i, len(raw))
		}
		size := int(binary.LittleEndian.Uint32(raw))
		t.Strings[i] = unsafe.String(unsafe.SliceData(raw[4:]), size)
		raw = raw[4+size:]
	}
	if len(raw) > 0 {
		return server.Fail(graph.ErrInput, "input '%s': %d bytes behind its last element", name, len(raw))
	}
	return nil
}

// binarySize is the number of bytes that appendBinary writes.
func binarySize(t *tensor.Tensor) int {
	if t.DType != tensor.String {
		return len(t.Bytes)
	}
	size := 4 * len(t.Strings)
	for _, s := range t.Strings {
		size += len(s)
	}
	return size
}

// appendBinary writes a tensor in the form that readBinary reads.
func appendBinary(dst []byte, t *tensor.Tensor) []byte {
	if t.DType != tensor.String {
		return append(dst, t.Bytes...)
	}
	for _, s := range t.Strings {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}
