package server_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

// offers is a source that a test changes as it likes.
type offers struct {
	mu   sync.Mutex
	list []server.Offer
}

func (o *offers) Scan() ([]server.Offer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]server.Offer(nil), o.list...), nil
}

// put adds a version that multiplies the sum of a row by its number, with an estimate of its size.
func (o *offers) put(model string, version int64, settings *server.Settings, labels ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, server.Offer{Model: model, Version: version, Fingerprint: fmt.Sprint(version), Settled: true, Size: 42,
		Labels: labels, Settings: settings,
		Read: func() ([]byte, error) { return servertest.Model(3, float32(version)), nil }})
}

// states lists the versions of a model, newest first, as "2 AVAILABLE, 1 START".
func states(s *server.Server, name string) string {
	m, err := s.Models().Lookup([]byte(name))
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, v := range m.Versions {
		list = append(list, fmt.Sprint(v.Number, " ", v.State))
	}
	return strings.Join(list, ", ")
}

// askModel sends the row 1 2 3 to a model and returns what X-Hotpath-Model says of a right answer, else the error.
func askModel(t *testing.T, s *server.Server, model string, header ...string) string {
	t.Helper()
	code, body, h := call(t, "POST", s.URL()+"/predict?model="+model, goodBody, header...)
	var version int
	named := h.Get("X-Hotpath-Model")
	_, _ = fmt.Sscanf(named[strings.IndexByte(named, '/')+1:], "%d", &version)
	if code != 200 || body != fmt.Sprintf("{\"prediction\": [%d]}\n", 6*version) {
		return fmt.Sprint(code, " ", body)
	}
	return named
}

func TestVersionPolicies(t *testing.T) {
	for text, want := range map[string]string{
		"latest":         "5 AVAILABLE, 2 AVAILABLE",
		"latest:3":       "5 AVAILABLE, 4 AVAILABLE, 3 AVAILABLE, 2 AVAILABLE",
		"all":            "5 AVAILABLE, 4 AVAILABLE, 3 AVAILABLE, 2 AVAILABLE, 1 AVAILABLE",
		"specific:1,4":   "4 AVAILABLE, 2 AVAILABLE, 1 AVAILABLE",
		"specific:9":     "2 AVAILABLE",
		"latest:1000000": "5 AVAILABLE, 4 AVAILABLE, 3 AVAILABLE, 2 AVAILABLE, 1 AVAILABLE",
	} {
		p, err := server.ParsePolicy(text)
		if err != nil {
			t.Fatal(err)
		}
		src := &offers{}
		for v := range int64(5) {
			var labels []string
			if v+1 == 2 {
				labels = []string{"canary"}
			}
			src.put("m", v+1, nil, labels...)
			src.put("own", v+1, &server.Settings{Policy: p}, labels...)
		}
		s := start(t, func(c *server.Config) { c.Sources, c.Policy = []server.Source{src}, p })
		if got := states(s, "m"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if got := states(s, "own"); got != want {
			t.Errorf("%s set for the model: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "latest:0", "latest:-1", "latest:x", "specific:", "specific:1,1", "specific:0", "all:1", "newest"} {
		if _, err := server.ParsePolicy(text); err == nil {
			t.Errorf("%q is taken for a policy", text)
		}
	}
}

// TestSplit sends nine of ten requests to stable and one to canary, and one caller always to the same.
func TestSplit(t *testing.T) {
	src := &offers{}
	set := &server.Settings{Split: map[string]int{"stable": 90, "canary": 10, "none": 0}}
	src.put("m", 1, set, "stable")
	src.put("m", 2, set, "canary")
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{src} })
	seen := map[string]int{}
	for range 200 {
		seen[askModel(t, s, "m")]++
	}
	if n := seen["m/2"]; n < 17 || n > 23 || seen["m/1"] != 200-n {
		t.Errorf("of 200 requests: %v", seen)
	}
	seen = map[string]int{}
	for caller := range 300 {
		key := fmt.Sprint("user-", caller)
		first := askModel(t, s, "m", "X-Hotpath-Key", key)
		seen[first]++
		if again := askModel(t, s, "m", "X-Hotpath-Key", key); again != first {
			t.Errorf("%s was sent to %s, then to %s", key, first, again)
		}
	}
	if n := seen["m/2"]; n < 12 || n > 60 {
		t.Errorf("of 300 callers: %v", seen)
	}
	// A request that names a version is not split.
	for range 20 {
		if code, body, _ := call(t, "POST", s.URL()+"/v1/models/m/versions/1:predict", `{"instances": [[1, 2, 3]]}`); code != 200 || !strings.Contains(body, "6.0") {
			t.Fatal(code, body)
		}
	}
}

func TestAliases(t *testing.T) {
	src := &offers{}
	src.put("m", 1, &server.Settings{Aliases: []string{"other", "digits", "n"}})
	src.put("n", 2, nil)
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{src} })
	for name, want := range map[string]string{"m": "m/1", "other": "m/1", "digits": "m/1", "n": "n/2"} {
		if got := askModel(t, s, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if n := len(s.Models().Models); n != 2 {
		t.Errorf("%d models are listed", n)
	}
}

// TestLazy loads at the first request, and a new version of a model in use at once.
func TestLazy(t *testing.T) {
	src := &offers{}
	src.put("m", 1, nil)
	src.put("m", 2, nil, "canary")
	src.put("unused", 1, nil)
	s := start(t, func(c *server.Config) { c.Sources, c.Lazy = []server.Source{src}, true })
	if got := states(s, "m"); got != "2 START" {
		t.Errorf("before a request: %s", got)
	}
	if code, body, _ := call(t, "GET", s.URL()+"/readyz", ""); code != 200 {
		t.Errorf("not ready: %s", body)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := askModel(t, s, "m"); got != "m/2" {
				t.Error(got)
			}
		})
	}
	all.Wait()
	src.put("m", 3, nil)
	eventually(t, "the new version of a model in use is loaded", func() bool { return serving(s, "m") == 3 })
	if got := states(s, "unused"); got != "1 START" {
		t.Errorf("nobody asked for it: %s", got)
	}
	if code, body, _ := call(t, "POST", s.URL()+"/v1/models/unused/versions/1:predict", `{"instances": [[1, 2, 3]]}`); code != 200 {
		t.Error(code, body)
	}
	if code, body, _ := call(t, "POST", s.URL()+"/v1/models/unused/versions/2:predict", `{"instances": [[1, 2, 3]]}`); code != 404 {
		t.Error(code, body)
	}
}

