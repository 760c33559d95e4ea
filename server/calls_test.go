package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
	"github.com/hotpath/hotpath/server/registry"
)

// requestLines are the entries of requests in a log, once there are n.
func requestLines(t *testing.T, log *logBuffer, n int) (lines []map[string]any) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " entries"), func() bool {
		lines = nil
		for text := range strings.Lines(log.String()) {
			var line map[string]any
			if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == "request" {
				lines = append(lines, line)
			}
		}
		return len(lines) >= n
	})
	return lines
}

// TestGRPCAccessLogHasEveryCall once: those that infer, those that do not, and those that were refused before they had sent
// a message. Failures are counted by reason.
func TestGRPCAccessLogHasEveryCall(t *testing.T) {
	log := &logBuffer{}
	store, key := storeWithKey(t, registry.Predict)
	s := start(t, func(c *server.Config) {
		c.GRPC, c.Keys, c.AccessLog, c.Log = "127.0.0.1:0", store, true, slog.New(slog.NewJSONHandler(log, nil))
	})
	conn := dial(t, s)
	client := inference.NewGRPCInferenceServiceClient(conn)
	const service = "/inference.GRPCInferenceService/"
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-api-key", key)
	for i, c := range []struct {
		name   string
		call   func()
		path   string
		status float64
		reason any
		model  any
	}{
		{"infers", func() { _, _ = client.ModelInfer(ctx, inferRequest("m", []int64{1, 3}, 1, 2, 3)) }, service + "ModelInfer", 200, nil, "m"},
		{"no such model", func() { _, _ = client.ModelInfer(ctx, inferRequest("x", []int64{1, 3}, 1, 2, 3)) }, service + "ModelInfer", 404, "not_found", nil},
		{"not for the model", func() { _, _ = client.ModelInfer(ctx, inferRequest("m", []int64{-1, 3}, 1, 2)) }, service + "ModelInfer", 400, "input", "m"},
		{"metadata", func() { _, _ = client.ServerMetadata(ctx, &inference.ServerMetadataRequest{}) }, service + "ServerMetadata", 200, nil, nil},
		{"metadata of no model", func() { _, _ = client.ModelMetadata(ctx, &inference.ModelMetadataRequest{Name: "x"}) }, service + "ModelMetadata", 404, "not_found", nil},
		{"admin", func() {
			_, _ = client.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{ModelName: "m"})
		}, service + "RepositoryModelUnload", 403, "forbidden", nil},
		{"health", func() { _, _ = client.ServerLive(t.Context(), &inference.ServerLiveRequest{}) }, service + "ServerLive", 200, nil, nil},
		{"no key", func() { _, _ = client.ModelInfer(t.Context(), inferRequest("m", []int64{1, 3}, 1, 2, 3)) }, service + "ModelInfer", 401, "unauthorized", nil},
		{"no such method", func() { invoke(conn, service+"Nothing", "x-api-key", key) }, service + "Nothing", 501, "unsupported", nil},
		{"not implemented", func() { invoke(conn, "/tensorflow.serving.PredictionService/Nothing", "x-api-key", key) }, "/tensorflow.serving.PredictionService/Nothing", 501, "unsupported", nil},
		{"malformed", func() { _ = sendRaw(s, service+"ServerLive", []byte{0xff}, conn) }, service + "ServerLive", 400, "malformed", nil},
		{"too large", func() { _ = sendRaw(s, service+"ServerLive", make([]byte, 1<<20), conn) }, service + "ServerLive", 413, "size", nil},
	} {
		c.call()
		lines := requestLines(t, log, i+1)
		line := lines[len(lines)-1]
		if len(lines) != i+1 || line["protocol"] != "grpc" || line["path"] != c.path || line["status"] != c.status || line["reason"] != c.reason || line["model"] != c.model ||
			!strings.HasPrefix(line["client"].(string), "127.0.0.1:") || (line["key"] == nil) != (c.name == "no key" || c.path == service+"ServerLive") && !strings.HasSuffix(c.path, "Nothing") {
			t.Errorf("%s: %d entries, the last %v", c.name, len(lines), line)
		}
	}
	text, err := s.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for reason, n := range map[string]int{"not_found": 2, "input": 1, "forbidden": 1, "unauthorized": 1, "unsupported": 2, "malformed": 1, "size": 1, "internal": 0, "queue": 0} {
		if want := fmt.Sprintf("hotpath_failed_total{reason=%q} %d\n", reason, n); !strings.Contains(string(text), want) {
			t.Errorf("not %s", want)
		}
	}
}

// TestFailuresByReason counts requests over HTTP that are refused on the way to a model, each once, and logs them.
func TestFailuresByReason(t *testing.T) {
	log := &logBuffer{}
	s := start(t, func(c *server.Config) {
		c.MaxBody, c.HeaderTimeout, c.AccessLog, c.Log = 1<<10, 3*time.Second, true, slog.New(slog.NewJSONHandler(log, nil))
	})
	for reason, request := range map[string]string{
		"not_found":   "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"method":      "GET /predict HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"size":        sized(strings.Repeat("0", 1<<11)),
		"encoding":    post("Content-Encoding: br\r\nContent-Length: 4\r\n", "oops"),
		"host":        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"forbidden":   post("Origin: http://evil.example\r\nContent-Length: 0\r\n", ""),
		"malformed":   "nonsense\r\n\r\n",
		"slow_client": "GET / HTTP/1.1\r\nHo",
		"input":       sized(`{"input_data": [[1]]}`),
	} {
		conn := dialHTTP(t, s)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Errorf("%s: %v", reason, err)
		}
		conn.Close()
		eventually(t, reason+" is counted", func() bool {
			text, err := s.Metrics()
			return err == nil && strings.Contains(string(text), fmt.Sprintf("hotpath_failed_total{reason=%q} 1\n", reason))
		})
		eventually(t, reason+" is logged", func() bool {
			for _, line := range requestLines(t, log, 0) {
				if line["reason"] == reason {
					return true
				}
			}
			return false
		})
	}
}

// TestAU05SpoofedAddress: whom a proxy says it asks for changes nothing here, as anyone can say so.
func TestAU05SpoofedAddress(t *testing.T) {
	log := &logBuffer{}
	s := start(t, func(c *server.Config) {
		c.GRPC, c.AccessLog, c.Log = "127.0.0.1:0", true, slog.New(slog.NewJSONHandler(log, nil))
	})
	spoofed := []string{"X-Forwarded-For", "192.0.2.7", "X-Real-IP", "192.0.2.7", "Forwarded", "for=192.0.2.7", "X-Forwarded-Host", "192.0.2.7"}
	call(t, "POST", s.URL()+"/predict", goodBody, spoofed...)
	for i := range spoofed {
		if i%2 == 0 {
			spoofed[i] = strings.ToLower(spoofed[i])
		}
	}
	if _, err := inference.NewGRPCInferenceServiceClient(dial(t, s)).ModelInfer(metadata.AppendToOutgoingContext(t.Context(), spoofed...), inferRequest("m", []int64{1, 3}, 1, 2, 3)); status.Code(err) != codes.OK {
		t.Error(err)
	}
	for _, line := range requestLines(t, log, 2) {
		if !strings.HasPrefix(line["client"].(string), "127.0.0.1:") {
			t.Errorf("%v", line)
		}
	}
}
