// Package process runs the binary as a server for the benchmarks of it.
package process

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is a running hotpath.
type Server struct {
	Cmd   *exec.Cmd
	URL   string
	Admin string // URL of the admin listener, "" without one
}

// Begin runs the command of a server and returns when it has said where it listens.
func Begin(cmd *exec.Cmd) (*Server, error) {
	s := &Server{Cmd: cmd}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	managed := slices.Contains(cmd.Args, "--admin")
	for lines := bufio.NewScanner(out); s.URL == "" || managed && s.Admin == ""; {
		if !lines.Scan() {
			s.Stop()
			return nil, errors.New("the server did not say where it listens")
		}
		if u, ok := strings.CutPrefix(lines.Text(), "hotpath serves at "); ok {
			s.URL = u
		}
		if u, ok := strings.CutPrefix(lines.Text(), "metrics and profiles at "); ok {
			s.Admin = u
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s, nil
}

// Address is host and port of URL.
func (s *Server) Address() string { return strings.TrimPrefix(s.URL, "http://") }

// Stop lets the server drain and waits for its end.
func (s *Server) Stop() {
	_ = s.Cmd.Process.Signal(syscall.SIGTERM)
	_ = s.Cmd.Wait()
}

// Until calls f each millisecond until it says true or fails, for most at the longest.
func Until(most time.Duration, what string, f func() (bool, error)) error {
	for deadline := time.Now().Add(most); ; time.Sleep(time.Millisecond) {
		ok, err := f()
		if err != nil || ok {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %v", what, most)
		}
	}
}

// Memory is a line of the kernel's status of the process that counts kB, such as VmRSS or VmHWM, in bytes (Linux).
func (s *Server) Memory(line string) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(data)) {
		if f := strings.Fields(l); len(f) == 3 && f[0] == line+":" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s", line)
}
