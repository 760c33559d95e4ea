package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/predict"
	"github.com/hotpath/hotpath/server/servertest"
)

// startCollector is a collector that hands out what it gets.
func startCollector(t *testing.T) (*httptest.Server, <-chan []*tracepb.Span) {
	received := make(chan []*tracepb.Span, 16)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		var batch coltrace.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &batch); err != nil || q.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", q.URL.Path, err)
		}
		var spans []*tracepb.Span
		for _, r := range batch.ResourceSpans {
			for _, s := range r.ScopeSpans {
				spans = append(spans, s.Spans...)
			}
		}
		received <- spans
	}))
	t.Cleanup(collector.Close)
	return collector, received
}

// TestTracesReachACollector sends an event through the exporter to a collector, with and without a parent.
func TestTracesReachACollector(t *testing.T) {
	collector, received := startCollector(t)
	var cfg server.Config
	f := observeFlags{OTLP: collector.URL, OTLPSample: 0}
	finish, err := f.observe(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	const parent = "0af7651916cd43dd8448eb211c80319c"
	event := server.Event{Began: time.Now(), Protocol: "http", Method: "POST", Path: "/predict", Status: 200, Model: "m", Version: 2,
		Duration: 10 * time.Millisecond, Queue: time.Millisecond, Compute: 4 * time.Millisecond}
	cfg.Observe(&event) // nothing is sampled by itself
	event.Traceparent = "00-" + parent + "-b7ad6b7169203331-00"
	cfg.Observe(&event) // nor what its caller does not sample
	event.Traceparent = "00-" + parent + "-b7ad6b7169203331-01"
	cfg.Observe(&event)
	event.Traceparent = "not a traceparent"
	cfg.Observe(&event)
	finish()
	spans := map[string]*tracepb.Span{}
	for _, s := range <-received {
		spans[s.Name] = s
		if hex.EncodeToString(s.TraceId) != parent {
			t.Errorf("span %s of the trace %x", s.Name, s.TraceId)
		}
	}
	root := spans["infer m"]
	if len(spans) != 3 || root == nil || hex.EncodeToString(root.ParentSpanId) != "b7ad6b7169203331" ||
		root.EndTimeUnixNano-root.StartTimeUnixNano != 10e6 || spans["queue"] == nil {
		t.Fatalf("%v", spans)
	}
	if c := spans["compute"]; c == nil || c.EndTimeUnixNano-c.StartTimeUnixNano != 4e6 || string(c.ParentSpanId) != string(root.SpanId) {
		t.Errorf("%v", c)
	}
	if _, err := (&observeFlags{OTLPSample: 1.5}).observe(&cfg); err == nil {
		t.Error("--otlp-sample 1.5 is taken")
	}
	for _, bad := range []string{"localhost:4318", "ftp://x", "http://"} {
		if _, err := (&observeFlags{OTLP: bad}).observe(&cfg); err == nil {
			t.Errorf("--otlp %s is taken", bad)
		}
	}
}

// TestSpansOfABatchAreLinked serves a model whose first run is held up until three more requests wait: these are one batch.
func TestSpansOfABatchAreLinked(t *testing.T) {
	collector, received := startCollector(t)
	f := observeFlags{OTLP: collector.URL, OTLPSample: 1}
	entered, release := make(chan struct{}, 1), make(chan struct{})
	m := servertest.Sum(1, 1)
	m.Sig.RowIndependent = true
	m.Func = func(run func(in, out []*tensor.Tensor) error) func(in, out []*tensor.Tensor) error {
		return func(in, out []*tensor.Tensor) error {
			if tensor.Data[float32](in[0])[0] == 666 {
				entered <- struct{}{}
				<-release
			}
			return run(in, out)
		}
	}(m.Func)
	cfg := server.Config{APIs: []server.API{predict.API{}}, Sources: servertest.Source("m", nil), MaxConcurrency: 1,
		Load: func([]byte) (server.Runner, error) { return m, nil }}
	cfg.Scheduling.BatchMax = 8
	finish, err := f.observe(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.Start(t, cfg)
	const trace = "0af7651916cd43dd8448eb211c8031"
	var all sync.WaitGroup
	post := func(id, value string) {
		all.Go(func() {
			q, _ := http.NewRequest("POST", s.URL()+"/predict", strings.NewReader(`{"input_data": [[`+value+`]]}`))
			q.Header.Set("traceparent", "00-"+trace+id+"-b7ad6b7169203331-01")
			if answer, err := http.DefaultClient.Do(q); err != nil || answer.StatusCode != 200 {
				t.Error(err, answer)
			}
		})
	}
	post("00", "666")
	<-entered
	ids := []string{"01", "02", "03"}
	for _, id := range ids {
		post(id, "1")
	}
	for end := time.Now().Add(30 * time.Second); metric(t, s.URL(), "hotpath_queue_depth") != 3; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("three requests do not wait")
		}
	}
	close(release)
	all.Wait()
	finish()
	roots, linked := map[string]string{}, map[string][]string{} // span of each request by its trace, and links from it
	for len(received) > 0 {
		for _, span := range <-received {
			id := strings.TrimPrefix(hex.EncodeToString(span.TraceId), trace)
			switch span.Name {
			case "infer m":
				roots[id] = hex.EncodeToString(span.SpanId)
			case "compute":
				for _, l := range span.Links {
					linked[id] = append(linked[id], hex.EncodeToString(l.TraceId)+hex.EncodeToString(l.SpanId))
				}
			}
		}
	}
	var links []string
	for _, id := range ids {
		links = append(links, linked[id]...)
		if n := len(linked[id]); n != 1 && n != 2 {
			t.Errorf("request %s has %d links, expected one, or two of the one that all name", id, n)
		}
	}
	if len(links) != 4 || len(linked["00"]) != 0 || len(roots) != 4 {
		t.Errorf("%d links of the batch, %d of the request that ran alone, %d requests", len(links), len(linked["00"]), len(roots))
	}
	for _, l := range links {
		if id := l[len(trace) : len(trace)+2]; l != trace+id+roots[id] {
			t.Errorf("a link to %s, which is no span of a request", l)
		}
	}
}

// metric is the sum of the series of a metric.
func metric(t *testing.T, url, name string) (sum float64) {
	t.Helper()
	l, err := (&topCmd{URL: url}).look(http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range l.values(name) {
		sum += v
	}
	return sum
}

// TestCollectorThatHangsHoldsNothingUp tells of more requests than wait for a collector that answers none.
func TestCollectorThatHangsHoldsNothingUp(t *testing.T) {
	hang := make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer collector.Close()
	defer close(hang)
	var cfg server.Config
	f := observeFlags{OTLP: collector.URL, OTLPSample: 1}
	if _, err := f.observe(&cfg); err != nil {
		t.Fatal(err)
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for range 10_000 {
			cfg.Observe(&server.Event{Began: time.Now(), Protocol: "http", Method: "GET", Path: "/", Status: 404, Duration: time.Millisecond})
		}
	}()
	select {
	case <-told:
	case <-time.After(30 * time.Second):
		t.Fatal("requests wait for the collector")
	}
}
