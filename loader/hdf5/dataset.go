package hdf5

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Filters of chunks.
const (
	filterDeflate = 1
	filterShuffle = 2
)

// IsDataset reports whether o holds an array.
func (o *Object) IsDataset() bool {
	_, ok := o.find(msgLayout)
	return ok
}

// Read gives the array of a dataset.
func (o *Object) Read() (*tensor.Tensor, error) {
	t, err := o.read()
	if err != nil {
		return nil, fmt.Errorf("%q: %w", o.Path, err)
	}
	return t, nil
}

func (o *Object) read() (*tensor.Tensor, error) {
	typeMsg, okType := o.find(msgDatatype)
	spaceMsg, okSpace := o.find(msgDataspace)
	layout, okLayout := o.find(msgLayout)
	if !okType || !okSpace || !okLayout {
		return nil, formatErr(0, "not a dataset")
	}
	d, err := o.f.datatype(typeMsg.at)
	if err != nil {
		return nil, err
	}
	shape, err := o.f.dataspace(spaceMsg.at)
	if err != nil {
		return nil, err
	}
	n, err := o.f.count(shape, d)
	if err != nil {
		return nil, err
	}
	r := &reader{f: o.f, at: layout.at}
	version, class := r.u8(), r.u8()
	if r.err == nil && version != 3 && (version != 4 || class == 2) { // version 4 is another form of chunks alone
		return nil, fmt.Errorf("hdf5: data layout of version %d and class %d: %w", version, class, graph.ErrUnsupported)
	}
	var raw []byte
	switch {
	case r.err != nil:
	case class == 0: // compact: in the header
		if size := uint64(r.u16()); r.err == nil && size != n*d.size {
			return nil, formatErr(layout.at, "%d bytes for %d elements of %d", size, n, d.size)
		}
		raw = r.bytes(n * d.size)
	case class == 1: // contiguous
		at, size := r.u64(), r.u64()
		switch {
		case n == 0:
		case at == undefined: // never written: zeros, which must not cost more memory than the file
			return nil, fmt.Errorf("hdf5: a dataset without data: %w", graph.ErrUnsupported)
		case size != n*d.size:
			return nil, formatErr(layout.at, "%d bytes for %d elements of %d", size, n, d.size)
		default:
			r.at = at
			raw = r.bytes(size)
		}
	case class == 2:
		raw, err = o.readChunks(r, shape, d)
	default:
		return nil, fmt.Errorf("hdf5: data layout of class %d: %w", class, graph.ErrUnsupported)
	}
	if err == nil {
		err = r.err
	}
	if err != nil {
		return nil, err
	}
	return o.f.decode(d, shape, raw)
}

// readChunks gathers the chunks of a dataset into row-major order.
func (o *Object) readChunks(r *reader, shape []int, d datatype) ([]byte, error) {
	rank := int(r.u8()) - 1 // the last dimension is the element
	tree := r.u64()
	if r.err == nil && rank != len(shape) {
		return nil, formatErr(r.at, "chunks of %d dimensions for shape %v", rank, shape)
	}
	chunk := make([]int, rank)
	bytesOfChunk := d.size
	for i := range chunk {
		chunk[i] = int(r.u32())
		if chunk[i] == 0 || bytesOfChunk > 1<<31/uint64(chunk[i]) {
			return nil, formatErr(r.at, "a chunk of %d", chunk[i])
		}
		bytesOfChunk *= uint64(chunk[i])
	}
	filters, err := o.filters()
	if err != nil || r.err != nil {
		return nil, cmp.Or(err, r.err)
	}
	total, _ := tensor.Elements(shape)
	// Before memory is taken: deflate makes at most 1032 bytes of one.
	if most := 1032 * uint64(len(o.f.data)); uint64(total)*d.size > most || bytesOfChunk > most {
		return nil, fmt.Errorf("hdf5: shape %v in chunks of %v in a file of %d bytes: %w", shape, chunk, len(o.f.data), graph.ErrLimit)
	}
	left := 1 // chunks that the array can have
	for i := range chunk {
		left *= (shape[i] + chunk[i] - 1) / chunk[i]
	}
	out := make([]byte, uint64(total)*d.size)
	if tree == undefined {
		return out, nil
	}
	keySize := uint64(8 + 8*(rank+1))
	err = o.f.walkTree(tree, 1, keySize, func(key []byte, child uint64) error {
		if left--; left < 0 {
			return formatErr(child, "more chunks than the array has")
		}
		stored, mask := uint64(binary.LittleEndian.Uint32(key)), binary.LittleEndian.Uint32(key[4:])
		c := &reader{f: o.f, at: child}
		data := c.bytes(stored)
		if c.err != nil {
			return c.err
		}
		for i := len(filters) - 1; i >= 0; i-- {
			if mask>>i&1 != 0 {
				continue
			}
			if data, err = unfilter(filters[i], data, bytesOfChunk, d.size); err != nil {
				return err
			}
		}
		if uint64(len(data)) != bytesOfChunk {
			return formatErr(child, "a chunk of %d bytes, expected %d", len(data), bytesOfChunk)
		}
		at := make([]int, rank)
		for i := range at {
			v := binary.LittleEndian.Uint64(key[8+8*i:])
			if v >= uint64(max(shape[i], 1)) {
				return formatErr(child, "a chunk at %d of %d", v, shape[i])
			}
			at[i] = int(v)
		}
		copyChunk(out, data, shape, chunk, at, int(d.size))
		return nil
	})
	return out, err
}

