package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/hotpath/hotpath/cmd/hotpath/digits"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/internal/testkit"
)

// TestCacheFlag: a plan that run has left is found by bench model, which says so, and that a run allocates nothing.
func TestCacheFlag(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plans are cached on Linux alone")
	}
	dir := filepath.Join(t.TempDir(), "plans")
	const model = "digits/digits.onnx"
	var r benchModelResult
	for _, c := range []struct {
		options []string
		cached  bool
	}{{nil, false}, {[]string{"--cache", dir}, false}, {[]string{"--cache", dir}, true}} {
		out := must(t, append([]string{"bench", "model", model, "--seconds", "0.01", "--json"}, c.options...)...)
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		if r.Cached != c.cached {
			t.Errorf("%v: cached is %v, expected %v", c.options, r.Cached, c.cached)
		}
		if m := r.Memory; r.Allocs != 0 && !testkit.Race || m.Weights < 50_000 || m.Arena <= 0 || m.Peak < m.Base {
			t.Errorf("%v: %v allocations per run, memory %+v", c.options, r.Allocs, m)
		}
	}
	in := filepath.Join(t.TempDir(), "in.json")
	if err := os.WriteFile(in, []byte(`{"input": [`+sampleDigit+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if plain, cached := must(t, "run", model, "--input", in), must(t, "run", model, "--input", in, "--cache", dir); plain != cached {
		t.Errorf("answers %s and, from the cache, %s", plain, cached)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := hotpath("run", model, "--input", in, "--cache", dir); code != exitFailed {
		t.Errorf("a cache that everybody may write to: exit %d, expected %d", code, exitFailed)
	}
}

// TestServeCache: the server keeps plans in a store that is named, and serves without a cache where it cannot be trusted.
func TestServeCache(t *testing.T) {
	store := t.TempDir()
	for _, c := range []struct{ s, want string }{{"", filepath.Join(store, "plans")}, {"none", ""}, {"/elsewhere", "/elsewhere"}} {
		if got := (&serveCmd{Store: store, Cache: c.s}).cacheDir(); got != c.want {
			t.Errorf("--cache %q: %q, expected %q", c.s, got, c.want)
		}
	}
	if got := (&serveCmd{}).cacheDir(); got != "" {
		t.Errorf("without a store: %q, expected none", got)
	}
	if runtime.GOOS != "linux" {
		t.Skip("plans are cached on Linux alone")
	}
	log := slog.New(slog.DiscardHandler)
	for i, want := range []bool{false, true, false} {
		if i == 2 {
			if err := os.Chmod(filepath.Join(store, "plans"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		p, err := compileModel(log, digits.Model, plan.Options{Cache: filepath.Join(store, "plans")})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := p.Cached(); got != want {
			t.Errorf("start %d: cached is %v, expected %v", i, got, want)
		}
	}
}
