package server_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// TestHT10ErrorsNameNoPath has models that cannot be loaded, each for another reason: no answer of any route says where
// they are on the disk, or what else is there.
func TestHT10ErrorsNameNoPath(t *testing.T) {
	dir := t.TempDir()
	servertest.Put(t, filepath.Join(dir, "good"), "1", servertest.Model(3, 1))
	servertest.Put(t, filepath.Join(dir, "broken"), "1", []byte("broken"))
	for name, target := range map[string]string{"outside": "/etc/passwd", "dangling": filepath.Join(dir, "nowhere"), "loop": "model.onnx"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "1"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name, "1", "model.onnx")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "folder", "1", "model.onnx"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.Sources = []server.Source{server.Dir{Path: dir}} })
	broken := []string{"broken", "outside", "dangling", "loop", "folder", "nothing"}
	eventually(t, "the broken model is known as such", func() bool {
		_, text, _ := call(t, "GET", s.URL()+"/v1/models/broken", "")
		return strings.Contains(text, "END")
	})
	for _, model := range broken {
		for _, r := range s.Routes() {
			path := strings.NewReplacer("{model}", model, "{name}", model, "{alias}", model, "{version}", "1", "{label}", "stable", "{*}", "x").Replace(r.Path)
			code, text, _ := call(t, r.Method, s.URL()+path+"?model="+model, goodBody)
			if strings.Contains(text, dir) || strings.Contains(text, "passwd") || strings.Contains(text, "root:") {
				t.Errorf("%s %s: %d %s", r.Method, path, code, text)
			}
		}
	}
}

// TestHT11RequestIDs: what a client calls its request goes back in the answer only where the format has a place for it,
// and then as the text it is.
func TestHT11RequestIDs(t *testing.T) {
	log := &logBuffer{}
	s := start(t, func(c *server.Config) { c.AccessLog, c.Log = true, slog.New(slog.NewJSONHandler(log, nil)) })
	const id = `a"b\u0000\r\nSet-Cookie: x=1\r\n\r\n<script>\ud83d\ude00`
	code, body, h := call(t, "POST", s.URL()+"/v2/models/m/infer",
		`{"id": "`+id+`", "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}`)
	var got struct{ ID string }
	if err := json.Unmarshal([]byte(strings.ReplaceAll(body, "\n", " ")), &got); code != 400 && (err != nil || code != 200) {
		t.Fatalf("%d %q: %v", code, body, err)
	}
	code, body, _ = call(t, "POST", s.URL()+"/v2/models/m/infer",
		`{"id": "a\"b\u0000\r\nSet-Cookie: x=1 <script>\ud83d\ude00", "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}`)
	if err := json.Unmarshal([]byte(body), &got); code != 200 || err != nil || got.ID != "a\"b\x00\r\nSet-Cookie: x=1 <script>😀" {
		t.Errorf("%d %q: %v", code, body, err)
	}
	forged := "x\t{\"msg\":\"forged\"}"
	for _, name := range []string{"X-Request-Id", "X-Correlation-Id", "Request-Id", "traceparent", "tracestate"} {
		_, _, h = call(t, "POST", s.URL()+"/predict", goodBody, name, forged)
		for key, values := range h {
			if strings.Contains(strings.Join(values, " "), "forged") {
				t.Errorf("%s came back in %s: %q", name, key, values)
			}
		}
	}
	for line := range strings.Lines(log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == "forged" {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// TestAU02NearMisses tries secrets that are almost one of the keys.
func TestAU02NearMisses(t *testing.T) {
	store, key := storeWithKey(t, registry.Predict)
	other, _, err := store.CreateKey("other", registry.Admin)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.Keys = store })
	flipped := []byte(key)
	flipped[len(flipped)-1] ^= 1
	for _, secret := range []string{key[:len(key)-1], key + "A", key + "\x00", " " + key[1:], strings.ToUpper(key), strings.ToLower(key), string(flipped),
		key[:len(key)/2] + other[len(other)/2:], key + other, key + "," + other, strings.TrimPrefix(key, "hp_"), "hp_", strings.Repeat(key, 100)} {
		req, err := http.NewRequest("POST", s.URL()+"/predict", strings.NewReader(goodBody))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.ReplaceAll(secret, "\x00", "%00"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 401 {
			t.Errorf("%.20q…: %d", secret, resp.StatusCode)
		}
	}
}

// TestAU07SecretsStayInside sends keys, good and bad, in every way, and values, to a server that logs all there is: none of
// them is in the log, the audit, the metrics, the profiles, the slow requests or an answer.
func TestAU07SecretsStayInside(t *testing.T) {
	log := &logBuffer{}
	path := filepath.Join(t.TempDir(), "audit.log")
	audit, err := server.OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	store, key := storeWithKey(t, registry.Admin)
	s := start(t, func(c *server.Config) {
		c.Keys, c.Audit, c.AccessLog, c.Slow, c.GRPC, c.Admin = store, audit, true, 1, "127.0.0.1:0", "127.0.0.1:0"
		c.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Sources = servertest.Source("p", []byte("panic"))
	})
	const wrong, value = "hp_wrongwrongwrong", "987654321"
	answers := ""
	for _, secret := range []string{key, wrong} {
		for _, h := range [][]string{{"Authorization", "Bearer " + secret}, {"X-API-Key", secret}, {"Authorization", secret}, {"Authorization", "Basic " + secret}, {"Cookie", "key=" + secret}} {
			for _, body := range []string{`{"input_data": [[` + value + `]]}`, `{"input_data": [[666]]}`, `{"input_data": [[1, 2]]}`} {
				_, text, _ := call(t, "POST", s.URL()+"/predict?key="+secret, body, h...)
				answers += text
			}
		}
		_, err := inference.NewGRPCInferenceServiceClient(dial(t, s)).ModelInfer(metadata.AppendToOutgoingContext(t.Context(), "x-api-key", secret), inferRequest("p", []int64{1, 1}, 666))
		if err == nil {
			t.Fatal("a panic is answered")
		}
		answers += err.Error()
	}
	for _, path := range []string{"/metrics", "/debug/slow", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline"} {
		code, text, _ := call(t, "GET", s.AdminURL()+path, "", "X-API-Key", key)
		if code != 200 {
			t.Errorf("%s: %d", path, code)
		}
		answers += text
	}
	_, audited := readAudit(t, path)
	for name, text := range map[string]string{"log": log.String(), "audit": audited, "answers": answers} {
		for _, secret := range []string{key, wrong, value} {
			if strings.Contains(text, secret) && !(name == "answers" && secret == value) {
				t.Errorf("%.6s… is in the %s", secret, name)
			}
		}
		if text == "" {
			t.Errorf("the %s is empty", name)
		}
	}
}
