// Package hdf5 reads what h5py writes with its default settings: groups, attributes of numbers and texts, and datasets of numbers that are
// compact, contiguous or in chunks (plain, shuffled, deflated). Files are untrusted: every address and count is checked against the bytes
// that are there, and a budget of structures ends cycles. Layouts are those of the HDF5 File Format Specification, version 3.0.
package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/hotpath/hotpath/graph"
)

// Signature is the start of every file.
const Signature = "\x89HDF\r\n\x1a\n"

// undefined is the address of what is not there.
const undefined = ^uint64(0)

// maxStructures bounds the headers, tree nodes and heaps read from one file: a hostile file may refer to one place in a circle.
const maxStructures = 1 << 16

// File is an open file, held in memory.
type File struct {
	data       []byte
	root       uint64 // address of the root group's header
	structures int
}

// Open reads the superblock. Errors wrap graph.ErrFormat, ErrUnsupported or ErrLimit.
func Open(data []byte) (*File, error) {
	f := &File{data: data}
	if !bytes.HasPrefix(data, []byte(Signature)) {
		return nil, formatErr(0, "no HDF5 signature")
	}
	r := &reader{f: f, at: uint64(len(Signature))}
	version := r.u8()
	switch version {
	case 0, 1:
		r.skip(4)
		if offsets, lengths := r.u8(), r.u8(); r.err == nil && (offsets != 8 || lengths != 8) {
			return nil, fmt.Errorf("hdf5: addresses of %d and lengths of %d bytes, expected 8: %w", offsets, lengths, graph.ErrUnsupported)
		}
		r.skip(1 + 2 + 2 + 4)
		if version == 1 {
			r.skip(4)
		}
		r.skip(4*8 + 8) // base, free space, end of file, driver; offset of the root's name
		f.root = r.u64()
	case 2, 3:
		if offsets, lengths := r.u8(), r.u8(); r.err == nil && (offsets != 8 || lengths != 8) {
			return nil, fmt.Errorf("hdf5: addresses of %d and lengths of %d bytes, expected 8: %w", offsets, lengths, graph.ErrUnsupported)
		}
		r.skip(1 + 3*8)
		f.root = r.u64()
	default:
		return nil, fmt.Errorf("hdf5: superblock of version %d, expected 0 to 3: %w", version, graph.ErrUnsupported)
	}
	return f, r.err
}

// Root is the root group.
func (f *File) Root() (*Object, error) { return f.object("/", f.root) }

// visit counts a structure.
func (f *File) visit() error {
	if f.structures++; f.structures > maxStructures {
		return fmt.Errorf("hdf5: more than %d structures: %w", maxStructures, graph.ErrLimit)
	}
	return nil
}

func formatErr(at uint64, format string, args ...any) error {
	return fmt.Errorf("hdf5: at byte %d: %s: %w", at, fmt.Sprintf(format, args...), graph.ErrFormat)
}

// reader reads little-endian numbers from a place in the file on; after an error everything is zero.
type reader struct {
	f   *File
	at  uint64
	err error
}

// bytes takes the next n bytes.
func (r *reader) bytes(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if size := uint64(len(r.f.data)); r.at > size || n > size-r.at {
		r.err = formatErr(r.at, "%d bytes wanted, the file has %d", n, size)
		return nil
	}
	b := r.f.data[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) skip(n uint64) { r.bytes(n) }

func (r *reader) u8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// signature takes four bytes that must be want.
func (r *reader) signature(want string) {
	at := r.at
	if got := r.bytes(4); r.err == nil && string(got) != want {
		r.err = formatErr(at, "%q, expected %q", got, want)
	}
}
