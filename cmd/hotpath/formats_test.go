package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/loader/npy"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

// message is a field of a protobuf message that holds the parts.
func message(field protowire.Number, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), body)
}

func text(field protowire.Number, s string) []byte { return message(field, []byte(s)) }

func number(field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), n)
}

// writeApart writes y = x·w with w, 7×2, in a file beside the model.
func writeApart(t *testing.T, dir string) (path string) {
	t.Helper()
	value := func(name string, columns uint64) []byte {
		shape := message(2, message(1, text(2, "N")), message(1, number(1, columns)))
		return append(text(1, name), message(2, message(1, number(1, 1), shape))...)
	}
	entry := func(key, value string) []byte { return message(13, text(1, key), text(2, value)) }
	graph := message(7, message(1, text(1, "x"), text(1, "w"), text(2, "y"), text(4, "MatMul")), text(2, "g"),
		message(5, number(1, 7), number(1, 2), number(2, 1), text(8, "w"), entry("location", "w.bin"), number(14, 1)),
		message(11, value("x", 7)), message(12, value("y", 2)))
	model := append(append(number(1, 8), graph...), message(8, number(2, 18))...)
	w := make([]float32, 14)
	for i := range w {
		w[i] = float32(i) / 8
	}
	for name, data := range map[string][]byte{"model.onnx": model, "w.bin": tensor.Of(w, 7, 2).Bytes} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "model.onnx")
}

// writeArrays writes matrices by name as .npz.
func writeArrays(t *testing.T, path string, rows map[string][][]float32) {
	t.Helper()
	arrays := map[string]*tensor.Tensor{}
	for name, r := range rows {
		arrays[name] = tensor.Of(slices.Concat(r...), len(r), len(r[0]))
	}
	var b bytes.Buffer
	if err := npy.WriteArchive(&b, arrays); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEveryVerbTakesEveryFormat gives each verb that reads a model weights in a file beside it, a Keras file and the directory of a
// SavedModel; what is published or served is one ONNX file with the same answers.
func TestEveryVerbTakesEveryFormat(t *testing.T) {
	const testdata = "../../loader/keras/testdata/"
	saved, err := os.ReadFile(testdata + "dense.json")
	if err != nil {
		t.Fatal(err)
	}
	var keras struct{ Inputs json.RawMessage }
	if err := json.Unmarshal(saved, &keras); err != nil {
		t.Fatal(err)
	}
	models := t.TempDir()
	for model, c := range map[string]struct{ from, input string }{
		"apart":      {writeApart(t, t.TempDir()), `{"x": [[1, 2, 3, 4, 5, 6, 7]]}`},
		"keras":      {testdata + "dense.keras", string(keras.Inputs)},
		"savedmodel": {"../../loader/savedmodel/testdata/dense", string(keras.Inputs)},
	} {
		dir := t.TempDir()
		in, out, store := filepath.Join(dir, "in.json"), filepath.Join(dir, "out.onnx"), filepath.Join(dir, "store")
		if err := os.WriteFile(in, []byte(c.input), 0o600); err != nil {
			t.Fatal(err)
		}
		want := must(t, "run", c.from, "--input", in)
		archive := filepath.Join(dir, "in.npz")
		var rows map[string][][]float32
		if err := json.Unmarshal([]byte(c.input), &rows); err != nil {
			t.Fatal(err)
		}
		writeArrays(t, archive, rows)
		must(t, "bench", "model", c.from, "--input", in, "--seconds", "0.01")
		for _, verb := range [][]string{{"convert"}, {"optimize"}, {"quantize", "--calibrate", archive}} {
			must(t, append(verb, c.from, "--out", out)...)
		}
		must(t, "models", "publish", model, c.from, "--store", store)
		var seen struct{ SHA256 string }
		if err := json.Unmarshal([]byte(must(t, "inspect", c.from, "--json")), &seen); err != nil {
			t.Fatal(err)
		}

		at := filepath.Join(models, model, "1")
		switch model {
		case "apart":
			err = os.CopyFS(at, os.DirFS(filepath.Dir(c.from)))
		case "keras":
			err = os.CopyFS(at, os.DirFS(testdata))
			if err == nil {
				err = os.Rename(filepath.Join(at, "dense.keras"), filepath.Join(at, "model.keras"))
			}
		case "savedmodel":
			err = os.CopyFS(at, os.DirFS(c.from))
		}
		if err != nil {
			t.Fatal(err)
		}
		sources := []server.Source{server.Dir{Path: filepath.Join(models, model)}, server.Registry{Store: registry.New(store)}}
		for i, s := range sources {
			offers, err := s.Scan()
			if err != nil || len(offers) != 1 {
				t.Fatalf("%s: source %d offers %v (%v)", model, i, offers, err)
			}
			data, err := offers[0].Read()
			if err != nil {
				t.Fatal(err)
			}
			if got := registry.Digest(data); got != seen.SHA256 {
				t.Errorf("%s: source %d serves %s, inspect says %s", model, i, got, seen.SHA256)
			}
			if _, err := loader.Read(data); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(out, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := must(t, "run", out, "--input", in); got != want {
				t.Errorf("%s: source %d answers %s, the model %s", model, i, got, want)
			}
		}
	}
}

// TestLinkedModel opens a model through a link, as stores that keep content by digest have it; its weights may be links where the caller says so.
func TestLinkedModel(t *testing.T) {
	content, dir := t.TempDir(), t.TempDir()
	writeApart(t, content)
	model, in := filepath.Join(dir, "model.onnx"), filepath.Join(dir, "in.json")
	for _, name := range []string{"model.onnx", "w.bin"} {
		if err := os.Symlink(filepath.Join(content, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in, []byte(`{"x": [[1, 2, 3, 4, 5, 6, 7]]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := hotpath("run", model, "--input", in); code != exitFailed {
		t.Errorf("weights behind a link: exit code %d, expected %d", code, exitFailed)
	}
	must(t, "run", model, "--input", in, "--follow-links")
	digits := filepath.Join(dir, "digits.onnx")
	abs, err := filepath.Abs("digits/digits.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(abs, digits); err != nil {
		t.Fatal(err)
	}
	must(t, "inspect", digits)
}
