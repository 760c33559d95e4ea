package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

func sleep(ms int) { time.Sleep(time.Duration(ms) * time.Millisecond) }

// TestF8DrainLosesNoRequest stops servers under load, with clients that stop sending when readiness goes off.
func TestF8DrainLosesNoRequest(t *testing.T) {
	const rounds, clients = 8, 16
	asked := int64(0)
	for round := range rounds {
		s, stop := servertest.StartStoppable(t, server.Config{APIs: apis, Sources: servertest.Source("m", servertest.Model(3, 1)),
			DrainGrace: time.Second}) // long against what a busy machine makes the watcher wait
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: 10 * time.Second}
		var leave atomic.Bool // what a load balancer that watches readiness decides
		var count atomic.Int64
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for !leave.Load() {
					count.Add(1)
					if err := ask(client, s.URL()); err != nil {
						t.Errorf("round %d: %v", round, err)
						return
					}
				}
			})
		}
		watch := make(chan struct{})
		go func() {
			defer close(watch)
			for !leave.Load() {
				resp, err := client.Get(s.URL() + "/readyz")
				if err != nil || resp.StatusCode != 200 {
					leave.Store(true)
				}
				if err == nil {
					resp.Body.Close()
				}
				sleep(5)
			}
		}()
		sleep(30)
		stopped := make(chan error, 1)
		go func() { stopped <- stop() }()
		all.Wait()
		<-watch
		client.CloseIdleConnections() // some were never used, and those a server only closes after 5 s
		if err := <-stopped; err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		asked += count.Load()
	}
	t.Logf("%d requests in %d rounds", asked, rounds)
}

func ask(client *http.Client, url string) error {
	resp, err := client.Post(url+"/predict", "", strings.NewReader(goodBody))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
		return fmt.Errorf("%d %s %w", resp.StatusCode, body, err)
	}
	return nil
}

// TestDrainWaitsForRunningRequests lets one finish that takes longer than the grace period.
func TestDrainWaitsForRunningRequests(t *testing.T) {
	s, stop := servertest.StartStoppable(t, server.Config{APIs: apis, Sources: servertest.Source("m", []byte("slow 3 300ms"))})
	done := make(chan error, 1)
	go func() { done <- ask(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, s.URL()) }()
	sleep(100)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestF6Overload fills slots and queue: what is over is refused at once with 429 and Retry-After, health still answers,
// and what was admitted is answered.
func TestF6Overload(t *testing.T) {
	s := start(t, func(c *server.Config) {
		c.Sources = servertest.Source("m", []byte("slow 3 500ms"))
		c.MaxConcurrency, c.Scheduling.Queue = 1, 2
	})
	var ok, busy, other atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			started := time.Now()
			code, _, h := call(t, "POST", s.URL()+"/predict", goodBody)
			switch {
			case code == 200:
				ok.Add(1)
			case code == 429 && h.Get("Retry-After") != "":
				busy.Add(1)
				if d := time.Since(started); d > 450*time.Millisecond {
					t.Errorf("refused only after %v, when a slot was free again", d)
				}
			default:
				other.Add(1)
			}
		})
	}
	sleep(50)
	if code, _, _ := call(t, "GET", s.URL()+"/healthz", ""); code != 200 {
		t.Errorf("health: %d", code)
	}
	all.Wait()
	// One slot and two places: three, and one more for each slot that came free before a late client arrived.
	if ok.Load() < 3 || busy.Load() < 1 || ok.Load()+busy.Load() != 10 {
		t.Errorf("%d answered, %d refused, %d else; want 3 or a few more, the rest, 0", ok.Load(), busy.Load(), other.Load())
	}
}

// TestBodyBudget holds bodies open until their memory is used up: the next larger one is refused, small ones are not.
func TestBodyBudget(t *testing.T) {
	s := start(t, func(c *server.Config) { c.MaxBodyMemory, c.BodyTimeout = 1<<20, time.Second })
	big := strings.Repeat(" ", 900<<10)
	if status, body := raw(t, s, sized(big)); status != 400 {
		t.Errorf("alone: %d %s", status, body)
	}
	hold := make(chan struct{})
	defer func() { <-hold }()
	go func() {
		defer close(hold)
		_, _ = raw(t, s, post(fmt.Sprintf("Content-Length: %d\r\n", len(big)+1), big)) // one byte never comes
	}()
	eventually(t, "the budget is used", func() bool {
		_, metrics, _ := call(t, "GET", s.URL()+"/metrics", "")
		return strings.Contains(metrics, "hotpath_body_bytes 1.048576e+06")
	})
	if status, body := raw(t, s, sized(big)); status != 429 {
		t.Errorf("over the budget: %d %s", status, body)
	}
	alive(t, s)
}
