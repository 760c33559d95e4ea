package server_test

import (
	"net/url"
	"testing"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// TestVersionInTheQuery asks for versions by number and by label where the path of an API has no place for them.
func TestVersionInTheQuery(t *testing.T) {
	store := registry.New(t.TempDir())
	publish(t, store, "m", "stable", servertest.Model(3, 1))
	publish(t, store, "m", "next", servertest.Model(3, 2))
	if err := store.SetPolicy("m", "all"); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Registry{Store: store}} })
	for path, body := range map[string]string{"/predict": `{"input_data": [[1, 2, 3]]}`, "/invocations": `{"instances": [[1, 2, 3]]}`} {
		for version, want := range map[string]string{"": "m/1", "1": "m/1", "2": "m/2", "stable": "m/1", "next": "m/2",
			"3": "", "0": "", "-1": "", "nope": "", "1.0": "", "99999999999999999999": ""} {
			code, answer, h := call(t, "POST", s.URL()+path+"?model=m&version="+url.QueryEscape(version), body, "Content-Type", "application/json")
			wantCode := 200
			if want == "" {
				wantCode = 404
			}
			if got := h.Get("X-Hotpath-Model"); code != wantCode || want != "" && got != want {
				t.Errorf("%s, version %q: %d by %q, %s", path, version, code, got, answer)
			}
		}
	}
}
