package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// TestSignedDirectories serves a watched directory, in the layouts of TensorFlow Serving and Triton, of which every version
// must be signed: what is not, or not as it was signed, is never parsed, and status and readiness say why. A version
// that is signed later comes, and what serves goes on when a bad one is put beside it.
func TestSignedDirectories(t *testing.T) {
	signer, trust := servertest.NewSigner(t)
	stranger, _ := servertest.NewSigner(t)
	base := t.TempDir()
	put := func(name, version string, by *registry.Signer, number int64, data string) string {
		dir := filepath.Join(base, name, version)
		servertest.Put(t, filepath.Join(base, name), version, []byte(data))
		if by != nil {
			sign(t, by, dir, name, number)
		}
		return dir
	}
	const parsed = "sum 3 1 signed end"
	put("m", "1", signer, 1, "sum 3 1 end")
	var bad atomic.Int64
	s := start(t, func(c *server.Config) {
		c.Sources = []server.Source{server.Dir{Path: base, Trust: trust}}
		c.Load = func(data []byte) (server.Runner, error) {
			if strings.Contains(string(data), "bad") {
				bad.Add(1)
			}
			return servertest.Load(data)
		}
	})
	if got := askModel(t, s, "m"); got != "m/1" {
		t.Fatal(got)
	}
	status := func(name string) string {
		_, body, _ := call(t, "GET", s.URL()+"/v1/models/"+name, "")
		return body
	}
	for _, c := range []struct {
		version, says string
		make          func(dir string)
	}{
		{"2", "no signature", func(string) {}},
		{"3", "not by a trusted key", func(dir string) { sign(t, stranger, dir, "m", 3) }},
		{"4", "is for", func(dir string) { sign(t, signer, dir, "m", 3) }},
		{"5", "is for", func(dir string) { sign(t, signer, dir, "n", 5) }},
		{"6", "not the file that was signed", func(dir string) {
			sign(t, signer, dir, "m", 6)
			write(t, filepath.Join(dir, "model.onnx"), []byte("sum 3 6 bad  end"))
		}},
		{"7", "1 files are signed, there are 2", func(dir string) {
			sign(t, signer, dir, "m", 7)
			write(t, filepath.Join(dir, "warmup.npz"), []byte("bad"))
		}},
		{"8", "2 files are signed, there are 3", func(dir string) {
			write(t, filepath.Join(dir, "weights.bin"), []byte("x"))
			sign(t, signer, dir, "m", 8)
			write(t, filepath.Join(dir, "more.bin"), []byte("x"))
		}},
		{"9", "neither a file nor a directory", func(dir string) {
			sign(t, signer, dir, "m", 9)
			if err := os.Symlink("model.onnx", filepath.Join(dir, "weights.bin")); err != nil {
				t.Fatal(err)
			}
		}},
		{"10", "signature", func(dir string) { write(t, filepath.Join(dir, "model.sig"), []byte("{")) }},
		{"11", "signature", func(dir string) {
			write(t, filepath.Join(dir, "model.sig"), []byte(strings.Repeat(" ", 2<<20)))
		}},
		{"12", "neither a file nor a directory", func(dir string) {
			if err := os.Rename(filepath.Join(dir, "model.onnx"), filepath.Join(dir, "other")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("other", filepath.Join(dir, "model.onnx")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "model.sig"), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		c.make(put("m", c.version, nil, 0, "sum 3 "+c.version+" bad end"))
		eventually(t, "version "+c.version+" is refused", func() bool { return strings.Contains(states(s, "m"), c.version+" END") })
		if text := status("m"); !strings.Contains(text, c.says) {
			t.Errorf("version %s: %s", c.version, text)
		}
	}
	if got := askModel(t, s, "m"); got != "m/1" {
		t.Error(got)
	}
	if n := bad.Load(); n != 0 {
		t.Errorf("%d models were parsed that are not as they were signed", n)
	}
	sign(t, signer, filepath.Join(base, "m", "2"), "m", 2)
	eventually(t, "it comes once it is signed", func() bool { return bad.Load() > 0 })

	put("t", "1", signer, 1, "sum 3 1 end")
	write(t, filepath.Join(base, "t", "config.pbtxt"), []byte("max_batch_size: 2\n"))
	eventually(t, "a model in the layout of Triton", func() bool { return strings.Contains(states(s, "t"), "1 AVAILABLE") })

	only := t.TempDir() // nothing but what is not signed
	servertest.Put(t, filepath.Join(only, "m"), "1", []byte(parsed))
	s = start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: only, Trust: trust}} })
	eventually(t, "it is refused", func() bool { return states(s, "m") == "1 END" })
	if code, body, _ := call(t, "GET", s.URL()+"/readyz", ""); code != 503 || !strings.Contains(body, "not signed as demanded: 1") {
		t.Errorf("%d %s", code, body)
	}
}

func sign(t *testing.T, by *registry.Signer, dir, name string, number int64) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := by.SignDir(root, name, number); err != nil {
		t.Fatal(err)
	}
}
