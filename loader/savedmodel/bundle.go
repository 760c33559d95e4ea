package savedmodel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/wire"
)

// bundle is a checkpoint: a sorted table of entries (variables.index, the table format of LevelDB) over shards of raw tensors.
type bundle struct {
	files   fs.FS
	entries map[string]bundleEntry
	shards  int
}

// bundleEntry is a BundleEntryProto.
type bundleEntry struct {
	dtype        tensor.DType
	shape        []int
	shard        int64
	offset, size int64
	checksum     uint32
	sliced       bool
}

const (
	tableMagic   = 0xdb4775248b80fb57
	footerSize   = 48
	trailerSize  = 5 // of a block: compression, checksum
	maxIndexSize = 64 << 20
)

// openBundle reads the index of variables/variables.
func openBundle(files fs.FS) (*bundle, error) {
	index, err := readFile(files, "variables/variables.index", maxIndexSize)
	if err != nil {
		return nil, err
	}
	b := &bundle{files: files, entries: map[string]bundleEntry{}}
	if err := b.readIndex(index); err != nil {
		return nil, fmt.Errorf("variables.index: %w", err)
	}
	return b, nil
}

func (b *bundle) readIndex(data []byte) error {
	if len(data) < footerSize || binary.LittleEndian.Uint64(data[len(data)-8:]) != tableMagic {
		return fmt.Errorf("not a table of LevelDB: %w", graph.ErrFormat)
	}
	footer := bytes.NewReader(data[len(data)-footerSize:])
	var handles [4]uint64 // offset and size of the block of meta data, of the block of blocks
	for i := range handles {
		var err error
		if handles[i], err = binary.ReadUvarint(footer); err != nil {
			return fmt.Errorf("footer: %w: %w", err, graph.ErrFormat)
		}
	}
	return eachEntry(data, handles[2], handles[3], func(_ string, handle []byte) error {
		r := bytes.NewReader(handle)
		offset, err1 := binary.ReadUvarint(r)
		size, err2 := binary.ReadUvarint(r)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("a broken handle of a block: %w", graph.ErrFormat)
		}
		return eachEntry(data, offset, size, b.addEntry)
	})
}

// eachEntry calls f for every key and value of a block. Keys share a prefix with the one before.
func eachEntry(data []byte, offset, size uint64, f func(key string, value []byte) error) error {
	if total := uint64(len(data)); offset > total || size > total-offset || total-offset-size < trailerSize {
		return fmt.Errorf("a block of %d bytes at %d of %d: %w", size, offset, len(data), graph.ErrFormat)
	}
	block := data[offset : offset+size]
	if compression := data[offset+size]; compression != 0 {
		return fmt.Errorf("a block of compression %d: %w", compression, graph.ErrUnsupported)
	}
	if len(block) < 4 {
		return fmt.Errorf("a block of %d bytes: %w", len(block), graph.ErrFormat)
	}
	restarts := uint64(binary.LittleEndian.Uint32(block[len(block)-4:]))
	if 4*(restarts+1) > uint64(len(block)) {
		return fmt.Errorf("a block with %d restarts in %d bytes: %w", restarts, len(block), graph.ErrFormat)
	}
	r := bytes.NewReader(block[:uint64(len(block))-4*(restarts+1)])
	var key []byte
	for r.Len() > 0 {
		var n [3]uint64 // bytes of the key shared, of its own, of the value
		for i := range n {
			var err error
			if n[i], err = binary.ReadUvarint(r); err != nil {
				return fmt.Errorf("an entry: %w: %w", err, graph.ErrFormat)
			}
		}
		if left := uint64(r.Len()); n[0] > uint64(len(key)) || n[1] > left || n[2] > left-n[1] {
			return fmt.Errorf("an entry of %d bytes in %d: %w", n[1]+n[2], left, graph.ErrFormat)
		}
		own, value := make([]byte, n[1]), make([]byte, n[2])
		_, _ = io.ReadFull(r, own) // the lengths were checked
		_, _ = io.ReadFull(r, value)
		key = append(key[:n[0]:n[0]], own...)
		if err := f(string(key), value); err != nil {
			return err
		}
	}
	return nil
}

