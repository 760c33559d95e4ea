// Package loader opens model files: it sniffs the first bytes, picks the format's row and returns a graph.Model.
// Files are untrusted; sizes are checked before memory is taken.
package loader

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/loader/onnx"
)

// Format is one model file format.
type Format struct {
	Name  string
	Sniff func(head []byte) bool
	Read  func(data []byte) (*graph.Model, error)
	// ReadIn is Read for the file name in dir, where it may have others beside it.
	ReadIn func(data []byte, dir *os.Root, name string) (*graph.Model, error)
}

// Formats is every format; a new one is a row.
var Formats = []Format{
	{"onnx", onnx.Sniff, onnx.Read, onnx.ReadIn},
}

// MaxFileBytes is the largest model file that is read.
const MaxFileBytes = 2 << 30

const sniffBytes = 16

// Read decodes a model held in memory, which must be all of it.
func Read(data []byte) (*graph.Model, error) {
	f, err := sniff(data)
	if err != nil {
		return nil, err
	}
	m, err := f.Read(data)
	if err != nil {
		return nil, fmt.Errorf("loader: %w", err)
	}
	return m, nil
}

func sniff(data []byte) (*Format, error) {
	head := data[:min(len(data), sniffBytes)]
	names := ""
	for i := range Formats {
		if Formats[i].Sniff(head) {
			return &Formats[i], nil
		}
		if i > 0 {
			names += ", "
		}
		names += Formats[i].Name
	}
	return nil, fmt.Errorf("loader: the first bytes % x match no known format (%s): %w", head, names, graph.ErrFormat)
}

// Open reads the model file at path, and files in its directory that it keeps its weights in. Errors name the file.
func Open(path string) (*graph.Model, error) {
	data, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := sniff(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	m, err := f.ReadIn(data, dir, filepath.Base(path))
	if err != nil {
		return nil, fmt.Errorf("%s: loader: %w", path, err)
	}
	return m, nil
}

// ReadFile reads a regular file of at most MaxFileBytes.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // an *os.PathError, which names the file
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file: %w", path, graph.ErrFormat)
	}
	if info.Size() > MaxFileBytes {
		return nil, fmt.Errorf("%s: %d bytes, expected at most %d: %w", path, info.Size(), MaxFileBytes, graph.ErrLimit)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}