// TestLoadWait answers 503 with the progress of the load when it takes longer than a request may wait.
func TestLoadWait(t *testing.T) {
	release := make(chan struct{})
	src := &offers{}
	src.put("slow", 1, nil)
	read := src.list[0].Read
	src.list[0].Read = func() ([]byte, error) { <-release; return read() }
	src.put("quick", 1, nil)
	s := start(t, func(c *server.Config) {
		c.Sources, c.Lazy, c.LoadWait = []server.Source{src}, true, 50*time.Millisecond
	})
	code, body, h := call(t, "POST", s.URL()+"/predict?model=slow", goodBody)
	if code != 503 || !strings.Contains(body, "slow version 1 is being loaded: reading") || h.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", code, body, h)
	}
	if got := states(s, "slow"); got != "1 LOADING" {
		t.Error(got)
	}
	close(release)
	eventually(t, "it is loaded in the end", func() bool { return askModel(t, s, "slow") == "slow/1" })
}

// TestMemoryBudget holds two models of 42 bytes at most: what was used longest ago makes room.
func TestMemoryBudget(t *testing.T) {
	src := &offers{}
	for _, name := range []string{"a", "b", "c"} {
		src.put(name, 1, nil)
	}
	s := start(t, func(c *server.Config) { c.Sources, c.Memory = []server.Source{src}, 100 })
	if got := states(s, "a") + ", " + states(s, "b") + ", " + states(s, "c"); strings.Count(got, "AVAILABLE") != 2 || strings.Count(got, "START") != 1 {
		t.Errorf("at start: %s", got)
	}
	for i, want := range []struct{ ask, gone string }{{"c", ""}, {"a", ""}, {"b", "c"}, {"a", "c"}, {"c", "b"}, {"b", "a"}} {
		time.Sleep(60 * time.Millisecond) // use is noted about every 10 ms
		if got := askModel(t, s, want.ask); got != want.ask+"/1" {
			t.Fatal(got)
		}
		if want.gone != "" && states(s, want.gone) != "1 START" {
			t.Errorf("step %d: %s is %s", i, want.gone, states(s, want.gone))
		}
	}
	src.mu.Lock()
	src.list = append(src.list, server.Offer{Model: "huge", Version: 1, Fingerprint: "x", Settled: true, Size: 101})
	src.mu.Unlock()
	eventually(t, "what can never fit is refused", func() bool { return states(s, "huge") == "1 END" })
	if got := askModel(t, s, "b"); got != "b/1" {
		t.Error(got)
	}
}

// orders is a wire format that loads and unloads models, as KServe's does.
type orders struct{}

func (orders) Routes() []server.Route {
	return []server.Route{
		{Method: "POST", Path: "/test/{model}/load", Right: server.Predict, Handle: func(r *server.Request) error { return r.Server().LoadModel(r.Param(0)) }},
		{Method: "POST", Path: "/test/{model}/unload", Right: server.Predict, Handle: func(r *server.Request) error { return r.Server().UnloadModel(r.Param(0)) }},
	}
}

func TestLoadUnload(t *testing.T) {
	dir := t.TempDir()
	servertest.Put(t, filepath.Join(dir, "m"), "1", servertest.Model(3, 1))
	servertest.Put(t, filepath.Join(dir, "bad"), "1", []byte("broken"))
	for _, lazy := range []bool{false, true} {
		s := start(t, func(c *server.Config) {
			c.Sources, c.Lazy = []server.Source{server.Dir{Path: dir}}, lazy
			c.APIs = append([]server.API{orders{}}, apis...)
		})
		for range 3 {
			if code, body, _ := call(t, "POST", s.URL()+"/test/m/load", ""); code != 200 || states(s, "m") != "1 AVAILABLE" {
				t.Errorf("%d %s %s", code, body, states(s, "m"))
			}
			if got := askModel(t, s, "m"); got != "m/1" {
				t.Error(got)
			}
			for range 2 {
				if code, body, _ := call(t, "POST", s.URL()+"/test/m/unload", ""); code != 200 || states(s, "m") != "1 END" {
					t.Errorf("%d %s %s", code, body, states(s, "m"))
				}
			}
			if got := askModel(t, s, "m"); !strings.HasPrefix(got, "503") || !strings.Contains(got, "unloaded by request") {
				t.Error(got)
			}
		}
		if code, _, _ := call(t, "POST", s.URL()+"/test/none/load", ""); code != 404 {
			t.Error(code)
		}
		if code, body, _ := call(t, "POST", s.URL()+"/test/bad/load", ""); code != 503 || !strings.Contains(body, "not a test model") {
			t.Error(code, body)
		}
	}
}
