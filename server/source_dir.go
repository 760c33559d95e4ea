package server

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/server/registry"
)

// modelFiles are what a version directory may have, the first that is there: a file, or what makes the directory a SavedModel.
var modelFiles = []string{"model.onnx", savedModel, "model.keras", "model.h5", tritonSavedModel}

const (
	savedModel       = "saved_model.pb"
	tritonSavedModel = "model.savedmodel/saved_model.pb"
)

// warmupFile is where a version directory may have recorded inputs by name.
const warmupFile = "warmup.npz"

// maxVersionFiles is how many files of a version directory are looked at.
const maxVersionFiles = 4096

// maxModelBytes is the largest model file: the limit of protobuf.
const maxModelBytes = 2<<30 - 1

// Dir is a directory with DIR/NAME/VERSION/model.onnx, or DIR/VERSION/model.onnx, which is the base path of one model
// in TensorFlow Serving. A version may keep weights beside the model, be of another format (modelFiles), and have recorded inputs to be
// warmed with in warmup.npz; a model may have the config.pbtxt of Triton beside its versions. Nothing outside the directory is read,
// through links either, unless Open follows them to weights.
type Dir struct {
	Path string
	Open loader.Options
	// Trust demands that every version has a signature, model.sig in its directory, by one of these keys.
	Trust registry.Trust
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
	offers := d.versions(root, ".", filepath.Base(abs), entries) // the base path of one model
	for _, e := range entries {
		if registry.CheckName(e.Name()) != nil || slices.ContainsFunc(offers, func(o Offer) bool { return o.dir == e.Name() }) {
			continue
		}
		versions, err := fs.ReadDir(root.FS(), e.Name())
		if err != nil {
			continue // a file, or gone meanwhile
		}
		offers = append(offers, d.versions(root, e.Name(), e.Name(), versions)...)
	}
	return offers, nil
}

// versions offers what directory dir has of a model.
func (d Dir) versions(root *os.Root, dir, model string, entries []fs.DirEntry) (offers []Offer) {
	var config *triton
	var problem error
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == tritonConfig }) {
		config, problem = readTriton(root, dir, model)
	}
	for _, e := range entries {
		n, ok := versionNumber(e.Name())
		if !ok {
			continue
		}
		files := modelFiles
		if config != nil && config.file != "" {
			files = []string{config.file}
		}
		o, ok := d.offer(root, path.Join(dir, e.Name()), files)
		if !ok {
			continue
		}
		o.Model, o.Version = model, n
		if len(d.Trust) > 0 {
			d.signed(&o)
		}
		if config != nil {
			o.Settings = config.settings
		}
		if problem != nil {
			o.Problem = problem
		}
		if o.Problem != nil {
			o.Fingerprint = o.Problem.Error()
		}
		offers = append(offers, o)
	}
	return offers
}

// offer describes the version in directory dir, ok false if none of the files is in it.
func (d Dir) offer(root *os.Root, dir string, files []string) (Offer, bool) {
	for _, name := range files {
		file := path.Join(dir, name)
		o := Offer{dir: dir, file: name, Read: func() ([]byte, error) { return d.read(dir, name) },
			Warmup: func() ([][]byte, error) { return d.warmup(path.Join(dir, warmupFile)) }}
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
			o.Fingerprint, o.Size = fingerprint(root, dir)
		}
		return o, true
	}
	return Offer{}, false
}

// fingerprint is the names, sizes and times of the files below dir, and their size in all; where there are too many, of
// those that come first.
func fingerprint(root *os.Root, dir string) (text string, size int64) {
	h := sha256.New()
	files := 0
	_ = fs.WalkDir(root.FS(), dir, func(file string, _ fs.DirEntry, err error) error {
		if files++; files > maxVersionFiles {
			return fs.SkipAll
		}
		if info, statErr := root.Stat(file); err == nil && statErr == nil && info.Mode().IsRegular() {
			fmt.Fprintf(h, "%q %d %d\n", file, info.Size(), info.ModTime().UnixNano())
			size += info.Size()
		}
		return nil // what cannot be read will be an error of the model, if it needs it
	})
	return fmt.Sprintf("%x", h.Sum(nil)), size
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
	switch name {
	case savedModel:
		return d.Open.PackDir(within)
	case tritonSavedModel:
		below, err := within.OpenRoot(path.Dir(name))
		if err != nil {
			return nil, err
		}
		defer below.Close()
		return d.Open.PackDir(below)
	}
	f, err := root.OpenFile(path.Join(dir, name), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not make it wait
	if err != nil {
		return nil, err
	}
	defer f.Close()
	beside, err := fs.ReadDir(within.FS(), ".")
	if err == nil && !slices.ContainsFunc(beside, func(e fs.DirEntry) bool {
		return !slices.Contains([]string{name, warmupFile, registry.SignatureFile}, e.Name())
	}) {
		return loader.ReadOpened(f) // all there is
	}
	return d.Open.PackFile(f, within)
}

// warmup reads the recorded inputs of a version, nil if it has none.
func (d Dir) warmup(file string) ([][]byte, error) {
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, fmt.Errorf("models directory: %w", err)
	}
	defer root.Close()
	f, err := root.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := loader.ReadOpened(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return [][]byte{data}, nil
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
