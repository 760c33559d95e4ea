package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
)

// dialHTTP opens a connection on which nothing may take longer than half a minute.
func dialHTTP(t testing.TB, s *server.Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// answersTo sends bytes and returns every answer until the server closes the connection.
func answersTo(t testing.TB, c net.Conn, request string) (codes []int, bodies []string) {
	t.Helper()
	go func() { _, _ = io.WriteString(c, request) }()
	r := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the connection stays open")
			}
			return codes, bodies
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if h := resp.Header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("Upgrade") != "" {
			t.Errorf("headers %v", h)
		}
		codes, bodies = append(codes, resp.StatusCode), append(bodies, string(body))
	}
}

// TestHostileFraming sends requests whose end can be seen in two ways, with another one behind them. Either the first is
// understood as it must be and both are answered, or it is refused and the connection is closed, so that nothing in it is
// ever taken for a request (request smuggling). Ids are those of the catalogue in research/reliability.md.
func TestHostileFraming(t *testing.T) {
	s := start(t, func(c *server.Config) { c.MaxBody = 1 << 20 })
	const behind = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	const chunked = "Transfer-Encoding: chunked\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(goodBody))
	good := post(length, goodBody)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(goodBody), goodBody)
	at := func(target string) string { return strings.Replace(good, "/predict", target, 1) }
	upload := strings.Replace(sized(strings.Repeat("--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n1\r\n", 1000)+"--x--\r\n"),
		"\r\n\r\n", "\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n", 1)
	refused, both := []int{400}, func(code int) []int { return []int{code, 200} }
	for _, c := range []struct {
		id, name, request string
		want              []int
	}{
		{"HT01", "zstd", post("Content-Encoding: zstd\r\nContent-Length: 4\r\n", "oops"), both(415)},
		{"HT01", "two codings", post("Content-Encoding: gzip, gzip\r\nContent-Length: 4\r\n", "oops"), both(415)},
		{"HT01", "two lines of codings", post("Content-Encoding: identity\r\nContent-Encoding: br\r\n"+length, goodBody), both(415)},
		{"HT01", "multipart", upload, both(400)},
		{"HT02", "trailer", post("Trailer: X-A\r\n"+chunked, chunk+"0\r\nX-A: b\r\n\r\n"), both(200)},
		{"HT02", "trailer with a length", post(chunked, chunk+"0\r\nContent-Length: 5\r\n\r\n"), refused},
		{"HT02", "trailer announced with a length", post("Trailer: Content-Length\r\n"+chunked, chunk+"0\r\nContent-Length: 5\r\n\r\n"), refused},
		{"HT02", "trailer with a coding", post(chunked, chunk+"0\r\nTransfer-Encoding: chunked\r\n\r\n"), refused},
		{"HT02", "trailer with a key", post(chunked, chunk+"0\r\nAuthorization: Bearer x\r\n\r\n"), refused},
		{"HT02", "trailer without a colon", post(chunked, chunk+"0\r\nnonsense\r\n\r\n"), refused},
		{"HT02", "trailer with NUL", post(chunked, chunk+"0\r\nX: a\x00\r\n\r\n"), refused},
		{"HT02", "huge trailer", post(chunked, chunk+"0\r\nX: "+strings.Repeat("a", 1<<20)+"\r\n\r\n"), refused},
		{"HT02", "many trailers", post(chunked, chunk+"0\r\n"+strings.Repeat("X: a\r\n", 100_000)+"\r\n"), refused},
		{"HT03", "upgrade to WebSocket", strings.Replace(good, "\r\n", "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n", 1), both(200)},
		{"HT03", "upgrade to HTTP/2", strings.Replace(good, "\r\n", "\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", 1), both(200)},
		{"HT03", "HTTP/2 at once", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused},
		{"HT03", "absolute URI", at("http://localhost/predict"), both(200)},
		{"HT03", "absolute URI with HTTPS in capitals", at("HTTPS://LOCALHOST/predict"), both(200)},
		{"HT03", "absolute URI of another host", at("http://evil.example/predict"), refused},
		{"HT03", "absolute URI with a password", at("http://a:b@localhost/predict"), refused},
		{"HT03", "absolute URI of a file", at("file:///predict"), refused},
		{"HT03", "absolute URI without a host", at("http:///predict"), refused},
		{"HT03", "proxy request", at("http://169.254.169.254/latest"), refused},
		{"HT03", "CONNECT", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", both(404)},
		{"HT03", "CONNECT with a path", strings.Replace(good, "POST", "CONNECT", 1), both(405)},
		{"HT03", "no leading slash", at("predict"), refused},
		{"HT03", "bare LF", post("X: a\nY: b\r\n"+length, goodBody), refused},
		{"HT03", "bare LF before a length", post("X: a\nContent-Length: 5\r\n"+chunked, chunk+"0\r\n\r\n"), refused},
		{"HT03", "bare CR", post("X: a\rY: b\r\n"+length, goodBody), refused},
		{"HT03", "folded first line", "POST /predict HTTP/1.1\r\n Host: localhost\r\nHost: localhost\r\n" + length + "\r\n" + goodBody, refused},
		{"HT03", "folded length", post("X: a\r\n Content-Length: 5\r\n"+length, goodBody), refused},
		{"HT03", "length and chunks", post(length+chunked, chunk+"0\r\n\r\n"), refused},
		{"HT03", "chunks and length", post(chunked+length, chunk+"0\r\n\r\n"), refused},
		{"HT03", "chunks twice", post(chunked+chunked, chunk+"0\r\n\r\n"), refused},
		{"HT03", "chunks in a list", post("Transfer-Encoding: gzip, chunked\r\n", chunk+"0\r\n\r\n"), refused},
		{"HT03", "chunks behind a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", chunk+"0\r\n\r\n"), refused},
		{"HT03", "underscore for a hyphen", post("Transfer_Encoding: chunked\r\n"+length, goodBody), both(200)},
		{"HT03", "length in hexadecimal", post("Content-Length: 0x1\r\n", "x"), refused},
		{"HT03", "negative length", post("Content-Length: -1\r\n", "x"), refused},
		{"HT03", "list of lengths", post("Content-Length: 5, 5\r\n", "hello"), refused},
		{"HT03", "one length twice", post(length+length, goodBody), refused},
		{"HT03", "empty length", post("Content-Length:\r\n", ""), refused},
		{"HT03", "body of a GET", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", both(200)},
		{"HT03", "chunks of a GET", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + chunked + "\r\n5\r\nhello\r\n0\r\n\r\n", both(200)},
		{"HT03", "size of a chunk overflows", post(chunked, "10000000000000002\r\nx\r\n0\r\n\r\n"), refused},
		{"HT03", "size of a chunk is negative", post(chunked, "-1\r\nx\r\n0\r\n\r\n"), refused},
		{"HT03", "size of a chunk with 0x", post(chunked, "0x1\r\nx\r\n0\r\n\r\n"), refused},
		{"HT03", "chunks with bare LF", post(chunked, "1\nx\n0\n\n"), refused},
		{"HT03", "chunk longer than its size", post(chunked, "1\r\nxx\r\n0\r\n\r\n"), refused},
		{"HT03", "extension of a chunk with LF", post(chunked, strings.Replace(chunk, "\r\n", ";a\nb\r\n", 1)+"0\r\n\r\n"), refused},
		{"HT03", "extension of a chunk", post(chunked, strings.Replace(chunk, "\r\n", ";a=b\r\n", 1)+"0\r\n\r\n"), both(200)},
		{"HT03", "HTTP/0.9", "GET /healthz\r\n\r\n", refused},
		{"HT03", "HTTP/1.2", strings.Replace(good, "HTTP/1.1", "HTTP/1.2", 1), refused},
		{"HT03", "two spaces", strings.Replace(good, "POST ", "POST  ", 1), refused},
		{"HT03", "space in the path", at("/pre dict"), refused},
		{"HT03", "method in small letters", strings.Replace(good, "POST", "post", 1), both(405)},
		{"HT03", "method with a bracket", strings.Replace(good, "POST", "PO(ST", 1), refused},
		{"HT03", "no name", post(": x\r\n"+length, goodBody), refused},
		{"HT03", "name with a bracket", post("X(y): x\r\n"+length, goodBody), refused},
		{"HT03", "no host", strings.Replace(good, "Host: localhost\r\n", "", 1), refused},
		{"HT03", "host with a path", strings.Replace(good, "Host: localhost", "Host: localhost/x", 1), refused},
		{"HT04", "overlong UTF-8", at("/v1/models/..%c0%afm:predict"), both(404)},
		{"HT04", "overlong UTF-8, not encoded", at("/v1/models/..\xc0\xafm:predict"), both(404)},
		{"HT04", "overlong dot", at("/v1/models/%c0%ae%c0%ae:predict"), both(404)},
		{"HT04", "UTF-8 cut off", at("/v1/models/%e2%82:predict"), both(404)},
		{"HT04", "surrogate", at("/v1/models/%ed%a0%80:predict"), both(404)},
		{"HT04", "full-width dots", at("/v1/models/%ef%bc%8e%ef%bc%8e:predict"), both(404)},
		{"HT04", "text direction", at("/v1/models/%e2%80%aem:predict"), both(404)},
		{"HT04", "encoded twice", at("/v1/models/%252e%252e:predict"), both(404)},
		{"HT04", "broken escape", at("/v1/models/%zz:predict"), both(404)},
		{"HT04", "overlong UTF-8 in the query", at("/predict?model=%c0%ae"), both(404)},
		{"HT04", "encoded letters", at("/%70redict"), both(404)},
		{"HT04", "parameter", at("/predict;x=1"), both(404)},
		{"HT04", "case", at("/Predict"), both(404)},
		{"HT04", "trailing dot", at("/predict."), both(404)},
		{"HT04", "backslash", at("/x\\..\\predict"), both(404)},
		{"HT04", "dots before the path", at("/x/..//predict"), both(404)},
		{"HT05", "overlong UTF-8 in a key", sized("{\"\xc0\xaf\": 1}"), both(400)},
		{"HT05", "not UTF-8 in a text of KServe", strings.Replace(sized("{\"id\": \"\xff\", \"inputs\": []}"), "/predict", "/v2/models/m/infer", 1), both(400)},
		{"HT05", "not UTF-8 in a text of OpenAI", strings.Replace(sized("{\"model\": \"\xc0\xaf\", \"input\": [1]}"), "/predict", "/openai/v1/embeddings", 1), both(400)},
		{"HT05", "base64 that is none", strings.Replace(sized(`{"instances": [{"b64": "!!"}]}`), "/predict", "/v1/models/m:predict", 1), both(400)},
		{"HT05", "minus zero", sized(`{"input_data": [[-0, -0.0, -0e5]]}`), both(200)},
		{"HT05", "long number", sized(`{"input_data": [[1, 2, ` + strings.Repeat("9", 500_000) + `]]}`), both(400)},
		{"HT05", "long fraction", sized(`{"input_data": [[1, 2, 3.` + strings.Repeat("0", 500_000) + `]]}`), both(200)},
		{"HT05", "long text", sized(`{"input_data": "` + strings.Repeat("a", 900_000) + `"}`), both(400)},
		{"HT08", "type of another body", post("Content-Type: application/xml\r\n"+length, goodBody), both(200)},
		{"HT08", "many types", post("Accept: "+strings.Repeat("a/b;q=0.1,", 1500)+"\r\n"+length, goodBody), both(200)},
		{"HT08", "preflight", "OPTIONS /predict HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nAccess-Control-Request-Method: POST\r\n\r\n", both(405)},
		{"HT08", "form of another site", post("Origin: http://evil.example\r\nContent-Type: text/plain\r\n"+length, goodBody), both(403)},
	} {
		t.Run(c.id+" "+c.name, func(t *testing.T) {
			codes, bodies := answersTo(t, dialHTTP(t, s), c.request+behind)
			if !slices.Equal(codes, c.want) {
				t.Fatalf("answers %v, want %v: %.500q", codes, c.want, bodies)
			}
			if codes[0] >= 400 && len(bodies[0]) > 4<<10 {
				t.Errorf("an error of %d bytes", len(bodies[0]))
			}
		})
	}
	alive(t, s)
}
