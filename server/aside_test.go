package server_test

import (
	"sync/atomic"
	"testing"

	"github.com/hotpath/hotpath/server"
)

// TestWarmUpAside warms what is loaded at start with all there is, and what comes while requests are served aside.
func TestWarmUpAside(t *testing.T) {
	src := &offers{}
	src.put("m", 1, nil)
	var aside, warmed atomic.Int64
	s := start(t, func(c *server.Config) {
		c.Sources = []server.Source{src}
		c.Poll = 10e6
		c.Aside = func(f func()) {
			aside.Add(1)
			f()
			warmed.Add(1)
		}
	})
	if n := aside.Load(); n != 0 {
		t.Errorf("%d loads at the start were warmed aside", n)
	}
	if got := askModel(t, s, "m"); got != "m/1" {
		t.Fatal(got)
	}
	src.put("m", 2, nil)
	eventually(t, "version 2 is served", func() bool { return serving(s, "m") == 2 })
	if aside.Load() != 1 || warmed.Load() != 1 {
		t.Errorf("aside was called %d times, and its function %d times, want 1", aside.Load(), warmed.Load())
	}
	if got := askModel(t, s, "m"); got != "m/2" {
		t.Error(got)
	}
}
