package onnx

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/wire"
)

// Limits of the files beside a model.
const (
	maxDataFiles = 1024
	maxDataBytes = 64 << 30
)

// context is where in a file a graph is read, and what lies beside the file.
type context struct {
	depth int // graphs around it
	files *dataFiles
	own   bool // the file's bytes are the model's
}

// deeper is the context of a body, whose tensors are copied.
func (c context) deeper() context { return context{depth: c.depth + 1, files: c.files} }

// dataFiles are the files in the directory of a model that tensors keep their elements in. A nil one refuses them.
type dataFiles struct {
	dir         *os.Root
	model       os.FileInfo // the model's own file
	followLinks bool
	open        map[string]*dataFile
	have        int64 // bytes of the files
	read        int64 // bytes of the elements
}

type dataFile struct {
	*os.File
	size  int64
	parts map[[2]int64][]byte // by offset and length: tensors may share elements
}

func (d *dataFiles) close() {
	for _, f := range d.open {
		f.Close()
	}
}

// location is what a TensorProto says of elements in another file.
type location struct {
	path           string
	offset, length int64 // length −1: not said
}

// readLocation decodes the entries of external_data.
func readLocation(entries [][]byte, tensorName string) (*location, error) {
	l := &location{length: -1}
	seen := map[string]bool{}
	for _, b := range entries {
		key, value := "", ""
		err := wire.Walk(b, "StringStringEntryProto", func(f wire.Field) (err error) {
			switch f.Num {
			case 1:
				key, err = readName(f, "external_data key")
			case 2:
				value, err = readName(f, "external_data value")
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		wrong := wire.Errorf("external_data", 0, "tensor %q: %s is %q", tensorName, key, value)
		if seen[key] {
			return nil, wrong
		}
		seen[key] = true
		switch key {
		case "location":
			l.path = value
		case "offset", "length":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				return nil, wrong
			}
			if key == "offset" {
				l.offset = n
			} else {
				l.length = n
			}
		case "checksum": // of the whole file, by a digest that nothing demands
		default:
			return nil, wrong
		}
	}
	if strings.ContainsAny(l.path, "\\\x00") || !filepath.IsLocal(l.path) || l.path == "." {
		return nil, wire.Errorf("external_data", 0, "tensor %q: location is %q, expected a path below the directory of the model", tensorName, l.path)
	}
	return l, nil
}

// elements reads the n bytes that a tensor has at l.
func (d *dataFiles) elements(l *location, n int64, name string) ([]byte, error) {
	if d == nil {
		return nil, fmt.Errorf("tensor %q keeps its data in another file, %q, and only the model itself was given: %w", name, l.path, graph.ErrUnsupported)
	}
	f, err := d.file(filepath.Clean(l.path), name)
	if err != nil {
		return nil, err
	}
	if l.length >= 0 && l.length != n || l.offset > f.size || n > f.size-l.offset {
		return nil, wire.Errorf("external_data", 0, "tensor %q needs %d bytes, and %q has %d from %d on for it (length %d)", name, n, l.path, f.size-l.offset, l.offset, l.length)
	}
	part := [2]int64{l.offset, n}
	if b, ok := f.parts[part]; ok {
		return b, nil
	}
	// Every byte is read once: a small file whose parts overlap does not become large weights.
	if d.read += n; d.read > d.have {
		return nil, fmt.Errorf("tensor %q: the tensors need %d bytes of files of %d: %w", name, d.read, d.have, graph.ErrLimit)
	}
	b := tensor.AlignedBytes(int(n))
	if _, err := io.ReadFull(io.NewSectionReader(f, l.offset, n), b); err != nil {
		return nil, fmt.Errorf("tensor %q: %s: %w: %w", name, l.path, err, graph.ErrFormat)
	}
	f.parts[part] = b
	return b, nil
}

// file opens a regular file below the directory, once.
func (d *dataFiles) file(path, name string) (*dataFile, error) {
	if f := d.open[path]; f != nil {
		return f, nil
	}
	if len(d.open) == maxDataFiles {
		return nil, fmt.Errorf("more than %d data files: %w", maxDataFiles, graph.ErrLimit)
	}
	const flags = os.O_RDONLY | syscall.O_NONBLOCK // a pipe must not make it wait
	file, err := d.dir.OpenFile(path, flags, 0)
	if err != nil && d.followLinks {
		file, err = os.OpenFile(filepath.Join(d.dir.Name(), path), flags, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("tensor %q: its data file: %w: %w", name, err, graph.ErrFormat)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("tensor %q: %s is no regular file: %w", name, path, graph.ErrFormat)
	case !d.followLinks && hasOtherNames(info):
		err = fmt.Errorf("tensor %q: %s has other names (hard links), which only a caller that follows links allows: %w", name, path, graph.ErrFormat)
	case os.SameFile(info, d.model):
		err = fmt.Errorf("tensor %q: %s is the model itself: %w", name, path, graph.ErrFormat)
	case info.Size() > maxDataBytes-d.have:
		err = fmt.Errorf("tensor %q: %s: data files of more than %d bytes: %w", name, path, int64(maxDataBytes), graph.ErrLimit)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	f := &dataFile{file, info.Size(), map[[2]int64][]byte{}}
	d.have += f.size
	d.open[path] = f
	return f, nil
}

// hasOtherNames reports whether a file may also lie somewhere else, out of the model's directory.
func hasOtherNames(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}
