package kernels

import "unsafe"

// Place gives packed weights their memory: size bytes on a cache line, which fill writes, being zero, unless they hold what an earlier call
// for the same weights with the same layout has written. So weights are read in fill alone, and the memory is not changed afterwards. A
// nil Place is new memory, in huge pages where they fit.
type Place func(layout string, size int, fill func(dst []byte)) []byte

// placeLine is a cache line: where packed weights start.
const placeLine = 64

func (at Place) bytes(layout string, size int, fill func(dst []byte)) []byte {
	if at == nil {
		memory := PackedBytes(size)
		fill(memory)
		return memory
	}
	memory := at(layout, size, fill)
	return memory[:size:size]
}

// PackedBytes allocates what a nil Place does.
func PackedBytes(size int) []byte {
	b := HugeBytes(size + placeLine)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (placeLine - 1))
	return b[skip : skip+size : skip+size]
}

// placed is n elements at a place.
func placed[T int8 | int32 | uint16 | float32](at Place, layout string, n int, fill func(dst []T)) []T {
	var zero T
	return viewOf[T](at.bytes(layout, n*int(unsafe.Sizeof(zero)), func(dst []byte) { fill(viewOf[T](dst)) }))
}

// viewOf is the elements that b holds, which starts on a cache line.
func viewOf[T any](b []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(zero)))
}
