package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hotpath/hotpath/bench/process"
	"github.com/hotpath/hotpath/server/registry"
)

// Of a restart. Requests never stop coming here, so the drain goes on accepting for half of its time.
const (
	drainGrace   = 100 * time.Millisecond
	drainTimeout = 600 * time.Millisecond
	longestLife  = 200 * time.Millisecond // of a server before SIGTERM
	patience     = 30 * time.Second       // for an answer, and for the end of a process
)

// terms restarts the server over and over in the way of systemd, which keeps the socket: connections wait in it between
// two processes. Clients ask all the time and close a connection when an answer says so; there is no failure that they
// forgive, and an answer must be that of the version it names. Each restart finds a new version.
func terms(s settings, store string, figure map[string]any) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	socket, err := ln.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer socket.Close()
	address := ln.Addr().String()
	r := registry.New(store)
	var t tally
	var stop atomic.Bool
	var clients sync.WaitGroup
	begun := time.Now()
	for round := 0; err == nil; round++ {
		var srv *service
		if err = publish(r, round+1); err == nil {
			srv, err = onSocket(s.binary, store, address, socket)
		}
		if err != nil {
			break
		}
		if round == 0 {
			for range s.conns {
				clients.Go(func() { t.ask(address, &stop) })
			}
		}
		before := t.asked.Load()
		err = process.Until(time.Minute, "an answer to each", func() (bool, error) { return t.asked.Load() >= before+int64(s.conns), nil })
		if round == s.terms { // one more than was asked for, to answer what waits
			stop.Store(true)
			clients.Wait()
		} else {
			time.Sleep(time.Duration(rand.Int64N(int64(longestLife))))
		}
		if endErr := srv.end(); err == nil && endErr != nil {
			err = fmt.Errorf("round %d: %w", round, endErr)
		}
		if stop.Load() {
			break
		}
	}
	stop.Store(true)
	ln.Close()
	socket.Close() // after an error requests may wait in it
	clients.Wait()
	figure["rounds"], figure["connections"], figure["seconds"] = s.terms, s.conns, time.Since(begun).Seconds()
	figure["requests"], figure["connected"] = t.asked.Load(), t.connected.Load()
	figure["failed"], figure["mixed"], figure["longest_ms"] = t.failed.Load(), t.mixed.Load(), float64(t.longest.Load())/1e6
	if err == nil && t.failed.Load()+t.mixed.Load() > 0 {
		err = fmt.Errorf("%d requests failed, %d had an answer of another version; the first: %w", t.failed.Load(), t.mixed.Load(),
			*t.first.Load())
	}
	return err
}

// publish makes the version that multiplies by its number the stable one.
func publish(r *registry.Store, version int) error {
	data, err := model(float32(version), width, 1)
	if err != nil {
		return err
	}
	blob, err := r.Stage(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	defer blob.Discard()
	v, err := r.Publish(registry.Publication{Name: "m", Label: "stable", Model: blob})
	if err == nil && v.Number != int64(version) {
		err = fmt.Errorf("version %d, expected %d", v.Number, version)
	}
	return err
}

// onSocket starts the binary on a socket that is open, by systemd's protocol.
func onSocket(binary, store, address string, socket *os.File) (*service, error) {
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`, binary, "serve", "--http", address, "--admin", "127.0.0.1:0",
		"--store", store, "--log-level", "error", "--poll", "50ms", "--drain-grace", drainGrace.String(), "--drain-timeout", drainTimeout.String())
	cmd.ExtraFiles = []*os.File{socket}
	return begin(cmd)
}

// end sends SIGTERM and reports how the process ended, which is 0 after a complete drain.
func (s *service) end() error {
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(patience, func() { _ = s.Cmd.Process.Kill() })
	defer late.Stop()
	return s.Cmd.Wait()
}

// tally is what the clients saw.
type tally struct {
	asked, connected, failed, mixed, longest atomic.Int64
	first                                    atomic.Pointer[error]
}

// ask sends requests until stop, over one connection for as long as the answers leave it open.
func (t *tally) ask(address string, stop *atomic.Bool) {
	body := ones(width)
	request := fmt.Appendf(nil, "POST /predict?model=m HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", address, len(body), body)
	var conn net.Conn
	var answers *bufio.Reader
	for !stop.Load() {
		begun := time.Now()
		var err error
		if conn == nil {
			if conn, err = net.Dial("tcp", address); err != nil {
				t.fail(&t.failed, err)
				return
			}
			t.connected.Add(1)
			answers = bufio.NewReader(conn)
		}
		_ = conn.SetDeadline(begun.Add(patience))
		closes, err := t.once(conn, answers, request)
		t.asked.Add(1)
		took := int64(time.Since(begun))
		for longest := t.longest.Load(); took > longest && !t.longest.CompareAndSwap(longest, took); longest = t.longest.Load() {
		}
		if err != nil {
			t.fail(&t.failed, err)
		}
		if closes || err != nil {
			conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		conn.Close()
	}
}

// once sends a request and reads the whole answer.
func (t *tally) once(conn net.Conn, answers *bufio.Reader, request []byte) (closes bool, err error) {
	if _, err = conn.Write(request); err != nil {
		return true, err
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return true, err
	}
	var version int
	_, _ = fmt.Sscanf(resp.Header.Get("X-Hotpath-Model"), "m/%d", &version)
	switch {
	case resp.StatusCode != http.StatusOK:
		return true, fmt.Errorf("%d %s", resp.StatusCode, text)
	case string(text) != fmt.Sprintf("{\"prediction\": [%d]}\n", width*version):
		t.fail(&t.mixed, fmt.Errorf("version %d answered %s", version, text))
	}
	return resp.Close, nil
}

// fail counts a failure and keeps the first.
func (t *tally) fail(count *atomic.Int64, err error) {
	count.Add(1)
	t.first.CompareAndSwap(nil, &err)
}
