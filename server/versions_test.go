package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// TestRG06VersionsThatDoNotServe offers versions that are too large, panic while they load, or fail their first run,
// each in the place of a good one, which goes on serving, and reports each once.
func TestRG06VersionsThatDoNotServe(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "m")
	servertest.Put(t, base, "1", servertest.Model(3, 1))
	s := start(t, func(c *server.Config) {
		c.Sources = []server.Source{server.Dir{Path: dir}}
		c.Load = func(data []byte) (server.Runner, error) {
			switch string(data) {
			case "panics":
				panic("of a loader")
			case "fails":
				m := servertest.Sum(3, 1)
				m.Func = func(_, _ []*tensor.Tensor) error { return fmt.Errorf("no such operator") }
				return m, nil
			}
			return servertest.Load(data)
		}
	})
	huge := filepath.Join(base, "2", "model.onnx")
	write(t, huge, nil)
	if err := os.Truncate(huge, 3<<30); err != nil { // a hole: nothing is written
		t.Fatal(err)
	}
	servertest.Put(t, base, "3", []byte("panics"))
	servertest.Put(t, base, "4", []byte("fails"))
	eventually(t, "all are reported", func() bool { return states(s, "m") == "4 END, 3 END, 2 END, 1 AVAILABLE" })
	alive(t, s)
	sleep(100) // several looks
	if _, metrics, _ := call(t, "GET", s.URL()+"/metrics", ""); !strings.Contains(metrics, `hotpath_model_load_failures_total{model="m"} 3`) {
		t.Error("failures are not counted once each")
	}
	for _, want := range []string{"the limit is", "panic while loading", "no such operator"} {
		if _, body, _ := call(t, "GET", s.URL()+"/v1/models/m", ""); !strings.Contains(body, want) {
			t.Errorf("the status does not say %q: %s", want, body)
		}
	}
}

// TestRG07DeleteInUse deletes versions, by directory and by registry, while a request runs on each.
func TestRG07DeleteInUse(t *testing.T) {
	dir := t.TempDir()
	store := registry.New(t.TempDir())
	servertest.Put(t, filepath.Join(dir, "d"), "1", []byte("d"))
	publish(t, store, "r", "", []byte("r"))
	m := newHeld()
	s := start(t, func(c *server.Config) {
		c.Sources = []server.Source{server.Dir{Path: dir}, server.Registry{Store: store}}
		c.MaxConcurrency, c.Load = 2, func([]byte) (server.Runner, error) { return m, nil }
	})
	m.on.Store(true)
	type result struct {
		code int
		body string
	}
	results := make(chan result, 2)
	for _, name := range []string{"d", "r"} {
		go func() {
			code, body, _ := call(t, "POST", s.URL()+"/predict?model="+name, goodBody)
			results <- result{code, body}
		}()
	}
	eventually(t, "both run", func() bool { return len(m.seen()) == 2 })
	if err := os.RemoveAll(filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete("r", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Prune(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are gone", func() bool { return len(s.Models().Models) == 0 })
	close(m.hold)
	for range 2 {
		if r := <-results; r.code != 200 || r.body != `{"prediction": [6]}`+"\n" {
			t.Errorf("%d %s", r.code, r.body)
		}
	}
}

// TestRG07ThousandVersions offers 1,000 versions of a model: the newest is served, the others cost nothing, and a new
// one is found.
func TestRG07ThousandVersions(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "m")
	for v := range 1000 {
		servertest.Put(t, base, fmt.Sprint(v+1), servertest.Model(3, float32(v+1)))
	}
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: dir}} })
	if got := states(s, "m"); got != "1000 AVAILABLE" {
		t.Errorf("%.100s", got)
	}
	servertest.Put(t, base, "1001", servertest.Model(3, 1001))
	eventually(t, "the new version", func() bool { return states(s, "m") == "1001 AVAILABLE" })
	if got := askModel(t, s, "m"); got != "m/1001" {
		t.Error(got)
	}
}
