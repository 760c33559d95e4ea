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
	const rounds, clients = 3, 16
	asked := int64(0)
	for round := range rounds {
		s, stop := servertest.StartStoppable(t, server.Config{APIs: apis, Sources: servertest.Source("m", servertest.Model(3, 1)),
			DrainGrace: 3 * time.Second}) // long against what a busy machine makes the watcher wait
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
	m := newHeld()
	m.on.Store(true)
	s, stop := servertest.StartStoppable(t, server.Config{APIs: apis, Sources: servertest.Source("m", nil),
		Load: func([]byte) (server.Runner, error) { return m, nil }})
	done := make(chan error, 1)
	go func() { done <- ask(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, s.URL()) }()
	eventually(t, "it runs", func() bool { return len(m.seen()) == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	sleep(50) // far over the grace period of a millisecond
	select {
	case err := <-stopped:
		t.Fatalf("stopped while a request ran: %v", err)
	default:
	}
	close(m.hold)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestF6Overload fills slot and queue: what is over is refused with 429 and Retry-After while they are full, health
// still answers, and what was admitted is answered.
func TestF6Overload(t *testing.T) {
	o := startBusy(t, func(c *server.Config) { c.Scheduling.Queue = 2 })
	admitted := []chan answer{o.first, o.wait(goodBody), o.wait(goodBody)}
	for range 7 {
		if code, body, h := call(t, "POST", o.s.URL()+"/predict", goodBody); code != 429 || h.Get("Retry-After") == "" {
			t.Errorf("over the queue: %d %s", code, body)
		}
	}
	if code, _, _ := call(t, "GET", o.s.URL()+"/healthz", ""); code != 200 {
		t.Errorf("health: %d", code)
	}
	o.release()
	for _, ch := range admitted {
		o.want(ch, 6)
	}
}

// TestBodyBudget holds bodies open until their memory is used up: the next larger one is refused, small ones are not.
func TestBodyBudget(t *testing.T) {
	s := start(t, func(c *server.Config) { c.MaxBodyMemory = 1 << 20 })
	big := strings.Repeat(" ", 900<<10)
	if status, body := raw(t, s, sized(big)); status != 400 {
		t.Errorf("alone: %d %s", status, body)
	}
	_, err := io.WriteString(dialHTTP(t, s), post(fmt.Sprintf("Content-Length: %d\r\n", len(big)+1), big)) // one byte never comes
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the budget is used", func() bool {
		_, metrics, _ := call(t, "GET", s.URL()+"/metrics", "")
		return strings.Contains(metrics, "hotpath_body_bytes 1.048576e+06")
	})
	if status, body := raw(t, s, sized(big)); status != 429 {
		t.Errorf("over the budget: %d %s", status, body)
	}
	alive(t, s)
}

// TestStopAtOnce ends servers that have hardly begun: none goes on to accept.
func TestStopAtOnce(t *testing.T) {
	for range 200 {
		_, stop := servertest.StartStoppable(t, server.Config{APIs: apis, Sources: servertest.Source("m", servertest.Model(3, 1)), DrainGrace: time.Nanosecond})
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
}
