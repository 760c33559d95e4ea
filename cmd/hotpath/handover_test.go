//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// handOver asks the process to hand over, waits until it has ended, and makes p the one that goes on.
func (p *process) handOver() {
	p.t.Helper()
	from := p.out.len()
	p.signal(syscall.SIGUSR2)
	groups, _ := p.out.wait(p.t, from, `msg="handed over" pid=(\d+)`)
	p.out.wait(p.t, from, "msg=drained")
	if !p.waited {
		if err := p.cmd.Wait(); err != nil {
			p.t.Fatalf("after the hand-over: %v", err)
		}
		p.waited = true
	}
	p.pid, _ = strconv.Atoi(groups[1])
	p.out.wait(p.t, from, servesAt+p.url)
}

// TestHandOver upgrades in place, again and again, while requests run on kept and on new connections, and calls of gRPC: none fails.
// Ports that the system chose stay what they are.
func TestHandOver(t *testing.T) {
	dir := t.TempDir()
	p := begin(t, "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--store", dir, "--drain-grace", "1s")
	groups, _ := p.out.wait(t, 0, `gRPC at (\S+)`)
	conn, err := grpc.NewClient(groups[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	admin, _ := p.out.wait(t, 0, metricsAt+`(\S+)`)
	clients := ask(t, p.url, 4)
	calls := 0
	clients.clients.Go(func() {
		for !clients.stopped.Load() {
			if a, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil || a.Status != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("gRPC: %v %v", a, err)
				return
			}
			calls++
			time.Sleep(time.Millisecond)
		}
	})
	for range 3 {
		was := p.pid
		clients.more(t, 50)
		p.handOver()
		if p.pid == was {
			t.Error("it is the same process")
		}
		clients.more(t, 50)
	}
	clients.stop()
	own := p.url
	p.url = admin[1]
	if got, _ := p.get("/debug/slow"); got != 200 {
		t.Errorf("the admin listener answers %d", got)
	}
	p.url = own
	p.end()
	t.Logf("%d predictions, %d on connections that were closed after them, %d calls", clients.answered.Load(), clients.closed.Load(), calls)
	if clients.closed.Load() == 0 || calls == 0 {
		t.Error("the hand-over was not noticed at all")
	}
}

// TestHandOverFails leaves the old process at work where the new one does not become ready, for any reason, and says which.
func TestHandOverFails(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "hotpath.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte("listeners:\n  drain-grace: 1s\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	write("")
	p := begin(t, "--config", config, "--models", modelDir(t, 1), "--upgrade-timeout", "50s", "--store", filepath.Join(dir, "store"))
	clients := ask(t, p.url, 2)
	for _, tc := range []struct {
		name, settings string
		change         func()
		want           string
	}{
		{"an error in the file", "limits:\n  max-rows: many\n", nil, "ended before it was ready.*exit status 2"},
		{"an address that is in use", fmt.Sprintf("  admin: %s\n", busy.Addr()), nil, "the new process: listen: "},
		{"a program that ends", "", func() { script(t, p.binary, "exit 3") }, "ended before it was ready.*exit status 3"},
		{"a program that says nothing and ends", "", func() { script(t, p.binary, "exec 0<&- 1>&- 2>&-; exit 4") }, "exit status 4"},
		{"no program", "", func() { os.Remove(p.binary) }, "no such file"},
	} {
		write(tc.settings)
		if tc.change != nil {
			tc.change()
		}
		from := p.out.len()
		p.signal(syscall.SIGUSR2)
		p.out.wait(t, from, `msg="the upgrade failed, this process goes on" error=.*`+tc.want)
		clients.more(t, 20)
		t.Log(tc.name)
	}
	write("")
	wrap(t, p.binary)
	p.handOver()
	clients.more(t, 20)
	clients.stop()
	p.end()
}

// TestHandOverTimesOut ends a process that does not become ready.
func TestHandOverTimesOut(t *testing.T) {
	p := begin(t, "--store", t.TempDir(), "--upgrade-timeout", "300ms", "--drain-grace", "10ms")
	script(t, p.binary, "exec sleep 600")
	p.signal(syscall.SIGUSR2)
	p.out.wait(t, 0, `msg="the upgrade failed, this process goes on" error="the new process is not ready after 300ms \(signal: killed\)"`)
	if status, _ := p.get("/readyz"); status != 200 {
		t.Error(status)
	}
	p.end()
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestHandOverKeepsModels: where a model that answers does not load in the new process, that one does not take over.
func TestHandOverKeepsModels(t *testing.T) {
	dir := modelDir(t, 1)
	p := begin(t, "--models", dir, "--poll", "1h", "--drain-grace", "10ms")
	if err := os.WriteFile(filepath.Join(dir, "m", "1", "model.onnx"), []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGUSR2)
	p.out.wait(t, 0, "goes on\" error=\"the new process: model m, which the process before serves, cannot be served")
	clients := ask(t, p.url, 1)
	clients.more(t, 10)
	clients.stop()
	p.end()
}

// TestDrain ends a server while requests arrive, the last byte of which comes when no new connection is accepted any more: all are
// answered, and told that their connection ends.
func TestDrain(t *testing.T) {
	p := begin(t, "--store", t.TempDir(), "--drain-grace", "10ms", "--drain-timeout", "5m")
	address := strings.TrimPrefix(p.url, "http://")
	const charged = 128 << 10 // what a body of which more than 64 KiB have come is charged
	body := `{"input_data": [` + sampleDigit + `]` + strings.Repeat(" ", 100<<10)
	var clients []net.Conn
	for range 4 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body)+1, body); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	until(t, "all but the end of each request has arrived", func() bool { return p.metric("hotpath_body_bytes") == 4*charged })
	p.signal(syscall.SIGTERM)
	until(t, "connections are refused", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	for i, c := range clients {
		if _, err := io.WriteString(c, "}"); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 200 || !resp.Close {
			t.Errorf("client %d: %v %v", i, resp, err)
		}
	}
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
	p.out.wait(t, 0, "msg=drained")
}

// notifySocket is the socket of a service manager, and reads what it is told.
func notifySocket(t *testing.T, dir string) (hear func() string) {
	t.Helper()
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { told.Close() })
	t.Setenv("NOTIFY_SOCKET", told.LocalAddr().String())
	return func() string {
		t.Helper()
		b := make([]byte, 200)
		_ = told.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := told.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

// TestNotifiesOfHandOver tells the service manager of the process that goes on, and nothing of an end.
func TestNotifiesOfHandOver(t *testing.T) {
	dir := t.TempDir()
	hear := notifySocket(t, dir)
	p := begin(t, "--store", dir, "--drain-grace", "10ms")
	p.handOver()
	var all []string
	for range 3 {
		all = append(all, hear())
	}
	if all[0] != "READY=1" || !strings.HasPrefix(all[1], "RELOADING=1\n") || all[2] != "READY=1\nMAINPID="+strconv.Itoa(p.pid) {
		t.Errorf("%q", all)
	}
	p.end()
	if last := hear(); last != "STOPPING=1" {
		t.Errorf("after that %q", last)
	}
}