func (b *bundle) addEntry(key string, value []byte) error {
	if key == "" { // BundleHeaderProto
		return wire.Walk(value, "BundleHeaderProto", func(f wire.Field) error {
			n, err := f.Int("field")
			switch {
			case f.Num == 3: // version, a message
				return nil
			case f.Num == 1:
				b.shards = int(n)
			case f.Num == 2 && n != 0:
				return fmt.Errorf("a bundle of big-endian numbers: %w", graph.ErrUnsupported)
			}
			return err
		})
	}
	e := bundleEntry{shape: []int{}}
	err := wire.Walk(value, "BundleEntryProto", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			var code int64
			code, err = f.Int("dtype")
			e.dtype = dtypes[code]
		case 2:
			var s []byte
			if s, err = f.Message("shape"); err == nil {
				e.shape, err = readShape(s)
			}
		case 3:
			e.shard, err = f.Int("shard_id")
		case 4:
			e.offset, err = f.Int("offset")
		case 5:
			e.size, err = f.Int("size")
		case 6:
			e.checksum = uint32(f.Varint)
		case 7:
			e.sliced = true
		}
		return err
	})
	b.entries[key] = e
	return err
}

// castagnoli is the polynomial of the checksums.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// read gives a tensor of the checkpoint.
func (b *bundle) read(key string) (*tensor.Tensor, error) {
	e, ok := b.entries[key]
	if !ok {
		return nil, fmt.Errorf("the checkpoint holds no %q: %w", key, graph.ErrFormat)
	}
	n, ok := tensor.Elements(e.shape)
	switch {
	case e.sliced || e.dtype == tensor.Invalid || e.dtype == tensor.String:
		return nil, fmt.Errorf("%q is %s, expected numbers in one piece: %w", key, e.dtype, graph.ErrUnsupported)
	case !ok || n > maxVariableBytes/e.dtype.Size() || int64(n*e.dtype.Size()) != e.size:
		return nil, fmt.Errorf("%q has shape %v and %d bytes: %w", key, e.shape, e.size, graph.ErrFormat)
	case e.shard < 0 || e.shard >= int64(b.shards):
		return nil, fmt.Errorf("%q lies in shard %d of %d: %w", key, e.shard, b.shards, graph.ErrFormat)
	}
	name := fmt.Sprintf("variables/variables.data-%05d-of-%05d", e.shard, b.shards)
	f, err := b.files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at, ok := f.(io.ReaderAt)
	info, err := f.Stat()
	if err != nil || !ok {
		return nil, fmt.Errorf("%s: cannot be read at an offset: %w", name, graph.ErrFormat)
	}
	if e.offset < 0 || e.offset > info.Size() || e.size > info.Size()-e.offset {
		return nil, fmt.Errorf("%q lies at byte %d, %d long, of %s, which has %d: %w", key, e.offset, e.size, name, info.Size(), graph.ErrFormat)
	}
	t := tensor.New(e.dtype, e.shape...)
	if _, err := at.ReadAt(t.Bytes, e.offset); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	sum := crc32.Checksum(t.Bytes, castagnoli)
	if masked := (sum>>15 | sum<<17) + 0xa282ead8; masked != e.checksum { // as LevelDB masks checksums of data that holds checksums
		return nil, fmt.Errorf("%q: checksum %08x, expected %08x: %w", key, masked, e.checksum, graph.ErrFormat)
	}
	return t, nil
}

// maxVariableBytes bounds one variable.
const maxVariableBytes = 2 << 30

func readFile(files fs.FS, name string, most int64) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: more than %d bytes: %w", name, most, graph.ErrLimit)
	}
	return data, err
}
