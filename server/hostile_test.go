package server_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
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

// TestHostileFraming sends each of them with another request behind it, so that nothing in it is ever taken for one.
func TestHostileFraming(t *testing.T) {
	s := start(t, func(c *server.Config) { c.MaxBody = 1 << 20 })
	const behind = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	for _, c := range servertest.Framings() {
		t.Run(c.ID+" "+c.Name, func(t *testing.T) {
			codes, bodies := answersTo(t, dialHTTP(t, s), c.Request+behind)
			if !slices.Equal(codes, c.Codes) {
				t.Fatalf("answers %v, want %v: %.500q", codes, c.Codes, bodies)
			}
			if codes[0] >= 400 && len(bodies[0]) > 4<<10 {
				t.Errorf("an error of %d bytes", len(bodies[0]))
			}
		})
	}
	alive(t, s)
}
