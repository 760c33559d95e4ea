package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// datatype is what one element is.
type datatype struct {
	dtype tensor.DType // of a number; String for texts
	size  uint64       // bytes of an element in the file
	heap  bool         // a text of any length, kept in a global heap
}

// Classes of datatypes.
const (
	classInteger = 0
	classFloat   = 1
	classString  = 3
	classVarying = 9
)

func (f *File) datatype(at uint64) (datatype, error) {
	r := &reader{f: f, at: at}
	class, flags := r.u8()&15, r.u8()
	r.skip(2)
	d := datatype{size: uint64(r.u32())}
	if r.err != nil {
		return d, r.err
	}
	unsupported := func(what string) error { return fmt.Errorf("hdf5: %s: %w", what, graph.ErrUnsupported) }
	if class <= classFloat && flags&1 != 0 {
		return d, unsupported("numbers of big-endian order")
	}
	switch class {
	case classInteger:
		signed := flags&8 != 0
		for _, t := range []tensor.DType{tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64} {
			if uint64(t.Size()) == d.size && signed == (t == tensor.Int8 || t == tensor.Int16 || t == tensor.Int32 || t == tensor.Int64) {
				d.dtype = t
			}
		}
	case classFloat:
		d.dtype = map[uint64]tensor.DType{2: tensor.Float16, 4: tensor.Float32, 8: tensor.Float64}[d.size]
	case classString:
		d.dtype = tensor.String
	case classVarying:
		if flags&15 != 1 {
			return d, unsupported("lists of varying length")
		}
		d.dtype, d.heap, d.size = tensor.String, true, 16
	}
	if d.dtype == tensor.Invalid || d.size == 0 {
		return d, unsupported(fmt.Sprintf("a datatype of class %d and %d bytes", class, d.size))
	}
	return d, nil
}

// maxRank is that of the format.
const maxRank = 32

func (f *File) dataspace(at uint64) ([]int, error) {
	r := &reader{f: f, at: at}
	version, rank := r.u8(), int(r.u8())
	r.skip(1) // whether the largest sizes follow the sizes
	if version == 1 {
		r.skip(5)
	} else if kind := r.u8(); r.err == nil && kind == 2 {
		return []int{0}, nil
	}
	if rank > maxRank {
		return nil, formatErr(at, "%d dimensions", rank)
	}
	shape := make([]int, rank)
	for i := range shape {
		d := r.u64()
		if d > 1<<40 {
			return nil, fmt.Errorf("hdf5: a dimension of %d: %w", d, graph.ErrLimit)
		}
		shape[i] = int(d)
	}
	return shape, r.err
}

// Attr reads an attribute: a tensor of numbers or texts. ok is false where o has none of that name.
func (o *Object) Attr(name string) (t *tensor.Tensor, ok bool, err error) {
	for _, m := range o.messages {
		switch m.kind {
		case msgAttribute:
			got, t, err := o.attribute(m, name)
			if err != nil || got == name {
				return t, err == nil, err
			}
		case msgAttrInfo:
			r := &reader{f: o.f, at: m.at}
			r.skip(1)
			if flags := r.u8(); flags&1 != 0 {
				r.skip(2)
			}
			if heap := r.u64(); r.err == nil && heap != undefined {
				return nil, false, fmt.Errorf("hdf5: %q keeps its attributes in a fractal heap: %w", o.Path, graph.ErrUnsupported)
			}
		}
	}
	return nil, false, nil
}

// attribute reads an attribute message, its value only where it has the name that is looked for.
func (o *Object) attribute(m message, want string) (string, *tensor.Tensor, error) {
	r := &reader{f: o.f, at: m.at}
	version := r.u8()
	r.skip(1)
	nameSize, typeSize, spaceSize := uint64(r.u16()), uint64(r.u16()), uint64(r.u16())
	pad := func(n uint64) uint64 { return n }
	switch {
	case version == 1:
		pad = func(n uint64) uint64 { return (n + 7) &^ 7 }
	case version == 3:
		r.skip(1)
	}
	name := string(bytes.TrimRight(r.bytes(pad(nameSize)), "\x00"))
	typeAt := r.at
	r.skip(pad(typeSize))
	spaceAt := r.at
	r.skip(pad(spaceSize))
	if r.err != nil || name != want {
		return name, nil, r.err
	}
	d, err := o.f.datatype(typeAt)
	if err != nil {
		return name, nil, fmt.Errorf("attribute %q of %q: %w", name, o.Path, err)
	}
	shape, err := o.f.dataspace(spaceAt)
	if err != nil {
		return name, nil, fmt.Errorf("attribute %q of %q: %w", name, o.Path, err)
	}
	n, err := o.f.count(shape, d)
	if err != nil {
		return name, nil, err
	}
	raw := r.bytes(n * d.size)
	if r.err != nil {
		return name, nil, r.err
	}
	t, err := o.f.decode(d, shape, raw)
	return name, t, err
}

// count is the number of elements of a shape; a value larger than the memory of a model is refused before any is taken.
func (f *File) count(shape []int, d datatype) (uint64, error) {
	n, ok := tensor.Elements(shape)
	if !ok || uint64(n) > (2<<30)/d.size {
		return 0, fmt.Errorf("hdf5: a value of shape %v and %d bytes an element: %w", shape, d.size, graph.ErrLimit)
	}
	return uint64(n), nil
}

// decode makes a tensor of the raw bytes of a value.
func (f *File) decode(d datatype, shape []int, raw []byte) (*tensor.Tensor, error) {
	t := tensor.New(d.dtype, shape...)
	if d.dtype != tensor.String {
		copy(t.Bytes, raw)
		return t, nil
	}
	for i := range t.Strings {
		element := raw[uint64(i)*d.size:][:d.size]
		if d.heap {
			text, err := f.heapText(element)
			if err != nil {
				return nil, err
			}
			t.Strings[i] = text
			continue
		}
		if end := slices.Index(element, 0); end >= 0 {
			element = element[:end]
		}
		t.Strings[i] = string(element)
	}
	return t, nil
}

// heapText follows a reference (length, address of a global heap, index in it).
func (f *File) heapText(ref []byte) (string, error) {
	length := uint64(binary.LittleEndian.Uint32(ref))
	at, index := binary.LittleEndian.Uint64(ref[4:]), binary.LittleEndian.Uint32(ref[12:])
	if length == 0 {
		return "", nil
	}
	if err := f.visit(); err != nil {
		return "", err
	}
	r := &reader{f: f, at: at}
	r.signature("GCOL")
	r.skip(4)
	end := at + r.u64()
	for r.err == nil && r.at+16 <= end {
		i := r.u16()
		r.skip(6)
		size := r.u64()
		if i == 0 {
			break
		}
		start := r.at
		r.skip(size)
		if uint32(i) == index && r.err == nil {
			if length > size {
				return "", formatErr(start, "a text of %d bytes in %d", length, size)
			}
			return string(f.data[start : start+length]), nil
		}
		r.at = start + (size+7)&^7
	}
	if r.err != nil {
		return "", r.err
	}
	return "", formatErr(at, "no object %d in the heap", index)
}