// copyChunk copies what of a chunk lies inside the array, whose element at starts the chunk.
func copyChunk(out, data []byte, shape, chunk, at []int, size int) {
	rank := len(shape)
	if rank == 0 {
		copy(out, data)
		return
	}
	index := make([]int, rank) // in the chunk; the last axis is copied whole
	width := min(chunk[rank-1], shape[rank-1]-at[rank-1]) * size
	for {
		from, to, inside := 0, 0, true
		for i := range rank {
			from = from*chunk[i] + index[i]
			to = to*shape[i] + at[i] + index[i]
			inside = inside && at[i]+index[i] < shape[i]
		}
		if inside {
			copy(out[to*size:to*size+width], data[from*size:])
		}
		axis := rank - 2
		for ; axis >= 0; axis-- {
			if index[axis]++; index[axis] < chunk[axis] {
				break
			}
			index[axis] = 0
		}
		if axis < 0 {
			return
		}
	}
}

// filters lists the filters of a dataset in the order they were applied.
func (o *Object) filters() ([]uint16, error) {
	m, ok := o.find(msgFilters)
	if !ok {
		return nil, nil
	}
	r := &reader{f: o.f, at: m.at}
	version, count := r.u8(), int(r.u8())
	if version == 1 {
		r.skip(6)
	}
	var ids []uint16
	for range count {
		id := r.u16()
		nameSize := uint64(0)
		if version == 1 || id >= 256 {
			nameSize = uint64(r.u16())
		}
		r.skip(2)
		values := uint64(r.u16())
		if version == 1 {
			nameSize = (nameSize + 7) &^ 7
		}
		r.skip(nameSize + 4*values)
		if version == 1 && values%2 == 1 {
			r.skip(4)
		}
		if r.err == nil && id != filterDeflate && id != filterShuffle {
			return nil, fmt.Errorf("hdf5: filter %d: %w", id, graph.ErrUnsupported)
		}
		ids = append(ids, id)
	}
	return ids, r.err
}

// unfilter undoes one filter of a chunk that has size bytes when all are undone.
func unfilter(id uint16, data []byte, size, elementSize uint64) ([]byte, error) {
	if id == filterShuffle { // all first bytes, then all second bytes, …
		out := make([]byte, len(data))
		n := uint64(len(data)) / elementSize
		for i := range n {
			for j := range elementSize {
				out[i*elementSize+j] = data[j*n+i]
			}
		}
		copy(out[n*elementSize:], data[n*elementSize:])
		return out, nil
	}
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, formatErr(0, "a deflated chunk: %v", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, int64(size)+1))
	if err != nil {
		return nil, formatErr(0, "a deflated chunk: %v", err)
	}
	return out, nil
}
