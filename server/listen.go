package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// doorman accepts connections of one listener. Where the system has no more to give, such as file descriptors, it waits
// until it has; fasthttp would end.
type doorman struct {
	net.Listener
	log *slog.Logger
}

// Accept implements net.Listener.
func (d *doorman) Accept() (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		conn, err := d.Listener.Accept()
		if err == nil || !exhausted(err) {
			return conn, err
		}
		d.log.Error("no connection can be accepted now", "error", err)
		time.Sleep(wait)
	}
}

// exhausted reports whether an error of accept(2) is one that passes.
func exhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// listen opens an address.
func (s *Server) listen(address string) (net.Listener, error) {
	ln, err := s.cfg.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return &doorman{ln, s.cfg.Log}, nil
}

// connections is how many are open.
func (s *Server) connections() (n float64) {
	for _, l := range s.listeners {
		n += float64(max(0, l.http.GetOpenConnectionsCount())) // -1 before it serves
	}
	if s.grpc != nil {
		n += float64(s.grpc.ln.open.Load())
	}
	return n
}

// bounded is a listener that closes at once what is beyond a number of connections, of all clients or of one address.
// fasthttp counts by itself; this is for gRPC.
type bounded struct {
	net.Listener
	most, mostPerIP int // 0 for any number

	open  atomic.Int64
	mu    sync.Mutex
	perIP map[string]int // of those that are open
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil {
			host = "" // not TCP
		}
		if b.enter(host) {
			return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { b.leave(host) })}, nil
		}
		_ = conn.Close()
	}
}

func (b *bounded) enter(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most > 0 && int(b.open.Load()) >= b.most || b.mostPerIP > 0 && b.perIP[host] >= b.mostPerIP {
		return false
	}
	b.open.Add(1)
	b.perIP[host]++
	return true
}

func (b *bounded) leave(host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open.Add(-1)
	if b.perIP[host]--; b.perIP[host] == 0 {
		delete(b.perIP, host)
	}
}

type boundedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
