// Package loader opens models, files or directories: it sniffs the first bytes, or what a directory holds, picks the
// format's row and returns a graph.Model. Files are untrusted; sizes are checked before memory is taken, and nothing
// outside the directory of the model is opened.
package loader

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/keras"
	"github.com/hotpath/hotpath/loader/onnx"
	"github.com/hotpath/hotpath/loader/savedmodel"
)

// Format is one model format: of files, or of directories.
type Format struct {
	Name     string
	Sniff    func(head []byte) bool
	Read     func(data []byte) (*graph.Model, error)
	SniffDir func(files fs.FS) bool
	ReadDir  func(files fs.FS) (*graph.Model, error)
	// ReadIn is Read for the file name in dir, where it may have others beside it; nil where a file is all there is. It takes data over.
	ReadIn func(data []byte, dir *os.Root, name string) (*graph.Model, error)
}

// Formats is every format; a new one is a row.
var Formats = []Format{
	{Name: "onnx", Sniff: onnx.Sniff, Read: onnx.Read, ReadIn: onnx.ReadIn},
	{Name: "keras", Sniff: keras.Sniff, Read: keras.Read},
	{Name: "savedmodel", SniffDir: savedmodel.Sniff, ReadDir: savedmodel.Read},
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

// sniff finds the format of a file.
func sniff(data []byte) (*Format, error) {
	head := data[:min(len(data), sniffBytes)]
	for i := range Formats {
		if f := &Formats[i]; f.Sniff != nil && f.Sniff(head) {
			return f, nil
		}
	}
	return nil, fmt.Errorf("loader: the first bytes % x match no known format (%s): %w", head, names(), graph.ErrFormat)
}

// names lists the formats.
func names() string {
	list := make([]string, len(Formats))
	for i, f := range Formats {
		list[i] = f.Name
	}
	return strings.Join(list, ", ")
}

// openDir reads a model that is a directory; nothing outside it is opened.
func openDir(path string) (*graph.Model, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, f := range Formats {
		if f.SniffDir != nil && f.SniffDir(root.FS()) {
			m, err := f.ReadDir(root.FS())
			if err == nil {
				m.Files, err = filesIn(root.FS(), path)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			return m, nil
		}
	}
	return nil, fmt.Errorf("%s: a directory of no known format (%s): %w", path, names(), graph.ErrFormat)
}

// filesIn lists the regular files of a directory at path, which a model may have been read from.
func filesIn(dir fs.FS, path string) (files []string, err error) {
	err = fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, filepath.Join(path, filepath.FromSlash(name)))
		}
		return err
	})
	return files, err
}

// Open reads the model file or directory at path, and files in the directory of a file that it keeps its weights in; Model.Files lists
// them. Errors name it.
func Open(path string) (*graph.Model, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return openDir(path)
	}
	data, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := sniff(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var m *graph.Model
	if f.ReadIn == nil {
		m, err = f.Read(data)
	} else {
		m, err = readIn(f, data, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: loader: %w", path, err)
	}
	for i, name := range m.Files {
		m.Files[i] = filepath.Join(filepath.Dir(path), name)
	}
	m.Files = append([]string{path}, m.Files...)
	return m, nil
}

func readIn(f *Format, data []byte, path string) (*graph.Model, error) {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return f.ReadIn(data, dir, filepath.Base(path))
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
	data := kernels.HugeBytes(int(info.Size()))
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}
