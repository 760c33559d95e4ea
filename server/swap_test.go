package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// serving is the version that the status of a model says is AVAILABLE and newest, 0 if there is none.
func serving(s *server.Server, name string) int64 {
	m, err := s.Models().Lookup([]byte(name))
	if err != nil || m.Serving == nil {
		return 0
	}
	return m.Serving.Version
}

// TestF7HotSwapUnderLoad publishes versions and broken versions while clients with kept connections ask all the time:
// no request fails, and every answer is that of the version it names.
func TestF7HotSwapUnderLoad(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "m")
	servertest.Put(t, base, "1", servertest.Model(3, 1))
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: dir}} })

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var stop atomic.Bool
	var asked, failed atomic.Int64
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for !stop.Load() {
				asked.Add(1)
				if err := askVersioned(client, s.URL()); err != nil {
					failed.Add(1)
					t.Error(err)
				}
			}
		})
	}
	const versions = 25
	for v := 2; v <= versions; v++ {
		if v%3 == 0 {
			servertest.Put(t, base, fmt.Sprint(v), []byte("broken"))
			continue
		}
		servertest.Put(t, base, fmt.Sprint(v), servertest.Model(3, float32(v)))
		eventually(t, fmt.Sprint("version ", v, " is served"), func() bool { return serving(s, "m") == int64(v) })
		if v > 4 {
			if err := os.RemoveAll(filepath.Join(base, fmt.Sprint(v-4))); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	clients.Wait()
	t.Logf("%d requests over %d versions, %d failed", asked.Load(), versions, failed.Load())
	eventually(t, "old versions are forgotten", func() bool { return len(s.Models().Models[0].Versions) <= 3 })
}

// askVersioned sends the row 1 2 3 and compares the answer with the version that the header names.
func askVersioned(client *http.Client, url string) error {
	resp, err := client.Post(url+"/predict", "", strings.NewReader(goodBody))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var version int
	_, _ = fmt.Sscanf(resp.Header.Get("X-Hotpath-Model"), "m/%d", &version)
	if want := fmt.Sprintf("{\"prediction\": [%d]}\n", 6*version); resp.StatusCode != 200 || string(body) != want {
		return fmt.Errorf("version %d: %d %q, want %q", version, resp.StatusCode, body, want)
	}
	return nil
}

// TestRG06BrokenVersion keeps the old version serving, reports the broken one, and recovers when it is repaired.
func TestRG06BrokenVersion(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "m")
	servertest.Put(t, base, "1", servertest.Model(3, 1))
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: dir}} })
	servertest.Put(t, base, "2", []byte("broken"))
	state := func() string {
		_, body, _ := call(t, "GET", s.URL()+"/v1/models/m/versions/2", "")
		return body
	}
	eventually(t, "version 2 is reported broken", func() bool {
		return strings.Contains(state(), `"END"`) && strings.Contains(state(), "not a test model")
	})
	alive(t, s)
	if _, metrics, _ := call(t, "GET", s.URL()+"/metrics", ""); !strings.Contains(metrics, `hotpath_model_load_failures_total{model="m"} 1`) {
		t.Error("the failure is not counted once")
	}
	servertest.Put(t, base, "2", servertest.Model(3, 10))
	eventually(t, "the repaired version is served", func() bool { return serving(s, "m") == 2 })
	servertest.Put(t, base, "2", []byte("broken again, in place"))
	eventually(t, "it is reported", func() bool { return s.Models().Models[0].Versions[0].State == server.Available })
	if code, body, _ := call(t, "POST", s.URL()+"/predict", goodBody); code != 200 {
		t.Errorf("a version broken in place stopped serving: %d %s", code, body)
	}
	if err := os.RemoveAll(filepath.Join(base, "2")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the older version is served again", func() bool { return serving(s, "m") == 1 })
}

// TestRG08Directories shows what counts as a version directory.
func TestRG08Directories(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "m")
	servertest.Put(t, base, "007", servertest.Model(3, 7))
	for _, name := range []string{"-1", "0", "9223372036854775808", "9~", "nine", "1e3", "+8", " 9", "٩"} {
		servertest.Put(t, base, name, servertest.Model(3, 9))
	}
	servertest.Put(t, filepath.Join(dir, "bad name\n"), "1", servertest.Model(3, 1))
	if err := os.MkdirAll(filepath.Join(base, "99"), 0o755); err != nil { // a copy that has only begun
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(base, "99", "model.onnx")); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: dir}} })
	if n, v := len(s.Models().Models), serving(s, "m"); n != 1 || v != 7 {
		t.Errorf("%d models, version %d; want 1 and 7", n, v)
	}
	single := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: base}} })
	if v := serving(single, "m"); v != 7 {
		t.Errorf("base path of one model: version %d", v)
	}
}

// TestHalfCopiedFile grows a file over several looks: it never becomes a broken version, and serves once complete.
func TestHalfCopiedFile(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: dir}}; c.Poll = 1e9 })
	at := filepath.Join(dir, "m", "1")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(at, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range servertest.Model(3, 1) {
		if _, err := f.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
		for _, m := range s.Models().Models {
			if m.Versions[0].State == server.End {
				t.Fatalf("called broken while it was copied: %+v", m.Versions[0])
			}
		}
		sleep(200)
	}
	eventually(t, "the complete file is served", func() bool { return serving(s, "m") == 1 })
}

// publish stages and publishes a version.
func publish(t testing.TB, store *registry.Store, name, label string, data []byte) registry.Version {
	t.Helper()
	b, err := store.Stage(bytes.NewReader(data), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Discard()
	v, err := store.Publish(registry.Publication{Name: name, Label: label, Model: b})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRegistrySource follows labels, rollbacks and deletions made by another process.
func TestRegistrySource(t *testing.T) {
	store := registry.New(t.TempDir())
	publishVersion := func(label string, factor float32) int64 {
		return publish(t, registry.New(store.Dir()), "m", label, servertest.Model(3, factor)).Number
	}
	s := start(t, func(c *server.Config) {
		c.Sources = []server.Source{server.Fallback{First: server.Registry{Store: store}, Else: c.Sources[0]}}
	})
	alive(t, s) // from the fallback
	publishVersion("", 1)
	eventually(t, "the first version", func() bool { return serving(s, "m") == 1 })
	v2 := publishVersion("stable", 2)
	eventually(t, "the stable version", func() bool { return serving(s, "m") == v2 })
	v3 := publishVersion("canary", 3)
	eventually(t, "a canary is loaded beside it", func() bool { return s.Models().Models[0].Label("canary") != nil })
	if serving(s, "m") != v2 {
		t.Error("the canary serves by default")
	}
	if err := store.Label("m", "stable", v3); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the label moved", func() bool { return serving(s, "m") == v3 })
	if _, err := store.Rollback("m", "stable"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the label moved back", func() bool { return serving(s, "m") == v2 })
	for _, url := range []string{"/v1/models/m/labels/canary:predict", "/v1/models/m/versions/3:predict"} {
		if code, body, _ := call(t, "POST", s.URL()+url, `{"instances": [[1, 2, 3]]}`); code != 200 || !strings.Contains(body, "18.0") {
			t.Errorf("%s: %d %s", url, code, body)
		}
	}
}
