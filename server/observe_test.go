package server_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// requestLine is the log entry of a request to a path.
func requestLine(t *testing.T, log *logBuffer, path string) (line map[string]any) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for text := range strings.Lines(log.String()) {
			if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == "request" && line["path"] == path {
				return line
			}
			line = nil
		}
	}
	t.Fatalf("no entry for %s in %s", path, log)
	return nil
}

// TestAccessLogHasEveryRequestAndNoValues reads the entries of an answered, a refused and a hostile request.
func TestAccessLogHasEveryRequestAndNoValues(t *testing.T) {
	log := &logBuffer{}
	s := start(t, func(c *server.Config) { c.AccessLog, c.Log = true, slog.New(slog.NewJSONHandler(log, nil)) })
	call(t, "POST", s.URL()+"/predict?secret=1", `{"input_data": [[12345, 2, 3], [4, 5, 6]]}`, "traceparent", "00-1-2-01")
	line := requestLine(t, log, "/predict")
	for key, want := range map[string]any{"method": "POST", "status": 200.0, "model": "m", "version": 1.0, "rows": 2.0, "protocol": "http",
		"traceparent": "00-1-2-01"} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if line["duration_us"].(float64) < line["compute_us"].(float64) || !strings.HasPrefix(line["client"].(string), "127.0.0.1:") {
		t.Errorf("%v", line)
	}
	if status := statusOf(t, s, log, "/nowhere"); status != 404.0 {
		t.Errorf("status %v of a path that is not there", status)
	}
	statusOf(t, s, log, "/x%0a%7b%22msg%22:%22forged%22%7d")
	if text := log.String(); strings.Contains(text, "12345") || strings.Contains(text, "secret") || strings.Contains(text, `"msg":"forged"`) {
		t.Errorf("the log holds values, a query or a forged entry: %s", text)
	}
}

func statusOf(t *testing.T, s *server.Server, log *logBuffer, path string) any {
	t.Helper()
	call(t, "GET", s.URL()+path, "")
	return requestLine(t, log, path)["status"]
}

// TestSlowRequestsAreKeptWithTimesAndShapes has one request beyond the limit and one within.
func TestSlowRequestsAreKeptWithTimesAndShapes(t *testing.T) {
	s := servertest.Start(t, server.Config{APIs: apis, Admin: "127.0.0.1:0", Slow: 700 * time.Millisecond,
		Sources: []server.Source{server.Embedded{Name: "fast", Data: servertest.Model(3, 1)}, server.Embedded{Name: "slow", Data: []byte("slow 3 800ms")}}})
	call(t, "POST", s.URL()+"/predict?model=fast", goodBody)
	call(t, "POST", s.URL()+"/predict?model=slow", `{"input_data": [[12345, 2, 3]]}`)
	status, body, _ := call(t, "GET", s.AdminURL()+"/debug/slow", "")
	var got struct {
		Slow []server.Event `json:"slow"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || len(got.Slow) == 0 {
		t.Fatalf("%d %s", status, body)
	}
	for _, e := range got.Slow[1:] { // the other one, on a machine where it was slow too
		if e.Model != "fast" || e.Duration < 700*time.Millisecond {
			t.Errorf("%+v", e)
		}
	}
	e := got.Slow[0]
	if e.Model != "slow" || e.Rows != 1 || len(e.Shapes) != 1 || e.Shapes[0][1] != 3 || e.Compute < 700*time.Millisecond || e.Duration < e.Compute || e.Status != 200 {
		t.Errorf("%+v", e)
	}
	if strings.Contains(body, "12345") {
		t.Errorf("values are kept: %s", body)
	}
	if status, _, _ := call(t, "GET", s.URL()+"/debug/slow", ""); status != 404 {
		t.Errorf("slow requests are told at the main listener: %d", status)
	}
}
