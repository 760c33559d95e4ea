package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hotpath/hotpath/server"
)

// TestTracesReachACollector sends an event through the exporter to a collector, with and without a parent.
func TestTracesReachACollector(t *testing.T) {
	received := make(chan []*tracepb.Span, 1)
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
	defer collector.Close()
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
	for _, bad := range []string{"localhost:4318", "ftp://x", "http://"} {
		if _, err := (&observeFlags{OTLP: bad}).observe(&cfg); err == nil {
			t.Errorf("--otlp %s is taken", bad)
		}
	}
}
