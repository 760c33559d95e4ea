package guard

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/hotpath/hotpath/bench/load"
)

// HTTPBudget: a request of a small model is mostly system calls. The one allocation is fasthttp's: with streamed
// bodies, which keep a Content-Length from reserving memory, it drains every body through an io.LimitedReader
// (requestStream.discard in v1.78). Measured on AMD Zen 3 with /predict of the digits model at 4 connections: other is
// 11 to 14 %, spread over fasthttp, routing and admission.
var HTTPBudget = Budget{Allocations: 1.1, Other: 0.40}

const httpConns = 4

// Target is a running server.
type Target struct {
	URL   string // of the API
	Admin string // of the admin listener, which serves /debug/pprof
	Path  string // of the request
	Body  []byte
}

// HTTPAllocations counts what the request path of a server allocates. The server must have been started with the
// environment variable GODEBUG=memprofilerate=1, so that its profile has every object.
func HTTPAllocations(t Target, effort Effort) (allocation, error) {
	address, request, err := t.request()
	if err != nil {
		return allocation{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := load.Run(ctx, address, httpConns, int64(effort.Operations/4), request); err != nil { // warm-up
		return allocation{}, err
	}
	before, err := t.heap(ctx)
	if err != nil {
		return allocation{}, err
	}
	if r, err := load.Run(ctx, address, httpConns, int64(effort.Operations), request); err != nil {
		return allocation{}, err
	} else if r.Requests != int64(effort.Operations) {
		return allocation{}, fmt.Errorf("%d of %d requests were answered in time", r.Requests, effort.Operations)
	}
	after, err := t.heap(ctx)
	if err != nil {
		return allocation{}, err
	}
	return allocations(before, after, onRequestPath)
}

// HTTPUsage profiles the CPU time of a server under load and returns it with the requests per second.
func HTTPUsage(t Target, effort Effort) (usage, float64, error) {
	address, request, err := t.request()
	if err != nil {
		return usage{}, 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type result struct {
		load.Result
		err error
	}
	done := make(chan result, 1)
	go func() {
		r, err := load.Run(ctx, address, httpConns, 0, request)
		done <- result{r, err}
	}()
	p, err := t.fetch(context.Background(), fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(effort.Profile.Seconds())))
	cancel()
	r := <-done
	if err != nil {
		return usage{}, 0, err
	}
	if r.err != nil {
		return usage{}, 0, r.err
	}
	everything := func(stack []string) bool { return !inProfiler(stack) }
	u, err := cpuUsage(p, everything)
	return u, float64(r.Requests) / r.Elapsed.Seconds(), err
}

// HTTP guards the request path of two servers: one counting allocations, one at full speed.
func HTTP(counting, fast Target, budget Budget, effort Effort) (*Report, error) {
	made, err := HTTPAllocations(counting, effort)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	used, rate, err := HTTPUsage(fast, effort)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	return report("http", budget, effort, made, used, rate), nil
}

func (t Target) request() (address string, request []byte, err error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return "", nil, fmt.Errorf("server address: %w", err)
	}
	return u.Host, load.Post(u.Host, t.Path, t.Body), nil
}

// heap collects garbage twice and fetches the allocation profile.
func (t Target) heap(ctx context.Context) (*profile.Profile, error) {
	if _, err := t.fetch(ctx, "/debug/pprof/heap?gc=1"); err != nil {
		return nil, err
	}
	return t.fetch(ctx, "/debug/pprof/heap?gc=1")
}

func (t Target) fetch(ctx context.Context, path string) (*profile.Profile, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Admin+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("profile: %s answered %s", path, resp.Status)
	}
	p, err := profile.Parse(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}

// onRequestPath accepts what happens while a connection is served, other than serving profiles.
func onRequestPath(stack []string) bool {
	for _, f := range stack {
		if strings.HasPrefix(f, "github.com/valyala/fasthttp.(*Server).serveConn") {
			return !inProfiler(stack)
		}
	}
	return false
}

func inProfiler(stack []string) bool {
	for _, f := range stack {
		if strings.Contains(f, "pprof") {
			return true
		}
	}
	return false
}
