package servertest

import (
	"fmt"
	"strings"
)

// Framing is a request whose end can be seen in two ways: either it is understood as it must be and the one behind it on the
// connection is answered too, or it is refused and the connection is closed (request smuggling).
type Framing struct {
	ID      string // of the catalogue in research/reliability.md
	Name    string
	Request string
	Codes   []int // of the answers to it and to the one behind it
}

// Good is a body for the model that Framings ask, at /predict, with one input of three numbers per row.
const Good = `{"input_data": [[1, 2, 3]]}`

// Post is a raw request to /predict.
func Post(headers, body string) string {
	return "POST /predict HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body
}

// Sized is one with a Content-Length.
func Sized(body string) string { return Post(fmt.Sprintf("Content-Length: %d\r\n", len(body)), body) }

// Framings are for a server with a limit of 1 MiB for bodies.
func Framings() []Framing {
	const chunked = "Transfer-Encoding: chunked\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(Good))
	good := Post(length, Good)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(Good), Good)
	at := func(target string) string { return strings.Replace(good, "/predict", target, 1) }
	upload := strings.Replace(Sized(strings.Repeat("--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n1\r\n", 1000)+"--x--\r\n"),
		"\r\n\r\n", "\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n", 1)
	refused, both := []int{400}, func(code int) []int { return []int{code, 200} }
	return []Framing{
		{"HT01", "zstd", Post("Content-Encoding: zstd\r\nContent-Length: 4\r\n", "oops"), both(415)},
		{"HT01", "two codings", Post("Content-Encoding: gzip, gzip\r\nContent-Length: 4\r\n", "oops"), both(415)},
		{"HT01", "two lines of codings", Post("Content-Encoding: identity\r\nContent-Encoding: br\r\n"+length, Good), both(415)},
		{"HT01", "multipart", upload, both(400)},
		{"HT02", "trailer", Post("Trailer: X-A\r\n"+chunked, chunk+"0\r\nX-A: b\r\n\r\n"), both(200)},
		{"HT02", "trailer with a length", Post(chunked, chunk+"0\r\nContent-Length: 5\r\n\r\n"), refused},
		{"HT02", "trailer announced with a length", Post("Trailer: Content-Length\r\n"+chunked, chunk+"0\r\nContent-Length: 5\r\n\r\n"), refused},
		{"HT02", "trailer with a coding", Post(chunked, chunk+"0\r\nTransfer-Encoding: chunked\r\n\r\n"), refused},
		{"HT02", "trailer with a key", Post(chunked, chunk+"0\r\nAuthorization: Bearer x\r\n\r\n"), refused},
		{"HT02", "trailer without a colon", Post(chunked, chunk+"0\r\nnonsense\r\n\r\n"), refused},
		{"HT02", "trailer with NUL", Post(chunked, chunk+"0\r\nX: a\x00\r\n\r\n"), refused},
		{"HT02", "huge trailer", Post(chunked, chunk+"0\r\nX: "+strings.Repeat("a", 1<<20)+"\r\n\r\n"), refused},
		{"HT02", "many trailers", Post(chunked, chunk+"0\r\n"+strings.Repeat("X: a\r\n", 100_000)+"\r\n"), refused},
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
		{"HT03", "bare LF", Post("X: a\nY: b\r\n"+length, Good), refused},
		{"HT03", "bare LF before a length", Post("X: a\nContent-Length: 5\r\n"+chunked, chunk+"0\r\n\r\n"), refused},
		{"HT03", "bare CR", Post("X: a\rY: b\r\n"+length, Good), refused},
		{"HT03", "folded first line", "POST /predict HTTP/1.1\r\n Host: localhost\r\nHost: localhost\r\n" + length + "\r\n" + Good, refused},
		{"HT03", "folded length", Post("X: a\r\n Content-Length: 5\r\n"+length, Good), refused},
		{"HT03", "length and chunks", Post(length+chunked, chunk+"0\r\n\r\n"), refused},
		{"HT03", "chunks and length", Post(chunked+length, chunk+"0\r\n\r\n"), refused},
		{"HT03", "chunks twice", Post(chunked+chunked, chunk+"0\r\n\r\n"), refused},
		{"HT03", "chunks in a list", Post("Transfer-Encoding: gzip, chunked\r\n", chunk+"0\r\n\r\n"), refused},
		{"HT03", "chunks behind a vertical tab", Post("Transfer-Encoding: \x0bchunked\r\n", chunk+"0\r\n\r\n"), refused},
		{"HT03", "underscore for a hyphen", Post("Transfer_Encoding: chunked\r\n"+length, Good), both(200)},
		{"HT03", "length in hexadecimal", Post("Content-Length: 0x1\r\n", "x"), refused},
		{"HT03", "negative length", Post("Content-Length: -1\r\n", "x"), refused},
		{"HT03", "list of lengths", Post("Content-Length: 5, 5\r\n", "hello"), refused},
		{"HT03", "one length twice", Post(length+length, Good), refused},
		{"HT03", "empty length", Post("Content-Length:\r\n", ""), refused},
		{"HT03", "body of a GET", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", both(200)},
		{"HT03", "chunks of a GET", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + chunked + "\r\n5\r\nhello\r\n0\r\n\r\n", both(200)},
		{"HT03", "size of a chunk overflows", Post(chunked, "10000000000000002\r\nx\r\n0\r\n\r\n"), refused},
		{"HT03", "size of a chunk is negative", Post(chunked, "-1\r\nx\r\n0\r\n\r\n"), refused},
		{"HT03", "size of a chunk with 0x", Post(chunked, "0x1\r\nx\r\n0\r\n\r\n"), refused},
		{"HT03", "chunks with bare LF", Post(chunked, "1\nx\n0\n\n"), refused},
		{"HT03", "chunk longer than its size", Post(chunked, "1\r\nxx\r\n0\r\n\r\n"), refused},
		{"HT03", "extension of a chunk with LF", Post(chunked, strings.Replace(chunk, "\r\n", ";a\nb\r\n", 1)+"0\r\n\r\n"), refused},
		{"HT03", "extension of a chunk", Post(chunked, strings.Replace(chunk, "\r\n", ";a=b\r\n", 1)+"0\r\n\r\n"), both(200)},
		{"HT03", "HTTP/0.9", "GET /healthz\r\n\r\n", refused},
		{"HT03", "HTTP/1.2", strings.Replace(good, "HTTP/1.1", "HTTP/1.2", 1), refused},
		{"HT03", "two spaces", strings.Replace(good, "POST ", "POST  ", 1), refused},
		{"HT03", "space in the path", at("/pre dict"), refused},
		{"HT03", "method in small letters", strings.Replace(good, "POST", "post", 1), both(405)},
		{"HT03", "method with a bracket", strings.Replace(good, "POST", "PO(ST", 1), refused},
		{"HT03", "no name", Post(": x\r\n"+length, Good), refused},
		{"HT03", "name with a bracket", Post("X(y): x\r\n"+length, Good), refused},
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
		{"HT05", "overlong UTF-8 in a key", Sized("{\"\xc0\xaf\": 1}"), both(400)},
		{"HT05", "not UTF-8 in a text of KServe", strings.Replace(Sized("{\"id\": \"\xff\", \"inputs\": []}"), "/predict", "/v2/models/m/infer", 1), both(400)},
		{"HT05", "not UTF-8 in a text of OpenAI", strings.Replace(Sized("{\"model\": \"\xc0\xaf\", \"input\": [1]}"), "/predict", "/openai/v1/embeddings", 1), both(400)},
		{"HT05", "base64 that is none", strings.Replace(Sized(`{"instances": [{"b64": "!!"}]}`), "/predict", "/v1/models/m:predict", 1), both(400)},
		{"HT05", "minus zero", Sized(`{"input_data": [[-0, -0.0, -0e5]]}`), both(200)},
		{"HT05", "long number", Sized(`{"input_data": [[1, 2, ` + strings.Repeat("9", 500_000) + `]]}`), both(400)},
		{"HT05", "long fraction", Sized(`{"input_data": [[1, 2, 3.` + strings.Repeat("0", 500_000) + `]]}`), both(200)},
		{"HT05", "long text", Sized(`{"input_data": "` + strings.Repeat("a", 900_000) + `"}`), both(400)},
		{"HT08", "type of another body", Post("Content-Type: application/xml\r\n"+length, Good), both(200)},
		{"HT08", "many types", Post("Accept: "+strings.Repeat("a/b;q=0.1,", 1500)+"\r\n"+length, Good), both(200)},
		{"HT08", "preflight", "OPTIONS /predict HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nAccess-Control-Request-Method: POST\r\n\r\n", both(405)},
		{"HT08", "own page", Post("Origin: http://localhost\r\n"+length, Good), both(200)},
		{"HT08", "own page behind a proxy with TLS", Post("Origin: https://localhost\r\n"+length, Good), both(200)},
		{"HT08", "form of another site", Post("Origin: http://evil.example\r\nContent-Type: text/plain\r\n"+length, Good), both(403)},
	}
}
