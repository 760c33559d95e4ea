package loader

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/onnx"
)

// Options say what Open and Pack may do.
type Options struct {
	// FollowLinks takes weights beside a model file that are links: symbolic ones that lead out of its directory, and files with other names
	// (hard links). Stores that keep content by digest lay models out like that; in a directory that came from elsewhere a link
	// may point at anything this process can read, so it is for the caller to say.
	FollowLinks bool
}

// Open reads the model file or directory at path, and files in the directory of a file that it keeps its weights in; Model.Files lists
// them. Errors name it.
func Open(path string) (*graph.Model, error) { return Options{}.Open(path) }

// Open is the function of that name with options.
func (o Options) Open(path string) (*graph.Model, error) {
	m, _, err := o.openPath(path, false)
	return m, err
}

// Pack is Open, and gives the model as the bytes of one file as well, which Read takes: those of the file where it is ONNX and all there is,
// and otherwise what onnx.Write makes of the model.
func (o Options) Pack(path string) (*graph.Model, []byte, error) { return o.openPath(path, true) }

func (o Options) openPath(path string, pack bool) (*graph.Model, []byte, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		dir, err := os.OpenRoot(path)
		if err != nil {
			return nil, nil, err
		}
		defer dir.Close()
		m, data, err := inPath(path)(o.openDir(dir, pack))
		if err == nil {
			m.Files, err = filesIn(dir.FS(), path)
		}
		return m, data, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err // an *os.PathError, which names the file
	}
	defer f.Close()
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	m, data, err := inPath(path)(o.openFile(f, dir, pack))
	if err != nil {
		return nil, nil, err
	}
	for i, name := range m.Files {
		m.Files[i] = filepath.Join(filepath.Dir(path), name)
	}
	m.Files = append([]string{path}, m.Files...)
	return m, data, nil
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

// inPath names the path in an error.
func inPath(path string) func(*graph.Model, []byte, error) (*graph.Model, []byte, error) {
	return func(m *graph.Model, data []byte, err error) (*graph.Model, []byte, error) {
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		return m, data, nil
	}
}

// PackFile is Pack for the open file f in dir, outside of which nothing is opened unless o follows links.
func (o Options) PackFile(f *os.File, dir *os.Root) ([]byte, error) {
	_, data, err := o.openFile(f, dir, true)
	return data, err
}

// PackDir is Pack for a model that is a directory, outside of which nothing is opened.
func (o Options) PackDir(dir *os.Root) ([]byte, error) {
	_, data, err := o.openDir(dir, true)
	return data, err
}

func (o Options) openDir(dir *os.Root, pack bool) (*graph.Model, []byte, error) {
	for _, f := range Formats {
		if f.SniffDir != nil && f.SniffDir(dir.FS()) {
			m, err := f.ReadDir(dir.FS())
			if err != nil {
				return nil, nil, fmt.Errorf("loader: %w", err)
			}
			return written(m, pack)
		}
	}
	return nil, nil, fmt.Errorf("loader: a directory of no known format (%s): %w", names(), graph.ErrFormat)
}

func (o Options) openFile(file *os.File, dir *os.Root, pack bool) (m *graph.Model, data []byte, err error) {
	data, info, err := readFile(file)
	if err != nil {
		return nil, nil, err
	}
	f, err := sniff(data)
	if err != nil {
		return nil, nil, err
	}
	if pack && f.Name == native {
		if m, err := f.Read(data); err == nil {
			return m, data, nil // all there is
		}
	}
	if f.ReadIn == nil {
		m, err = f.Read(data)
	} else {
		m, err = f.ReadIn(data, dir, info, o.FollowLinks)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("loader: %w", err)
	}
	return written(m, pack)
}

// written adds the bytes of the model as ONNX.
func written(m *graph.Model, pack bool) (*graph.Model, []byte, error) {
	if !pack {
		return m, nil, nil
	}
	data, err := onnx.Write(m)
	if err == nil && len(data) > MaxFileBytes {
		err = fmt.Errorf("loader: %d bytes as one file, expected at most %d: %w", len(data), MaxFileBytes, graph.ErrLimit)
	}
	return m, data, err
}

// ReadFile reads a regular file of at most MaxFileBytes.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // an *os.PathError, which names the file
	}
	defer f.Close()
	data, err := ReadOpened(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// ReadOpened is ReadFile for an open file.
func ReadOpened(f *os.File) ([]byte, error) {
	data, _, err := readFile(f)
	return data, err
}

func readFile(f *os.File) ([]byte, os.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("loader: not a regular file: %w", graph.ErrFormat)
	}
	if info.Size() > MaxFileBytes {
		return nil, nil, fmt.Errorf("loader: %d bytes, expected at most %d: %w", info.Size(), MaxFileBytes, graph.ErrLimit)
	}
	data := kernels.HugeBytes(int(info.Size()))
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, nil, err
	}
	return data, info, nil
}
