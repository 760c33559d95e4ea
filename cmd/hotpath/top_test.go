package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTopTellsWhatHappenedBetweenTwoLooks has a server whose counters grow by known numbers.
func TestTopTellsWhatHappenedBetweenTwoLooks(t *testing.T) {
	looks := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
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
		fmt.Fprintf(w, "# TYPE hotpath_input_drift gauge\nhotpath_input_drift{%s,column=\"a\"} 0.5\nhotpath_input_drift{%[1]s,column=\"b\"} 0.1\n", labels)
	}))
	defer s.Close()
	var out, errs bytes.Buffer
	if code := run([]string{"top", s.URL, "--every", "50ms", "--count", "1", "--json", "--key", "k"}, &out, &errs); code != 0 {
		t.Fatal(code, errs.String())
	}
	var r topReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || len(r.Models) != 1 {
		t.Fatal(err, out.String())
	}
	m := r.Models[0]
	if m.Model != "m" || m.Version != "2" || m.Rate <= 0 || m.Rate > 2000 || math.Abs(m.P50US-1000) > 1 || m.P99US < 1900 || m.P99US > 2000 || m.Rows != 4 || m.MaxDrift != 0.5 {
		t.Errorf("%+v", m)
	}
	out.Reset()
	if code := run([]string{"top", s.URL, "--every", "10ms", "--count", "1", "--key", "k"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "m/2") {
		t.Errorf("%d %s", code, out.String())
	}
	if code := run([]string{"top", s.URL, "--count", "1"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "401") {
		t.Errorf("without a key: %d %s", code, errs.String())
	}
}
