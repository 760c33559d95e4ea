package server_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

var post, sized = servertest.Post, servertest.Sized

// TestHostileRequests sends raw bytes: each gets the stated status and a JSON error that names the field, and the
// server goes on. Ids are those of the catalogue in research/reliability.md.
func TestHostileRequests(t *testing.T) {
	s := start(t, func(c *server.Config) { c.MaxBody = 1 << 20 })
	big := strings.Repeat("0,", 2<<20)
	for _, tc := range []struct {
		id, name, request string
		status            int
		want              string // part of the error
	}{
		{"HT01", "body over the limit by length", sized(big), 413, "body: larger than"},
		{"HT01", "body over the limit by chunks", post("Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(big), big)), 413, "body: larger than"},
		{"HT01", "gzip bomb", post(fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", len(bomb())), bomb()), 413, "body: larger than"},
		{"HT01", "broken gzip", post("Content-Encoding: gzip\r\nContent-Length: 4\r\n", "oops"), 400, "gzip"},
		{"HT01", "unknown encoding", post("Content-Encoding: br\r\nContent-Length: 4\r\n", "oops"), 415, "Content-Encoding"},
		{"HT02", "one-byte chunks", post("Transfer-Encoding: chunked\r\n", strings.Repeat("1\r\n \r\n", 65537)+"0\r\n\r\n"), 400, "body: empty"},
		{"HT03", "huge header", post("X: "+strings.Repeat("a", 1<<20)+"\r\n", ""), 431, "head"},
		{"HT03", "many headers", post(strings.Repeat("X: y\r\n", 100000), ""), 431, "head"},
		{"HT03", "folded header", post("X: a\r\n b\r\nContent-Length: 0\r\n", ""), 400, "folded"},
		{"HT03", "NUL in header", post("X: a\x00b\r\n", ""), 400, "malformed"},
		{"HT03", "space before colon", post("Content-Length : 5\r\n", "hello"), 400, "malformed"},
		{"HT03", "two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400, "malformed"},
		{"HT03", "two hosts", post("Host: localhost\r\n", ""), 400, "malformed"},
		{"HT03", "length and chunks", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400, "both"},
		{"HT03", "unknown coding", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400, "malformed"},
		{"HT03", "chunks in HTTP/1.0", "POST /predict HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
		{"HT03", "signed length", post("Content-Length: +5\r\n", "hello"), 400, "malformed"},
		{"HT03", "length overflow", post("Content-Length: 21000000000000000000\r\n", "x"), 400, "malformed"},
		{"HT03", "protocol version", "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400, "HTTP/1.1"},
		{"HT03", "asterisk", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, ""},
		{"HT03", "TRACE", "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET"},
		{"HT03", "CONNECT", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, ""},
		{"HT03", "refused before the body", post("Expect: 100-continue\r\nContent-Length: 99999999\r\n", ""), 413, "body"},
		{"HT04", "encoded slash", "POST /v1%2fmodels/m:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 404, ""},
		{"HT04", "dot segments", "POST /x/../predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 404, ""},
		{"HT04", "double slash", "POST //predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 404, ""},
		{"HT04", "NUL", "POST /predict%00 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 404, ""},
		{"HT04", "long path", "GET /" + strings.Repeat("a", 8<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, ""},
		{"HT04", "model name with slash", "GET /v1/models/..%2f..%2fetc HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "Could not find"},
		{"HT05", "empty", sized(""), 400, "body: empty"},
		{"HT05", "byte-order mark", sized("\xef\xbb\xbf" + goodBody), 400, "byte 0"},
		{"HT05", "UTF-16", sized("{\x00\"\x00"), 400, "byte 1"},
		{"HT05", "trailing data", sized(goodBody + "x"), 400, "behind"},
		{"HT05", "deep", sized(`{"input_data": ` + strings.Repeat("[", 100000)), 400, "input_data[0][0]"},
		{"HT05", "duplicate key", sized(`{"input_data": [[1,2,3]], "input_data": [[1,2,3]]}`), 400, "input_data"},
		{"HT05", "case-folded key", sized(`{"Input_Data": [[1,2,3]]}`), 400, "Input_Data"},
		{"HT05", "wrong length", sized(`{"input_data": [[1,2,3],[1,2]]}`), 400, "input_data[1]: expected 3 values, found 2"},
		{"HT05", "too long", sized(`{"input_data": [[1,2,3,4]]}`), 400, "input_data[0]: expected 3 values"},
		{"HT05", "string", sized(`{"input_data": [[1,"2",3]]}`), 400, "input_data[0][1]"},
		{"HT05", "NaN", sized(`{"input_data": [[1,2,NaN]]}`), 400, "input_data[0][2]"},
		{"HT05", "Infinity", sized(`{"input_data": [[-Infinity,2,3]]}`), 400, "input_data[0][0]"},
		{"HT05", "null", sized(`{"input_data": [[1,null,3]]}`), 400, "input_data[0][1]"},
		{"HT05", "1e999", sized(`{"input_data": [[1,2,1e999]]}`), 400, "input_data[0][2]"},
		{"HT05", "broken", sized(`{"input_data": [[1,2,`), 400, "input_data[0]"},
		{"HT05", "flat row", sized(`{"input_data": [1,2,3]}`), 400, "expected a row"},
		{"HT05", "no rows", sized(`{"input_data": []}`), 400, "at least one row"},
		{"HT05", "missing key", sized(`{}`), 400, `body: the key "input_data" is missing`},
		{"HT05", "surrogate", sized(`{"\ud800": 1}`), 400, "escape"},
		{"HT05", "zeros instead of JSON", sized(strings.Repeat("\x00", 1<<19)), 400, "byte 0"},
		{"HT08", "rebound host", "POST /predict HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n", 421, "Host"},
		{"HT08", "foreign origin", post("Origin: http://evil.example\r\nContent-Length: 0\r\n", ""), 403, "origin"},
		{"HT08", "null origin", post("Origin: null\r\nContent-Length: 0\r\n", ""), 403, "origin"},
		{"HT09", "line break in the model name", "POST /predict?model=a%0d%0aX-Evil:1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 404, "no model"},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			status, body := raw(t, s, tc.request)
			if status != tc.status {
				t.Errorf("status %d, want %d: %s", status, tc.status, body)
			}
			if text := errorOf(t, body); !strings.Contains(text, tc.want) {
				t.Errorf("error %q does not name %q", text, tc.want)
			}
			alive(t, s)
		})
	}
}

// bomb is 10 MB of zeros, compressed.
func bomb() string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(make([]byte, 10<<20))
	_ = w.Close()
	return b.String()
}

func TestGzipBody(t *testing.T) {
	s := start(t, nil)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(goodBody))
	_ = w.Close()
	if code, body, _ := call(t, "POST", s.URL()+"/predict", b.String(), "Content-Encoding", "gzip"); code != 200 {
		t.Errorf("%d %s", code, body)
	}
}

// TestHT02SlowClients leaves heads and bodies unfinished; each is cut at its timeout while others are answered.
func TestHT02SlowClients(t *testing.T) {
	s := start(t, func(c *server.Config) { c.HeaderTimeout, c.BodyTimeout = 3*time.Second, 3*time.Second })
	type result struct {
		status int
		body   string
	}
	slow := []string{"POST /pre", post("Content-Length: 999999\r\n", "{"), post("Content-Length: 30\r\n", "{")}
	results := make(chan result, len(slow))
	for _, request := range slow {
		go func() {
			status, body := raw(t, s, request)
			results <- result{status, body}
		}()
	}
	alive(t, s)
	for range slow {
		if r := <-results; r.status != 408 {
			t.Errorf("status %d, want 408: %s", r.status, r.body)
		}
	}
}

// TestHT10PanicLeaksNothing lets a model panic: 500 without details, and the next request is answered.
func TestHT10PanicLeaksNothing(t *testing.T) {
	s := start(t, func(c *server.Config) { c.Sources = servertest.Source("p", []byte("panic")) })
	code, body, _ := call(t, "POST", s.URL()+"/predict", `{"input_data": [[666]]}`)
	if text := errorOf(t, body); code != 500 || strings.Contains(text, "passwd") || !strings.Contains(text, "internal error") {
		t.Errorf("%d %s", code, body)
	}
	if code, body, _ = call(t, "POST", s.URL()+"/predict", `{"input_data": [[1]]}`); code != 200 {
		t.Errorf("after the panic: %d %s", code, body)
	}
}

// fastRunner says that it computes in a fast mode.
type fastRunner struct {
	server.Runner
	mode string
}

func (f fastRunner) Precision() string { return f.mode }

// TestAnswerNamesTheFastMode: an answer computed in one says so, one that was not says nothing.
func TestAnswerNamesTheFastMode(t *testing.T) {
	for _, mode := range []string{"", "bf16"} {
		s := start(t, func(c *server.Config) {
			c.Load = func(data []byte) (server.Runner, error) {
				r, err := servertest.Load(data)
				return fastRunner{r, mode}, err
			}
		})
		if _, _, h := call(t, "POST", s.URL()+"/predict", goodBody); h.Get("X-Hotpath-Precision") != mode {
			t.Errorf("mode %q: headers %v", mode, h)
		}
	}
}

// TestAnswerNamesTheModel checks the header of answers and of errors.
func TestAnswerNamesTheModel(t *testing.T) {
	s := start(t, nil)
	for _, body := range []string{goodBody, "{}"} {
		if _, _, h := call(t, "POST", s.URL()+"/predict", body); h.Get("X-Hotpath-Model") != "m/1" {
			t.Errorf("headers %v", h)
		}
	}
	if _, _, h := call(t, "GET", s.URL()+"/predict", ""); h.Get("Allow") != "POST" {
		t.Errorf("headers %v", h)
	}
}
