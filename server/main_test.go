package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve"
	"github.com/hotpath/hotpath/server/api/mlflow"
	"github.com/hotpath/hotpath/server/api/openai"
	"github.com/hotpath/hotpath/server/api/predict"
	"github.com/hotpath/hotpath/server/api/tfserving"
	"github.com/hotpath/hotpath/server/servertest"
	"github.com/hotpath/hotpath/server/ui"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp keeps one clock per process, and a worker pool's cleaner sleeps out its 10 s after the pool has ended.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

var apis = []server.API{predict.API{}, tfserving.API{}, kserve.API{}, openai.API{}, mlflow.API{}, ui.Page{}}

// start runs a server with one model of width 3 that answers the sum of a row.
func start(t testing.TB, change func(*server.Config)) *server.Server {
	t.Helper()
	cfg := server.Config{APIs: apis, Sources: servertest.Source("m", servertest.Model(3, 1))}
	if change != nil {
		change(&cfg)
	}
	return servertest.Start(t, cfg)
}

const goodBody = servertest.Good

// call sends a request and returns status, body and headers.
var call = servertest.Send

// raw sends bytes on a fresh connection and returns the first answer.
func raw(t testing.TB, s *server.Server, request string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	go func() { _, _ = io.WriteString(c, request) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// errorOf proves that a body is {"error": "…"} and returns the text.
func errorOf(t testing.TB, body string) string {
	t.Helper()
	var e struct {
		Error *string `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error == nil || *e.Error == "" {
		t.Fatalf("not a JSON error: %q", body)
	}
	return *e.Error
}

// alive proves that the server still answers.
func alive(t testing.TB, s *server.Server) {
	t.Helper()
	if code, body, _ := call(t, "POST", s.URL()+"/predict", goodBody); code != 200 || body != `{"prediction": [6]}`+"\n" {
		t.Fatalf("server is no longer well: %d %s", code, body)
	}
}
