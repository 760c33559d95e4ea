package onnx_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/onnx"
)

// elsewhere is a model whose tensors, of two floats each, have the entries of external_data given: key, value, key, value, …
func elsewhere(tensors ...[]string) []byte {
	var parts [][]byte
	for i, entries := range tensors {
		name := "w" + strconv.Itoa(i)
		t := [][]byte{msg(8, []byte(name)), num(1, 2), num(2, 1), num(14, 1)}
		for k := 0; k < len(entries); k += 2 {
			t = append(t, msg(13, msg(1, []byte(entries[k])), msg(2, []byte(entries[k+1]))))
		}
		parts = append(parts, msg(5, t...), msg(12, msg(1, []byte(name))))
	}
	return file(msg(7, parts...))
}

// directory writes a model's directory: a data file of 16 bytes among other things.
func directory(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "model")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	check(os.WriteFile(filepath.Join(top, "secret"), make([]byte, 16), 0o644))
	for _, name := range []string{"data", "sub/data", "model.onnx"} {
		check(os.WriteFile(filepath.Join(dir, name), tensor.Of([]float32{1, 2, 3, 4}, 4).Bytes, 0o644))
	}
	check(os.Symlink("../secret", filepath.Join(dir, "link")))
	check(os.Link(filepath.Join(top, "secret"), filepath.Join(dir, "hard")))
	check(os.Symlink("..", filepath.Join(dir, "parent")))
	check(os.Symlink("data", filepath.Join(dir, "inner")))
	check(syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	return dir
}

func readIn(t *testing.T, dir string, model []byte, followLinks bool) (*graph.Model, error) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	self, err := root.Stat("model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	return onnx.ReadIn(model, root, self, followLinks)
}

func TestExternalData(t *testing.T) {
	dir := directory(t)
	m, err := readIn(t, dir, elsewhere(
		[]string{"location", "data"}, []string{"location", "data", "offset", "8", "length", "8"}, []string{"location", "data", "offset", "8"},
		[]string{"location", "sub/data", "offset", "4", "checksum", "00"}, []string{"location", "inner"}), false)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"w0": {1, 2}, "w1": {3, 4}, "w2": {3, 4}, "w3": {2, 3}, "w4": {1, 2}} {
		if got := m.Graph.Initializers[name]; !bytes.Equal(got.Bytes, tensor.Of(want, 2).Bytes) {
			t.Errorf("%s is %v, expected %v", name, tensor.Data[float32](got), want)
		}
	}
}

// TestFollowLinks takes links that TestHostileExternalData refuses, where the caller says so; what has no link in it is refused as ever.
func TestFollowLinks(t *testing.T) {
	dir := directory(t)
	for _, name := range []string{"link", "hard", "data"} {
		if _, err := readIn(t, dir, elsewhere([]string{"location", name}), true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"../secret", "/etc/hostname", "pipe", "sub", "model.onnx", "nothing"} {
		if _, err := readIn(t, dir, elsewhere([]string{"location", name}), true); !errors.Is(err, graph.ErrFormat) {
			t.Errorf("%s: error %v, expected %v", name, err, graph.ErrFormat)
		}
	}
}

// TestHostileExternalData names its cases by the catalogue of hostile inputs.
func TestHostileExternalData(t *testing.T) {
	dir := directory(t)
	one := func(entries ...string) []byte { return elsewhere(entries) }
	cases := map[string]struct {
		data []byte
		want error
	}{
		"ON07 parent":           {one("location", "../secret"), graph.ErrFormat},
		"ON07 hidden parent":    {one("location", "sub/../../secret"), graph.ErrFormat},
		"ON07 absolute":         {one("location", filepath.Join(filepath.Dir(dir), "secret")), graph.ErrFormat},
		"ON07 backslash":        {one("location", `..\secret`), graph.ErrFormat},
		"ON07 NUL":              {one("location", "data\x00.bin"), graph.ErrFormat},
		"ON07 URL":              {one("location", "file:///etc/passwd"), graph.ErrFormat},
		"ON07 percent":          {one("location", "%2e%2e/secret"), graph.ErrFormat},
		"ON07 link":             {one("location", "link"), graph.ErrFormat},
		"ON07 hard link":        {one("location", "hard"), graph.ErrFormat},
		"ON07 link to parent":   {one("location", "parent/secret"), graph.ErrFormat},
		"ON07 pipe":             {one("location", "pipe"), graph.ErrFormat},
		"ON07 directory":        {one("location", "sub"), graph.ErrFormat},
		"ON07 the directory":    {one("location", "."), graph.ErrFormat},
		"ON07 the model itself": {one("location", "model.onnx"), graph.ErrFormat},
		"ON07 no location":      {one("offset", "0"), graph.ErrFormat},
		"ON07 missing file":     {one("location", "nothing"), graph.ErrFormat},
		"ON07 petabytes":        {one("location", "data", "length", "1125899906842624"), graph.ErrFormat},
		"ON07 negative offset":  {one("location", "data", "offset", "-8"), graph.ErrFormat},
		"ON07 offset overflow":  {one("location", "data", "offset", "9223372036854775807"), graph.ErrFormat},
		"ON07 offset too large": {one("location", "data", "offset", "9"), graph.ErrFormat},
		"ON07 not a number":     {one("location", "data", "offset", "0x8"), graph.ErrFormat},
		"ON07 other length":     {one("location", "data", "length", "4"), graph.ErrFormat},
		"ON07 unknown key":      {one("location", "data", "__class__", "x"), graph.ErrFormat},
		"ON07 key twice":        {one("location", "data", "location", "sub/data"), graph.ErrFormat},
		"ON07 here and there":   {initializer(num(1, 1), num(2, 1), num(14, 1), msg(9, make([]byte, 4)), msg(13, msg(1, []byte("location")), msg(2, []byte("data")))), graph.ErrFormat},
		"ON07 entries alone":    {initializer(num(1, 1), num(2, 1), msg(13, msg(1, []byte("location")), msg(2, []byte("data")))), graph.ErrFormat},
		"ON07 strings":          {initializer(num(1, 1), num(2, 8), num(14, 1), msg(13, msg(1, []byte("location")), msg(2, []byte("data")))), graph.ErrFormat},
		"ON07 huge":             {initializer(num(1, 1<<39), num(2, 1), num(14, 1), msg(13, msg(1, []byte("location")), msg(2, []byte("data")))), graph.ErrFormat},
		"ON07 overlapping parts": {elsewhere([]string{"location", "data"}, []string{"location", "data", "offset", "4"}, []string{"location", "data", "offset", "8"}),
			graph.ErrLimit},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := readIn(t, dir, c.data, false); !errors.Is(err, c.want) {
				t.Errorf("error %v, expected %v", err, c.want)
			}
		})
	}
	if _, err := onnx.Read(one("location", "data")); !errors.Is(err, graph.ErrUnsupported) {
		t.Errorf("from memory: error %v, expected %v", err, graph.ErrUnsupported)
	}
}
