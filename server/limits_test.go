package server_test

import (
	"strings"
	"testing"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

func limited(t testing.TB, store *registry.Store, l registry.Limits) (key string) {
	t.Helper()
	key, _, err := store.AddKey(registry.Key{Scope: registry.Predict, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestAU05KeyLimits: a key beyond a limit is told which one and when to come back; other keys are not touched, nor are
// requests that infer nothing.
func TestAU05KeyLimits(t *testing.T) {
	store := registry.New(t.TempDir())
	free := limited(t, store, registry.Limits{})
	for name, tc := range map[string]struct {
		limits registry.Limits
		many   int
		want   string
	}{
		"rate":  {registry.Limits{Rate: 1. / 3600, Burst: 3}, 3, "requests per second, and 3 at once"},
		"burst": {registry.Limits{Rate: 0.01}, 1, "0.01 requests per second, and 1 at once"},
		"quota": {registry.Limits{Quota: 4}, 4, "4 requests per day"},
	} {
		t.Run(name, func(t *testing.T) {
			key := limited(t, store, tc.limits)
			s := start(t, func(c *server.Config) { c.Keys = store })
			post := func(key string) (int, string, string) {
				code, body, h := call(t, "POST", s.URL()+"/predict", goodBody, "X-API-Key", key)
				return code, body, h.Get("Retry-After")
			}
			for range tc.many {
				if code, body, _ := post(key); code != 200 {
					t.Fatalf("%d %s", code, body)
				}
			}
			for range 2 {
				if code, body, after := post(key); code != 429 || !strings.Contains(body, tc.want) || len(after) < 2 && name != "burst" {
					t.Errorf("over the limit: %d %s, Retry-After %q", code, body, after)
				}
			}
			if code, body, _ := post(free); code != 200 {
				t.Errorf("another key: %d %s", code, body)
			}
			if code, _, _ := call(t, "GET", s.URL()+"/v1/models/m", "", "X-API-Key", key); code != 200 {
				t.Errorf("a request that infers nothing: %d", code)
			}
			if text, _ := s.Metrics(); !strings.Contains(string(text), `hotpath_request_errors_total{class="quota",model="m",version="1"} 2`) {
				t.Error("not counted as such")
			}
			reason := map[string]string{"rate": "rate", "burst": "rate", "quota": "quota"}[name]
			if text, _ := s.Metrics(); !strings.Contains(string(text), `hotpath_failed_total{reason="`+reason+`"} 2`) {
				t.Error("not counted by reason")
			}
		})
	}
}

// TestQuotaSurvivesRestart: what was used of a day's requests is kept in the store.
func TestQuotaSurvivesRestart(t *testing.T) {
	store := registry.New(t.TempDir())
	key := limited(t, store, registry.Limits{Quota: 5})
	answered := 0
	for range 2 {
		s, stop := servertest.StartStoppable(t, server.Config{APIs: apis, Sources: servertest.Source("m", servertest.Model(3, 1)), Keys: store})
		for range 3 {
			if code, _, _ := call(t, "POST", s.URL()+"/predict", goodBody, "X-API-Key", key); code == 200 {
				answered++
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	if answered != 5 {
		t.Errorf("%d answered of 6 with a quota of 5", answered)
	}
}

// TestRequestsAtOnce counts what waits and runs; answers and failures give their place back.
func TestRequestsAtOnce(t *testing.T) {
	store := registry.New(t.TempDir())
	key := limited(t, store, registry.Limits{Concurrent: 2})
	other := limited(t, store, registry.Limits{})
	b := startBusyAs(t, other, func(c *server.Config) { c.Keys = store })
	first, second := b.wait(goodBody, "X-API-Key", key), b.wait(goodBody, "X-API-Key", key)
	if a := <-b.send(goodBody, "X-API-Key", key); a.code != 429 || !strings.Contains(a.body, "2 requests at once") {
		t.Errorf("a third: %+v", a)
	}
	third := b.wait(goodBody, "X-API-Key", other)
	b.release()
	for _, ch := range []chan answer{first, second, third} {
		b.want(ch, 6)
	}
	for range 5 {
		for body, want := range map[string]int{goodBody: 200, "{": 400} {
			if a := <-b.send(body, "X-API-Key", key); a.code != want {
				t.Errorf("afterwards: %+v", a)
			}
		}
	}
}

// TestPriorityOfAKey: a key gets no place before the one it is allowed.
func TestPriorityOfAKey(t *testing.T) {
	store := registry.New(t.TempDir())
	low, high := 5, 1
	keys := map[string]string{
		"low":    limited(t, store, registry.Limits{Priority: &low}),
		"normal": limited(t, store, registry.Limits{}),
		"high":   limited(t, store, registry.Limits{Priority: &high}),
	}
	o := startBusyAs(t, keys["normal"], func(c *server.Config) { c.Keys, c.Scheduling.BatchMax = store, 1 })
	var all []chan answer
	for _, name := range []string{"low", "normal", "high"} {
		all = append(all, o.wait(`{"input_data": [[`+map[string]string{"low": "10", "normal": "11", "high": "12"}[name]+`]]}`,
			"X-API-Key", keys[name], "Priority", "u=0"))
	}
	o.release()
	for i, ch := range all {
		o.want(ch, float64(10+i))
	}
	if runs := o.seen(); runs[1][0] != 12 || runs[2][0] != 11 || runs[3][0] != 10 {
		t.Errorf("ran %v", runs)
	}
}
