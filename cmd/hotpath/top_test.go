package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTopTellsWhatHappenedBetweenTwoLooks has a server whose counters grow by known numbers.
func TestTopTellsWhatHappenedBetweenTwoLooks(t *testing.T) {
	looks := 0
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "Bearer k" || q.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		looks++
		n := looks * 100
		const labels = `model="m",version="2"`
		fmt.Fprintf(w, "# TYPE hotpath_requests_total counter\nhotpath_requests_total{%s} %d\n", labels, n)
		fmt.Fprintf(w, "# TYPE hotpath_request_duration_seconds histogram\nhotpath_request_duration_seconds_bucket{%s,le=\"0.001\"} %d\n"+
			"hotpath_request_duration_seconds_bucket{%[1]s,le=\"0.002\"} %[3]d\nhotpath_request_duration_seconds_bucket{%[1]s,le=\"+Inf\"} %[3]d\n"+
			"hotpath_request_duration_seconds_sum{%[1]s} 1\nhotpath_request_duration_seconds_count{%[1]s} %[3]d\n", labels, n/2, n)
		fmt.Fprintf(w, "# TYPE hotpath_run_rows histogram\nhotpath_run_rows_bucket{%s,le=\"+Inf\"} %d\nhotpath_run_rows_sum{%[1]s} %[3]d\nhotpath_run_rows_count{%[1]s} %[2]d\n", labels, n/4, n)
		fmt.Fprintf(w, "# TYPE hotpath_model_memory_bytes gauge\nhotpath_model_memory_bytes{%s,kind=\"weights\"} 1048576\nhotpath_model_memory_bytes{%[1]s,kind=\"arenas\"} 2097152\n", labels)
		fmt.Fprintf(w, "hotpath_requests_total{model=\"idle\",version=\"10\"} 0\nhotpath_requests_total{model=\"idle\",version=\"9\"} 0\n")
		fmt.Fprintf(w, "hotpath_model_memory_bytes{model=\"idle\",version=\"10\",kind=\"weights\"} 9999999\n")
		fmt.Fprintf(w, "# TYPE hotpath_prediction_drift gauge\nhotpath_prediction_drift{%s,column=\"output\"} 0.7\n", labels)
		fmt.Fprintf(w, "# TYPE hotpath_input_drift gauge\nhotpath_input_drift{%s,column=\"a\"} 0.5\nhotpath_input_drift{%[1]s,column=\"b\"} 0.1\n", labels)
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"top", s.URL, "--every", "50ms", "--once", "--json", "--key", "k", "--cacert", ca}, &out, &errs); code != 0 {
		t.Fatal(code, errs.String())
	}
	var r topReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || len(r.Models) != 3 {
		t.Fatal(err, out.String())
	}
	m := r.Models[0]
	if m.Model != "m" || m.Version != "2" || m.Rate <= 0 || m.Rate > 2000 || math.Abs(m.P50US-1000) > 1 || m.P99US < 1900 || m.P99US > 2000 || m.Rows != 4 || m.MaxDrift != 0.7 || m.Memory != 3<<20 || m.Weights != 1<<20 {
		t.Errorf("%+v", m)
	}
	for by, want := range map[string][]string{
		"rate": {"REQ/S↓", "m/2", "idle/9", "idle/10"}, "memory": {"MiB↓", "idle/10", "m/2", "idle/9"}, "name": {"MODEL↓", "idle/9", "idle/10", "m/2"},
	} {
		out.Reset()
		code := run([]string{"top", s.URL, "--every", "10ms", "--count", "1", "--key", "k", "--insecure", "--sort", by}, &out, &errs)
		at := -1
		for _, part := range want {
			next := strings.Index(out.String(), part)
			if code != 0 || next <= at {
				t.Errorf("--sort %s: exit %d, %s is not there or not behind the others: %s", by, code, part, out.String())
			}
			at = next
		}
	}
	if code := run([]string{"top", s.URL, "--once", "--cacert", ca}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "401") {
		t.Errorf("without a key: %d %s", code, errs.String())
	}
	if code := run([]string{"top", s.URL, "--once", "--key", "k"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "certificate") {
		t.Errorf("without the certificate: %d %s", code, errs.String())
	}
}

// TestTopTakesKeys has keys that sort, that do nothing and that end.
func TestTopTakesKeys(t *testing.T) {
	c := &topCmd{Sort: "rate", Every: time.Hour}
	s := &screen{out: &bytes.Buffer{}, keys: make(chan byte, 4), last: &topReport{}}
	for _, key := range []byte("mx9q") {
		s.keys <- key
	}
	if s.wait(context.Background(), c) || c.Sort != "p99" {
		t.Errorf("sorted by %s", c.Sort)
	}
}
