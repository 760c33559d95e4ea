// Package loader opens models, files or directories: it sniffs the first bytes, or what a directory holds, picks the
// format's row and returns a graph.Model. Files are untrusted; sizes are checked before memory is taken, and nothing
// outside the directory of the model is opened.
package loader

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/hotpath/hotpath/graph"
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
	// ReadIn is Read for a file that may have others beside it, in dir; nil where a file is all there is. self is what is known of the file
	// itself. It takes data over.
	ReadIn func(data []byte, dir *os.Root, self os.FileInfo, followLinks bool) (*graph.Model, error)
}

// native is the format of models in one file that Pack leaves as they are.
const native = "onnx"

// Formats is every format; a new one is a row.
var Formats = []Format{
	{Name: native, Sniff: onnx.Sniff, Read: onnx.Read, ReadIn: onnx.ReadIn},
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
