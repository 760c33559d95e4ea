package server_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

// BenchmarkConnection is what a request costs on a connection that is always ready, kernel and network aside, beside that of
// fasthttp with a handler that looks at nothing. The model has 100 inputs and costs next to nothing.
func BenchmarkConnection(b *testing.B) {
	s, err := server.New(server.Config{APIs: apis, HTTP: "127.0.0.1:0", Load: servertest.Load,
		Sources: servertest.Source("m", servertest.Model(100, 1)), MaxBody: 32 << 20, HeaderTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, WriteTimeout: 30 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	bare := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		ctx.SetBodyString("{\"prediction\": [0.12345678]}\n")
	}}
	rng := rand.New(rand.NewPCG(1, 2))
	numbers := fmt.Appendf(nil, `{"input_data": [[%.16f`, rng.Float64())
	for range 99 {
		numbers = fmt.Appendf(numbers, ", %.16f", rng.Float64())
	}
	json := request("/predict", "Content-Type: application/json\r\n", string(numbers)+"]]}")
	head := `{"inputs":[{"name":"input","shape":[1,100],"datatype":"FP32","parameters":{"binary_data_size":400}}],` +
		`"outputs":[{"name":"output","parameters":{"binary_data":true}}]}`
	tensors := request("/v2/models/m/infer", fmt.Sprintf("Content-Type: application/octet-stream\r\nInference-Header-Content-Length: %d\r\n", len(head)),
		head+string(make([]byte, 400)))
	for _, c := range []struct {
		name    string
		wrap    func(net.Conn) net.Conn
		serve   func(net.Conn) error
		request []byte
	}{{"bare", func(c net.Conn) net.Conn { return c }, bare.ServeConn, json}, {"predict", server.Patient, s.ServeConn, json}, {"infer", server.Patient, s.ServeConn, tensors}} {
		b.Run(c.name, func(b *testing.B) {
			conn := &readyConn{Conn: tcp(b), request: c.request, left: b.N}
			b.ReportAllocs()
			b.ResetTimer()
			if err := c.serve(c.wrap(conn)); err != nil {
				b.Fatal(err)
			}
			if conn.answers != b.N {
				b.Fatalf("%d answers of %d, the last: %s", conn.answers, b.N, conn.last)
			}
		})
	}
}

func request(path, headers, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: %d\r\n%s\r\n%s", path, len(body), headers, body)
}

// tcp is one end of a connection over loopback.
func tcp(b *testing.B) net.Conn {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	conn, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

// readyConn is a connection whose peer sends a request as soon as one is read, and takes every answer. What is not read
// or written, such as a deadline, is that of a real one.
type readyConn struct {
	net.Conn
	request []byte
	left    int
	answers int
	last    []byte
}

func (c *readyConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if len(p) < len(c.request) {
		panic("the request does not fit the buffer")
	}
	c.left--
	return copy(p, c.request), nil
}

func (c *readyConn) Write(p []byte) (int, error) {
	c.last = append(c.last[:0], p...)
	if bytes.HasPrefix(p, []byte("HTTP/1.1 200 ")) {
		c.answers++
	}
	return len(p), nil
}
