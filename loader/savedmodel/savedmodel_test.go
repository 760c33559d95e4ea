package savedmodel_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/loader/savedmodel"
)

// files holds the model in memory, so that tests can break it.
func files(t testing.TB) fstest.MapFS {
	t.Helper()
	root := os.DirFS("testdata/dense")
	m := fstest.MapFS{}
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		m[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRead reads a model; that the answers are Keras' is tested with the command line.
func TestRead(t *testing.T) {
	dir := files(t)
	if !savedmodel.Sniff(dir) {
		t.Error("not known as a SavedModel")
	}
	m, err := savedmodel.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if in, out := m.Graph.Inputs, m.Graph.Outputs; len(in) != 1 || in[0].Name != "features" || len(out) != 1 || out[0].Name != "output_0" {
		t.Errorf("inputs %v, outputs %v", in, out)
	}
}

// TestHostile breaks each file of a model: no panic, errors of the known kinds alone, and no changed weight goes unseen.
func TestHostile(t *testing.T) {
	known := func(err error) bool {
		return errors.Is(err, graph.ErrFormat) || errors.Is(err, graph.ErrUnsupported) || errors.Is(err, graph.ErrLimit) || errors.Is(err, graph.ErrModel) ||
			errors.Is(err, fs.ErrNotExist) // of a shard
	}
	for _, c := range []struct {
		path string
		step int
	}{{"saved_model.pb", 401}, {"variables/variables.index", 3}, {"variables/variables.data-00000-of-00001", 53}} {
		dir := files(t)
		whole := dir[c.path].Data
		for n := 0; n < len(whole); n += 7 * c.step {
			dir[c.path].Data = whole[:n]
			if _, err := savedmodel.Read(dir); err != nil && !known(err) {
				t.Errorf("%s cut to %d bytes: %v", c.path, n, err)
			}
		}
		dir[c.path].Data = whole
		for i := 0; i < len(whole); i += c.step {
			whole[i] ^= 0x15
			if _, err := savedmodel.Read(dir); err != nil && !known(err) {
				t.Errorf("%s, byte %d changed: %v", c.path, i, err)
			}
			whole[i] ^= 0x15
		}
	}
	dir := files(t)
	delete(dir, "variables/variables.index")
	if _, err := savedmodel.Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without an index: %v", err)
	}
}
