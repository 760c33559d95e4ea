package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/hotpath/hotpath/server/registry"
)

// modelFile is the name of the file in a version directory.
const modelFile = "model.onnx"

// maxModelBytes is the largest model file: the limit of protobuf.
const maxModelBytes = 2<<30 - 1

// Dir is a directory with DIR/NAME/VERSION/model.onnx, or DIR/VERSION/model.onnx, which is the base path of one model
// in TensorFlow Serving. Nothing outside the directory is read, through links either.
type Dir struct {
	Path string
}

// Scan lists the version directories. One without a model file is not there yet: a copy may be under way.
func (d Dir) Scan() ([]Offer, error) {
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, fmt.Errorf("models directory: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("models directory: %w", err)
	}
	abs, err := filepath.Abs(d.Path)
	if err != nil {
		return nil, fmt.Errorf("models directory: %w", err)
	}
	var offers []Offer
	for _, e := range entries {
		if n, ok := versionNumber(e.Name()); ok {
			if o, ok := d.offer(root, filepath.Base(abs), e.Name(), n); ok {
				offers = append(offers, o)
				continue
			}
		}
		if registry.CheckName(e.Name()) != nil {
			continue
		}
		versions, err := fs.ReadDir(root.FS(), e.Name())
		if err != nil {
			continue // a file, or gone meanwhile
		}
		for _, v := range versions {
			if n, ok := versionNumber(v.Name()); ok {
				if o, ok := d.offer(root, e.Name(), path.Join(e.Name(), v.Name()), n); ok {
					offers = append(offers, o)
				}
			}
		}
	}
	return offers, nil
}

// offer describes the version in directory dir, ok false if there is no model file in it.
func (d Dir) offer(root *os.Root, model, dir string, version int64) (Offer, bool) {
	file := path.Join(dir, modelFile)
	o := Offer{Model: model, Version: version, Read: func() ([]byte, error) { return d.read(file) }}
	info, err := root.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o, false
	case err != nil:
		o.Problem = fmt.Errorf("%s: cannot be read inside the models directory", file)
	case !info.Mode().IsRegular():
		o.Problem = fmt.Errorf("%s: not a regular file", file)
	case info.Size() > maxModelBytes:
		o.Problem = fmt.Errorf("%s: %d bytes, the limit is %d", file, info.Size(), maxModelBytes)
	default:
		o.Fingerprint = fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
	}
	return o, true
}

func (d Dir) read(file string) ([]byte, error) {
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, fmt.Errorf("models directory: %w", err)
	}
	defer root.Close()
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxModelBytes {
		return nil, fmt.Errorf("%s: not a regular file of at most %d bytes", file, maxModelBytes)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return data, nil
}

// versionNumber reads the name of a version directory: a positive decimal number, leading zeros allowed as in
// TensorFlow Serving.
func versionNumber(name string) (int64, bool) {
	for _, c := range []byte(name) {
		if c-'0' > 9 {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(name, 10, 64)
	return n, err == nil && n > 0
}
