package npy

import (
	"archive/zip"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

const maxArrays = 4096

// ReadArchive decodes every array of a .npz archive by its name. Entries are read in memory, never extracted, and
// count against MaxBytes by what they really hold.
func ReadArchive(r io.ReaderAt, size int64) (map[string]*tensor.Tensor, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: %w: %w", err, graph.ErrFormat)
	}
	if len(z.File) > maxArrays {
		return nil, fmt.Errorf("npz: %d entries, expected at most %d: %w", len(z.File), maxArrays, graph.ErrLimit)
	}
	arrays := map[string]*tensor.Tensor{}
	total := 0
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if _, dup := arrays[name]; !ok || dup {
			return nil, fmt.Errorf("npz: entry %q is not an array or stands twice: %w", f.Name, graph.ErrFormat)
		}
		t, err := readEntry(f)
		if err != nil {
			return nil, fmt.Errorf("npz: entry %q: %w", f.Name, err)
		}
		if total += len(t.Bytes); total > MaxBytes {
			return nil, fmt.Errorf("npz: more than %d bytes of arrays: %w", MaxBytes, graph.ErrLimit)
		}
		arrays[name] = t
	}
	return arrays, nil
}

func readEntry(f *zip.File) (*tensor.Tensor, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, graph.ErrFormat)
	}
	defer r.Close()
	return Read(r)
}

// WriteArchive encodes arrays by name, in the order of their names.
func WriteArchive(w io.Writer, arrays map[string]*tensor.Tensor) error {
	z := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		// A zero modification time: the same arrays give the same bytes.
		entry, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		if err != nil {
			return fmt.Errorf("npz: %w", err)
		}
		if err := Write(entry, arrays[name]); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("npz: %w", err)
	}
	return nil
}
