package server_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/npy"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTritonLayout serves directories with a config.pbtxt in place.
func TestTritonLayout(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ config, want string }{
		"plain":    {"", "3 AVAILABLE"},
		"two":      {"name: \"two\"\nplatform: \"onnxruntime_onnx\"\nversion_policy: { latest { num_versions: 2 } }", "3 AVAILABLE, 2 AVAILABLE"},
		"all":      {"backend: 'onnxruntime' version_policy { all {} } # every one", "3 AVAILABLE, 2 AVAILABLE, 1 AVAILABLE"},
		"specific": {"version_policy: { specific: { versions: [1, 2] } }", "2 AVAILABLE, 1 AVAILABLE"},
		"ignored":  {"max_batch_size: 2 dynamic_batching { } instance_group [ { count: 2 kind: KIND_CPU } ] model_warmup { name: \"w\" }", "3 AVAILABLE"},
		"named":    {"name: \"other\"", "3 END"},
		"python":   {"backend: \"python\"", "3 END"},
		"ensemble": {"ensemble_scheduling { step [ { model_name: \"a\" } ] }", "3 END"},
		"up":       {"default_model_filename: \"../1/model.onnx\"", "3 END"},
		"broken":   {"name: {", "3 END"},
		"policy":   {"version_policy { latest { num_versions: 0 } }", "3 END"},
		"renamed":  {"default_model_filename: \"net.onnx\"", "1 AVAILABLE"},
	} {
		base := filepath.Join(dir, name)
		for _, v := range []string{"1", "2", "3"} {
			servertest.Put(t, base, v, servertest.Model(3, float32(v[0]-'0')))
		}
		if c.config != "" {
			write(t, filepath.Join(base, "config.pbtxt"), []byte(c.config))
		}
	}
	if err := os.Rename(filepath.Join(dir, "renamed", "1", "model.onnx"), filepath.Join(dir, "renamed", "1", "net.onnx")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "plain", "config.txt")); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: dir}} })
	for name, want := range map[string]string{"plain": "3 AVAILABLE", "two": "3 AVAILABLE, 2 AVAILABLE", "all": "3 AVAILABLE, 2 AVAILABLE, 1 AVAILABLE",
		"specific": "2 AVAILABLE, 1 AVAILABLE", "ignored": "3 AVAILABLE", "named": "3 END", "python": "3 END", "ensemble": "3 END", "up": "3 END",
		"broken": "3 END", "policy": "3 END", "renamed": "1 AVAILABLE"} {
		if got := states(s, name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if code, _, _ := call(t, "POST", s.URL()+"/predict?model=ignored", `{"input_data": [[1, 2, 3], [1, 2, 3], [1, 2, 3]]}`); code != 413 {
		t.Errorf("three rows where max_batch_size is 2: %d", code)
	}
	if code, body, _ := call(t, "POST", s.URL()+"/predict?model=ignored", `{"input_data": [[1, 2, 3], [1, 2, 3]]}`); code != 200 {
		t.Errorf("two rows: %d %s", code, body)
	}
	// A configuration that is mended or changed takes hold without a restart.
	write(t, filepath.Join(dir, "named", "config.pbtxt"), []byte("name: 'named' max_batch_size: 1"))
	write(t, filepath.Join(dir, "ignored", "config.pbtxt"), []byte("max_batch_size: 1"))
	eventually(t, "the mended configuration serves", func() bool { return states(s, "named") == "3 AVAILABLE" })
	eventually(t, "the smaller batch is kept", func() bool {
		code, _, _ := call(t, "POST", s.URL()+"/predict?model=ignored", `{"input_data": [[1, 2, 3], [1, 2, 3]]}`)
		return code == 413
	})
	single := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: filepath.Join(dir, "all")}} })
	if got := states(single, "all"); got != "3 AVAILABLE, 2 AVAILABLE, 1 AVAILABLE" {
		t.Errorf("base path of one model: %s", got)
	}
}

// TestWarmup runs recorded inputs before a version is served, and keeps out one that does not run them.
func TestWarmup(t *testing.T) {
	archive := func(name string, width int) []byte {
		var b bytes.Buffer
		if err := npy.WriteArchive(&b, map[string]*tensor.Tensor{name: tensor.New(tensor.Float32, 2, width)}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	dir := t.TempDir()
	seen := make(chan int, 10)
	load := func(data []byte) (server.Runner, error) {
		r, err := servertest.Load(data)
		if err != nil {
			return nil, err
		}
		run := r.(*servertest.Runner)
		f := run.Func
		run.Func = func(in, out []*tensor.Tensor) error { seen <- in[0].Shape[0]; return f(in, out) }
		return run, nil
	}
	put := func(version string, inputs []byte) {
		write(t, filepath.Join(dir, "m", version, "warmup.npz"), inputs)
		servertest.Put(t, filepath.Join(dir, "m"), version, servertest.Model(3, 1))
	}
	put("1", archive("input", 3))
	s := start(t, func(c *server.Config) { c.Sources, c.Load = []server.Source{server.Dir{Path: dir}}, load })
	if len(seen) != 1 || <-seen != 2 {
		t.Error("not warmed with the two recorded rows")
	}
	for version, inputs := range map[string][]byte{"2": archive("other", 3), "3": []byte("no archive")} {
		put(version, inputs)
		eventually(t, "the version is refused", func() bool { return strings.HasPrefix(states(s, "m"), version+" END") })
		if v := serving(s, "m"); v != 1 {
			t.Errorf("version %d serves", v)
		}
		if err := os.RemoveAll(filepath.Join(dir, "m", version)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is gone", func() bool { return states(s, "m") == "1 AVAILABLE" })
	}
}
