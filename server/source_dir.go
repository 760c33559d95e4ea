package server

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/server/registry"
)

// modelFiles are what a version directory may have, the first that is there: a file, or what makes the directory a SavedModel.
var modelFiles = []string{"model.onnx", savedModel, "model.keras", "model.h5"}

const savedModel = "saved_model.pb"

// maxVersionFiles is how many files of a version directory are looked at.
const maxVersionFiles = 4096

// maxModelBytes is the largest model file: the limit of protobuf.
const maxModelBytes = 2<<30 - 1

// Dir is a directory with DIR/NAME/VERSION/model.onnx, or DIR/VERSION/model.onnx, which is the base path of one model
// in TensorFlow Serving. A version may keep weights beside the model, or be of another format (modelFiles). Nothing outside the directory
// is read, through links either, unless Open follows them to weights.
type Dir struct {
	Path string
	Open loader.Options
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
	for _, name := range modelFiles {
		file := path.Join(dir, name)
		o := Offer{Model: model, Version: version, Read: func() ([]byte, error) { return d.read(dir, name) }}
		info, err := root.Stat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			o.Problem = fmt.Errorf("%s: cannot be read inside the models directory", file)
		case !info.Mode().IsRegular():
			o.Problem = fmt.Errorf("%s: not a regular file", file)
		case info.Size() > maxModelBytes:
			o.Problem = fmt.Errorf("%s: %d bytes, the limit is %d", file, info.Size(), maxModelBytes)
		default:
			o.Fingerprint = fingerprint(root, dir)
		}
		return o, true
	}
	return Offer{}, false
}

// fingerprint is the names, sizes and times of the files below dir; where there are too many, of those that come first.
func fingerprint(root *os.Root, dir string) string {
	h := sha256.New()
	files := 0
	_ = fs.WalkDir(root.FS(), dir, func(file string, _ fs.DirEntry, err error) error {
		if files++; files > maxVersionFiles {
			return fs.SkipAll
		}
		if info, statErr := root.Stat(file); err == nil && statErr == nil && info.Mode().IsRegular() {
			fmt.Fprintf(h, "%q %d %d\n", file, info.Size(), info.ModTime().UnixNano())
		}
		return nil // what cannot be read will be an error of the model, if it needs it
	})
	return fmt.Sprintf("%x", h.Sum(nil))
}

// read returns the model in directory dir as one file.
func (d Dir) read(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, fmt.Errorf("models directory: %w", err)
	}
	defer root.Close()
	within, err := root.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer within.Close()
	data, err := d.pack(root, within, dir, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return data, nil
}

func (d Dir) pack(root, within *os.Root, dir, name string) ([]byte, error) {
	if name == savedModel {
		return d.Open.PackDir(within)
	}
	f, err := root.OpenFile(path.Join(dir, name), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not make it wait
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if beside, err := fs.ReadDir(within.FS(), "."); err == nil && len(beside) == 1 {
		return loader.ReadOpened(f) // all there is
	}
	return d.Open.PackFile(f, within)
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
