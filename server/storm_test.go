package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
)

// gauge reads a metric without labels.
func gauge(t testing.TB, s *server.Server, name string) (n float64) {
	t.Helper()
	text, err := s.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+name+" ")
	if _, err := fmt.Sscan(rest, &n); !found || err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// connections waits until as many are open.
func connections(t testing.TB, s *server.Server, n int) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " connections are open"), func() bool { return int(gauge(t, s, "hotpath_connections")) == n })
}

// TestHT02HalfOpen: a client that has closed its half after a request gets the answer; one that did before the end of its
// request gets none that says more than that.
func TestHT02HalfOpen(t *testing.T) {
	s := start(t, nil)
	for name, c := range map[string]struct {
		request string
		want    int // 0: the connection is closed without an answer
	}{
		"whole request":  {sized(goodBody), 200},
		"half a head":    {"POST /predict HTTP/1.1\r\nHo", 0},
		"half a body":    {post("Content-Length: 999\r\n", "{"), 400},
		"half a chunk":   {post("Transfer-Encoding: chunked\r\n", "ff\r\n{"), 400},
		"half a trailer": {post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\nX: "), 400},
		"nothing":        {"", 0},
	} {
		conn := dialHTTP(t, s)
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		codes, bodies := answersTo(t, conn, "")
		if c.want == 0 && len(codes) > 0 && codes[0] < 400 || c.want != 0 && (len(codes) != 1 || codes[0] != c.want) {
			t.Errorf("%s: %v %q, want %d", name, codes, bodies, c.want)
		}
	}
	connections(t, s, 0)
	alive(t, s)
}

// TestHT02SlowReader: a client that sends requests and reads no answers is cut off once an answer cannot be written in time.
func TestHT02SlowReader(t *testing.T) {
	s := start(t, func(c *server.Config) { c.WriteTimeout = time.Second })
	conn := dialHTTP(t, s)
	request := []byte("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for { // until both directions are full
		if _, err := conn.Write(request); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("not cut off")
			}
			break
		}
	}
	connections(t, s, 0)
	alive(t, s)
}

// TestHT06Pipelining sends many requests at once on one connection: each is answered, in order.
func TestHT06Pipelining(t *testing.T) {
	const many = 10_000
	s := start(t, nil)
	conn := dialHTTP(t, s)
	go func() {
		w := bufio.NewWriter(conn)
		for i := range many {
			_, _ = io.WriteString(w, sized(fmt.Sprintf(`{"input_data": [[%d, 0, 0]]}`, i)))
		}
		_ = w.Flush()
	}()
	r := bufio.NewReader(conn)
	for i := range many {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		body, _ := io.ReadAll(resp.Body)
		if want := fmt.Sprintf(`{"prediction": [%d]}`, i); resp.StatusCode != 200 || strings.TrimSpace(string(body)) != want {
			t.Fatalf("answer %d: %d %s", i, resp.StatusCode, body)
		}
	}
}

// TestHT06Churn opens and closes connections, some in the middle of a request: none stays.
func TestHT06Churn(t *testing.T) {
	s := start(t, nil)
	for i := range 1000 {
		conn := dialHTTP(t, s)
		_, _ = io.WriteString(conn, sized(goodBody)[:i%80])
		if i%2 == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset
		}
		conn.Close()
	}
	connections(t, s, 0)
	alive(t, s)
}

// TestHT06IdleStorm opens more connections than there may be: those beyond are turned away at once, the others are
// closed when they have been idle for long enough, and then there is room again.
func TestHT06IdleStorm(t *testing.T) {
	const most = 100
	s := start(t, func(c *server.Config) {
		c.Admin, c.MaxConns, c.IdleTimeout, c.HeaderTimeout = "127.0.0.1:0", most, 2*time.Second, 2*time.Second
	})
	var conns []net.Conn
	var readers []*bufio.Reader
	for i := range most {
		conn := dialHTTP(t, s)
		conns, readers = append(conns, conn), append(readers, bufio.NewReader(conn))
		if i%2 == 0 { // some have been used
			_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if resp, err := http.ReadResponse(readers[i], nil); err != nil || resp.StatusCode != 200 {
				t.Fatal(resp, err)
			} else {
				_, _ = io.Copy(io.Discard, resp.Body)
			}
		}
	}
	if codes, _ := answersTo(t, dialHTTP(t, s), ""); len(codes) > 1 || len(codes) == 1 && codes[0] != 503 && codes[0] != 408 {
		t.Errorf("one more connection is answered %v", codes)
	}
	if code, _, _ := call(t, "GET", s.AdminURL()+"/healthz", ""); code != 200 {
		t.Errorf("health at the other listener: %d", code)
	}
	for i, r := range readers {
		if resp, err := http.ReadResponse(r, nil); err == nil && resp.StatusCode != 408 {
			t.Fatalf("connection %d: %d", i, resp.StatusCode)
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("connection %d stays open", i)
		}
		conns[i].Close()
	}
	eventually(t, "there is room again", func() bool {
		resp, err := http.Get(s.URL() + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil && resp.StatusCode == 200
	})
}

// TestHT06ConnectionsPerAddress has one limit for an address, which a header cannot change.
func TestHT06ConnectionsPerAddress(t *testing.T) {
	s := start(t, func(c *server.Config) { c.MaxConnsPerIP = 3 })
	for range 3 {
		conn := dialHTTP(t, s)
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
	}
	if codes, _ := answersTo(t, dialHTTP(t, s), "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n"); len(codes) != 1 || codes[0] != 429 {
		t.Errorf("a fourth connection: %v", codes)
	}
}

// exhaustedListener has no file descriptor for the first connections.
type exhaustedListener struct {
	net.Listener
	left atomic.Int64
}

func (l *exhaustedListener) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// TestHT06NoFileDescriptors: a server that cannot accept connections for a while goes on when it can again.
func TestHT06NoFileDescriptors(t *testing.T) {
	s := start(t, func(c *server.Config) {
		c.GRPC = "127.0.0.1:0"
		c.Listen = func(address string) (net.Listener, error) {
			ln, err := net.Listen("tcp", address)
			l := &exhaustedListener{Listener: ln}
			l.left.Store(3)
			return l, err
		}
	})
	alive(t, s)
	if code := invoke(dial(t, s), "/inference.GRPCInferenceService/ServerMetadata"); code.String() != "Unknown" { // the end of the stream
		t.Error(code)
	}
}
