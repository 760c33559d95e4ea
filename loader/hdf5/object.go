package hdf5

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hotpath/hotpath/graph"
)

// Object is a group or a dataset: the messages of its header.
type Object struct {
	Path     string
	f        *File
	messages []message
}

// message is one entry of an object header.
type message struct {
	kind uint16
	at   uint64 // of its data in the file
	size uint64
}

// Kinds of messages that are read.
const (
	msgDataspace    = 0x01
	msgLinkInfo     = 0x02
	msgDatatype     = 0x03
	msgLink         = 0x06
	msgLayout       = 0x08
	msgFilters      = 0x0b
	msgAttribute    = 0x0c
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
	msgAttrInfo     = 0x15
)

// object reads the header at an address.
func (f *File) object(path string, at uint64) (*Object, error) {
	o := &Object{Path: path, f: f}
	r := &reader{f: f, at: at}
	first := r.u8()
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if first == 1 {
		err = o.readHeaderV1(at)
	} else {
		err = o.readHeaderV2(at)
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return o, nil
}

func (o *Object) readHeaderV1(at uint64) error {
	r := &reader{f: o.f, at: at}
	r.skip(2)
	count := int(r.u16())
	r.skip(4)
	size := uint64(r.u32())
	r.skip(4) // to a multiple of 8
	blocks := []message{{at: r.at, size: size}}
	for len(blocks) > 0 && count > 0 && r.err == nil {
		if err := o.f.visit(); err != nil {
			return err
		}
		block := blocks[0]
		blocks = blocks[1:]
		r.at = block.at
		for count > 0 && r.err == nil && r.at+8 <= block.at+block.size {
			m := message{kind: r.u16(), size: uint64(r.u16())}
			r.skip(4)
			m.at = r.at
			r.skip(m.size)
			count--
			if m.kind == msgContinuation {
				c := &reader{f: o.f, at: m.at}
				blocks = append(blocks, message{at: c.u64(), size: c.u64()})
				if c.err != nil {
					return c.err
				}
				continue
			}
			o.messages = append(o.messages, m)
		}
	}
	return r.err
}

func (o *Object) readHeaderV2(at uint64) error {
	r := &reader{f: o.f, at: at}
	r.signature("OHDR")
	if version := r.u8(); r.err == nil && version != 2 {
		return fmt.Errorf("hdf5: object header of version %d, expected 1 or 2: %w", version, graph.ErrUnsupported)
	}
	flags := r.u8()
	if flags&0x20 != 0 {
		r.skip(16) // times
	}
	if flags&0x10 != 0 {
		r.skip(4) // when attributes move to a heap
	}
	var size uint64
	switch flags & 3 {
	case 0:
		size = uint64(r.u8())
	case 1:
		size = uint64(r.u16())
	case 2:
		size = uint64(r.u32())
	default:
		size = r.u64()
	}
	const prefix, checksum = 4, 4
	blocks := []message{{at: r.at, size: size}}
	for len(blocks) > 0 && r.err == nil {
		if err := o.f.visit(); err != nil {
			return err
		}
		block := blocks[0]
		blocks = blocks[1:]
		if block.size > uint64(len(o.f.data)) {
			return formatErr(block.at, "a block of %d bytes", block.size)
		}
		r.at = block.at
		for r.err == nil && r.at+4 <= block.at+block.size {
			m := message{kind: uint16(r.u8()), size: uint64(r.u16())}
			r.skip(1)
			if flags&4 != 0 {
				r.skip(2) // creation order
			}
			m.at = r.at
			r.skip(m.size)
			if m.kind == msgContinuation {
				c := &reader{f: o.f, at: m.at}
				next := message{at: c.u64(), size: c.u64()}
				if c.err != nil || next.size < prefix+checksum {
					return formatErr(m.at, "a continuation of %d bytes", next.size)
				}
				c.at = next.at
				if c.signature("OCHK"); c.err != nil {
					return c.err
				}
				blocks = append(blocks, message{at: next.at + prefix, size: next.size - prefix - checksum})
				continue
			}
			o.messages = append(o.messages, m)
		}
	}
	return r.err
}

// find gives the first message of a kind.
func (o *Object) find(kind uint16) (message, bool) {
	for _, m := range o.messages {
		if m.kind == kind {
			return m, true
		}
	}
	return message{}, false
}

// Children are the names of what a group holds, sorted, and where their headers are; none for a dataset.
func (o *Object) Children() ([]string, map[string]uint64, error) {
	links := map[string]uint64{}
	for _, m := range o.messages {
		var err error
		switch m.kind {
		case msgSymbolTable:
			r := &reader{f: o.f, at: m.at}
			tree, heap := r.u64(), r.u64()
			if err = r.err; err == nil {
				err = o.symbolTable(tree, heap, links)
			}
		case msgLink:
			err = o.link(m, links)
		case msgLinkInfo:
			r := &reader{f: o.f, at: m.at}
			r.skip(1)
			if flags := r.u8(); flags&1 != 0 {
				r.skip(8)
			}
			if heap := r.u64(); r.err == nil && heap != undefined {
				err = fmt.Errorf("hdf5: a group with links in a fractal heap: %w", graph.ErrUnsupported)
			}
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%q: %w", o.Path, err)
		}
	}
	return slices.Sorted(maps.Keys(links)), links, nil
}

// Open follows a path of names from o.
func (o *Object) Open(names ...string) (*Object, error) {
	for _, name := range names {
		_, links, err := o.Children()
		if err != nil {
			return nil, err
		}
		at, ok := links[name]
		if !ok {
			return nil, fmt.Errorf("hdf5: %q holds no %q: %w", o.Path, name, graph.ErrFormat)
		}
		path := o.Path + "/" + name
		if o.Path == "/" {
			path = "/" + name
		}
		if o, err = o.f.object(path, at); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// link reads a link message: the form groups take when they keep the order of creation.
func (o *Object) link(m message, links map[string]uint64) error {
	r := &reader{f: o.f, at: m.at}
	version, flags := r.u8(), r.u8()
	if r.err == nil && version != 1 {
		return fmt.Errorf("hdf5: link of version %d, expected 1: %w", version, graph.ErrUnsupported)
	}
	kind := uint8(0)
	if flags&8 != 0 {
		kind = r.u8()
	}
	if flags&4 != 0 {
		r.skip(8)
	}
	if flags&16 != 0 {
		r.skip(1)
	}
	var length uint64
	switch flags & 3 {
	case 0:
		length = uint64(r.u8())
	case 1:
		length = uint64(r.u16())
	case 2:
		length = uint64(r.u32())
	default:
		length = r.u64()
	}
	name := string(r.bytes(length))
	if r.err == nil && kind != 0 {
		return fmt.Errorf("hdf5: %q is a soft or external link: %w", name, graph.ErrUnsupported)
	}
	links[name] = r.u64()
	return r.err
}

// symbolTable reads the links of a group from its tree of names, whose texts lie in a heap.
func (o *Object) symbolTable(tree, heap uint64, links map[string]uint64) error {
	r := &reader{f: o.f, at: heap}
	r.signature("HEAP")
	r.skip(4)
	size := r.u64()
	r.skip(8)
	texts := &reader{f: o.f, at: r.u64()}
	names := texts.bytes(size)
	if r.err != nil {
		return r.err
	}
	if texts.err != nil {
		return texts.err
	}
	return o.f.walkTree(tree, 0, 8, func(_ []byte, child uint64) error {
		r := &reader{f: o.f, at: child}
		r.signature("SNOD")
		r.skip(2)
		for range r.u16() {
			at, header := r.u64(), r.u64()
			r.skip(24)
			if r.err != nil {
				break
			}
			if at >= uint64(len(names)) {
				return formatErr(child, "a name at %d of %d bytes", at, len(names))
			}
			end := slices.Index(names[at:], 0)
			if end < 0 {
				return formatErr(child, "a name without an end")
			}
			links[string(names[at:at+uint64(end)])] = header
		}
		return r.err
	})
}

// maxTreeDepth is far beyond what a file of 2 GB needs.
const maxTreeDepth = 32

// walkTree calls leaf for every entry of a version 1 B-tree whose keys have keySize bytes: with the key before it and its address.
func (f *File) walkTree(at uint64, kind uint8, keySize uint64, leaf func(key []byte, child uint64) error) error {
	var walk func(at uint64, depth int) error
	walk = func(at uint64, depth int) error {
		if err := f.visit(); err != nil {
			return err
		}
		if depth > maxTreeDepth {
			return fmt.Errorf("hdf5: a tree of more than %d levels: %w", maxTreeDepth, graph.ErrLimit)
		}
		r := &reader{f: f, at: at}
		r.signature("TREE")
		if got := r.u8(); r.err == nil && got != kind {
			return formatErr(at, "a tree of kind %d, expected %d", got, kind)
		}
		level := r.u8()
		count := int(r.u16())
		r.skip(16)
		for i := 0; i < count && r.err == nil; i++ {
			key, child := r.bytes(keySize), r.u64()
			if r.err != nil {
				break
			}
			var err error
			if level == 0 {
				err = leaf(key, child)
			} else {
				err = walk(child, depth+1)
			}
			if err != nil {
				return err
			}
		}
		return r.err
	}
	return walk(at, 0)
}
