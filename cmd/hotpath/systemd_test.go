package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestActivation replaces a server behind one socket, as systemctl restart does, while requests run: none fails.
func TestActivation(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	socket, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	dir := t.TempDir()
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	hear := func(want string) {
		t.Helper()
		b := make([]byte, 100)
		_ = told.SetReadDeadline(time.Now().Add(30 * time.Second))
		if n, err := told.Read(b); err != nil || string(b[:n]) != want {
			t.Fatalf("%q %v, want %s", b[:n], err, want)
		}
	}
	start := func() *exec.Cmd {
		t.Helper()
		cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", os.Args[0], "serve", "--drain-grace", "200ms", "--store", dir,
			"--http", ln.Addr().String())
		cmd.Env = append(os.Environ(), asBinary+"=1", "LISTEN_FDS=1", "NOTIFY_SOCKET="+told.LocalAddr().String())
		cmd.ExtraFiles = []*os.File{socket}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		hear("READY=1")
		return cmd
	}
	server := start()
	var done atomic.Bool
	var count atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
			for !done.Load() {
				resp, err := client.Get("http://" + ln.Addr().String() + "/healthz")
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				count.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range 2 {
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		hear("STOPPING=1")
		if err := server.Wait(); err != nil {
			t.Fatal(err)
		}
		server = start()
	}
	done.Store(true)
	clients.Wait()
	_ = server.Process.Signal(syscall.SIGTERM)
	_ = server.Wait()
	t.Logf("%d requests", count.Load())
}

// TestSockets refuses descriptors that are none, and leaves those of another process alone.
func TestSockets(t *testing.T) {
	t.Setenv("LISTEN_FDS", "1")
	t.Setenv("LISTEN_PID", "1")
	if s, err := socketsOf(nil); err != nil || s.inherited != nil {
		t.Error(s, err)
	}
	t.Setenv("LISTEN_FDS", "many")
	t.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	if _, err := socketsOf(nil); err == nil {
		t.Error("no error")
	}
}
