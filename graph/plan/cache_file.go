package plan

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// The file of a plan: a header of headerBytes, the description of the model, then the elements of its tensors and the sections, each where
// the description says, from the first whole page on. The header is the magic, the size of the file and of the description as
// uint64, little endian, the key and the SHA-256 of the header up to there and of the description.
const (
	fileMagic   = "hotpath plan\r\n\x1a\n"
	headerBytes = digestAt + sha256.Size
	keyAt       = len(fileMagic) + 16
	digestAt    = keyAt + sha256.Size
	filePage    = 4 << 10
	// maxDescription bounds the memory that a description takes.
	maxDescription = 256 << 20
)

// stored is where something lies, from the first whole page behind the description on.
type stored struct{ at, bytes int }

type storedTensor struct {
	stored // without bytes where the elements are in sections
	t      *tensor.Tensor
}

type storedSection struct {
	stored
	sectionKey
}

// planFile is what a file holds.
type planFile struct {
	tensors  []storedTensor
	sections []storedSection
	model    lowered
}

func (c *codec) stored(s *stored) {
	number(c, &s.at)
	number(c, &s.bytes)
}

func (c *codec) file(f *planFile) {
	list(c, &f.tensors, func(s *storedTensor) {
		c.stored(&s.stored)
		pointer(c, &s.t, c.header)
	})
	list(c, &f.sections, func(s *storedSection) {
		c.stored(&s.stored)
		number(c, &s.node)
		number(c, &s.input)
		c.string(&s.layout)
	})
	if c.reading {
		for _, s := range f.tensors {
			c.tensors = append(c.tensors, s.t)
		}
	}
	c.lowered(&f.model)
}

// layOut gives n bytes their place behind end: on a cache line, or a page where they are many.
func layOut(end *int, n int) stored {
	align := arenaAlign
	if n >= filePage {
		align = filePage
	}
	at := (*end + align - 1) &^ (align - 1)
	*end = at + n
	return stored{at, n}
}

// store writes the plan of l, whose packed forms are on s.
func (c *cache) store(key string, l *lowered, s *shelf) error {
	numbering := codec{numbers: map[*tensor.Tensor]int{}}
	numbering.lowered(l)
	f, end := planFile{model: *l}, 0
	for _, t := range numbering.tensors {
		n := len(t.Bytes)
		if s.done(t) {
			n = 0
		}
		f.tensors = append(f.tensors, storedTensor{layOut(&end, n), t})
	}
	keys := slices.SortedFunc(maps.Keys(s.sections), func(a, b sectionKey) int {
		return cmp.Or(a.node-b.node, a.input-b.input, cmp.Compare(a.layout, b.layout))
	})
	for _, k := range keys {
		f.sections = append(f.sections, storedSection{layOut(&end, len(s.sections[k])), k})
	}
	description := codec{numbers: numbering.numbers, tensors: numbering.tensors}
	description.file(&f)
	start := dataStart(len(description.data))
	head := header(key, int64(start+end), description.data)
	return c.write(key+planSuffix, int64(start+end), func(file *os.File) error {
		put := func(b []byte, at int) error {
			_, err := file.WriteAt(b, int64(at))
			return err
		}
		if err := put(append(head, description.data...), 0); err != nil {
			return err
		}
		for _, t := range f.tensors {
			if err := put(t.t.Bytes[:t.bytes], start+t.at); err != nil {
				return err
			}
		}
		for _, p := range f.sections {
			if err := put(s.sections[p.sectionKey], start+p.at); err != nil {
				return err
			}
		}
		return file.Truncate(int64(start + end)) // where what lies last is empty
	})
}

func dataStart(description int) int {
	return (headerBytes + description + filePage - 1) &^ (filePage - 1)
}

func header(key string, size int64, description []byte) []byte {
	head := append(make([]byte, 0, headerBytes), fileMagic...)
	head = binary.LittleEndian.AppendUint64(head, uint64(size))
	head = binary.LittleEndian.AppendUint64(head, uint64(len(description)))
	raw, _ := hex.DecodeString(key) // made by cache.key
	head = append(head, raw...)
	return append(head, digestOf(head, description)...)
}

func digestOf(head, description []byte) []byte {
	h := sha256.New()
	h.Write(head[:digestAt])
	h.Write(description)
	return h.Sum(nil)
}

// load makes the plan that lies under key; nil where there is none, or none that can be trusted.
func (c *cache) load(key string, o Options) *Plan {
	memory, err := c.mapped(key)
	if err != nil {
		return nil
	}
	p, err := planOf(memory, o)
	if err != nil {
		unmap(memory)
		return nil
	}
	p.cached = true
	// Kernels and constants are reached by way of the regions of the plan, which lead back to it, so what runs keeps it.
	runtime.AddCleanup(p, unmap, memory)
	c.touch(key + planSuffix)
	return p
}

// mapped is the file of a plan in memory that must not be written to, if it is what it should be.
func (c *cache) mapped(key string) (memory []byte, err error) {
	f, info, err := c.open(key + planSuffix)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var head [headerBytes]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	size, description := binary.LittleEndian.Uint64(head[len(fileMagic):]), binary.LittleEndian.Uint64(head[len(fileMagic)+8:])
	raw, _ := hex.DecodeString(key)
	switch {
	case string(head[:len(fileMagic)]) != fileMagic, !bytes.Equal(head[keyAt:digestAt], raw):
		err = fmt.Errorf("the plan of another model, or none: %w", graph.ErrFormat)
	case size != uint64(info.Size()) || description > maxDescription || size < uint64(dataStart(int(description))):
		err = fmt.Errorf("%d bytes, expected %d, %d of them for the description: %w", info.Size(), size, description, graph.ErrFormat)
	default:
		memory, err = mapFile(f, int(size))
	}
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(memory[:headerBytes], head[:]) || !bytes.Equal(digestOf(head[:], memory[headerBytes:][:description]), head[digestAt:]) {
		unmap(memory)
		return nil, fmt.Errorf("a digest that is not that of the description: %w", graph.ErrFormat)
	}
	return memory, nil
}

// planOf makes the plan of a mapped file.
func planOf(memory []byte, o Options) (p *Plan, err error) {
	defer boundary(&err)
	description := int(binary.LittleEndian.Uint64(memory[len(fileMagic)+8:]))
	c, f := codec{reading: true, data: memory[headerBytes:][:description]}, planFile{}
	c.file(&f)
	if c.err != nil {
		return nil, c.err
	}
	data := memory[dataStart(description):]
	for _, s := range f.tensors {
		if s.bytes > 0 {
			s.t.Bytes = data[s.at:][:s.bytes:s.bytes]
		}
	}
	sections := make(map[sectionKey][]byte, len(f.sections))
	for _, s := range f.sections {
		sections[s.sectionKey] = data[s.at:][:s.bytes:s.bytes]
	}
	return f.model.build(o, newShelf(&f.model.graph, sections, nil))
}
