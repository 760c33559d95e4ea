package server

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/server/registry"
)

// signed has an offer proven before a byte of the model is parsed: the files of its directory must be those that a
// signature beside the model, model.sig, lists, and what is parsed is the bytes that were proven, whatever becomes of the
// directory meanwhile.
func (d Dir) signed(o *Offer) {
	var warmup [][]byte
	at := *o
	o.Read = func() (model []byte, err error) {
		model, warmup, err = d.readSigned(&at)
		return model, err
	}
	o.Warmup = func() ([][]byte, error) { return warmup, nil }
}

// readSigned returns model and recorded inputs of an offer. One that is a single file is held in memory; of others, such
// as a SavedModel, a copy is made that nobody else can change, in the system's directory for that, and read.
func (d Dir) readSigned(o *Offer) (model []byte, warmup [][]byte, err error) {
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, nil, fmt.Errorf("models directory: %w", err)
	}
	defer root.Close()
	dir, err := root.OpenRoot(o.dir)
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	alone, err := single(dir, o.file)
	if err != nil {
		return nil, nil, err
	}
	if alone {
		return d.readSingle(dir, o)
	}
	private, err := os.MkdirTemp("", "hotpath-signed-*")
	if err != nil {
		return nil, nil, fmt.Errorf("copy of what is signed: %w", err)
	}
	defer os.RemoveAll(private)
	digests, err := registry.DirDigests(dir, func(name string) (io.WriteCloser, error) {
		to := filepath.Join(private, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return nil, err
		}
		return os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	})
	if err == nil {
		err = d.Trust.VerifyDir(dir, o.Model, o.Version, digests)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.dir, err)
	}
	copied := Dir{Path: private, Open: d.Open}
	if model, err = copied.read(".", o.file); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.dir, err)
	}
	warmup, err = copied.warmup(warmupFile)
	return model, warmup, err
}

// single reports whether a directory has nothing but a model of one file, its signature and recorded inputs.
func single(dir *os.Root, model string) (bool, error) {
	if model == savedModel || model == tritonSavedModel {
		return false, nil
	}
	entries, err := fs.ReadDir(dir.FS(), ".")
	for _, e := range entries {
		if n := e.Name(); n != model && n != registry.SignatureFile && n != warmupFile {
			return false, nil
		}
	}
	return true, err
}

// readSingle is readSigned for a model of one file.
func (d Dir) readSingle(dir *os.Root, o *Offer) (model []byte, warmup [][]byte, err error) {
	digests := map[string]string{}
	for _, name := range []string{o.file, warmupFile} {
		data, err := readRegular(dir, name)
		if os.IsNotExist(err) && name == warmupFile {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path.Join(o.dir, name), err)
		}
		digests[name] = registry.Digest(data)
		if name == o.file {
			model = data
		} else {
			warmup = [][]byte{data}
		}
	}
	if err := d.Trust.VerifyDir(dir, o.Model, o.Version, digests); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.dir, err)
	}
	return model, warmup, nil
}

// readRegular reads a file, which a link must not be.
func readRegular(dir *os.Root, name string) ([]byte, error) {
	info, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("neither a file nor a directory, which cannot be signed: %w", registry.ErrSignature)
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return loader.ReadOpened(f)
}
