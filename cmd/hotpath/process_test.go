//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is a server as a process of its own, or, after a hand-over, as the process that went on in its place.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd // of the first process
	waited bool      // for the end of that
	pid    int
	binary string // which a test may replace
	url    string
	out    *lines
}

// lines is what the processes have printed so far.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed at the next line
	over bool          // all processes have ended
}

func (l *lines) follow(r io.Reader) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		l.mu.Lock()
		l.text.WriteString(s.Text() + "\n")
		close(l.more)
		l.more = make(chan struct{})
		l.mu.Unlock()
	}
	l.mu.Lock()
	l.over = true
	close(l.more)
	l.mu.Unlock()
}

// wait waits until the text from an offset on matches, and returns what the groups match and where the match ends.
func (l *lines) wait(t *testing.T, from int, pattern string) (groups []string, end int) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(time.Minute)
	for {
		l.mu.Lock()
		text, more, over := l.text.String(), l.more, l.over
		l.mu.Unlock()
		if at := re.FindStringSubmatchIndex(text[from:]); at != nil {
			return re.FindStringSubmatch(text[from:]), from + at[1]
		}
		if over {
			t.Fatalf("all has ended without %q:\n%s", pattern, text)
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("no %q in\n%s", pattern, text)
		}
	}
}

func (l *lines) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Len()
}

// wrap writes a program that is this test binary as hotpath.
func wrap(t *testing.T, to string) {
	t.Helper()
	script(t, to, fmt.Sprintf("%s=1 exec %s \"$@\"", asBinary, os.Args[0]))
}

// script puts a program at a place, as an installation does: by renaming.
func script(t *testing.T, to, text string) {
	t.Helper()
	if err := os.WriteFile(to+".new", []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		t.Fatal(err)
	}
}

// begin starts hotpath serve with arguments and waits until it answers.
func begin(t *testing.T, args ...string) *process {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no shell")
	}
	p := &process{t: t, binary: filepath.Join(t.TempDir(), "hotpath"), out: &lines{more: make(chan struct{})}}
	if err := os.Symlink(os.Args[0], p.binary); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(p.binary, append([]string{"serve", "--http", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), asBinary+"=1")
	p.cmd.Stdout, p.cmd.Stderr = w, w
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // that processes which take its place are in too
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	w.Close()
	go p.out.follow(r)
	p.pid = p.cmd.Process.Pid
	groups, _ := p.out.wait(t, 0, servesAt+`(\S+)`)
	p.url = groups[1]
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(p.pid, s); err != nil {
		p.t.Fatal(err)
	}
}

// end drains the process and waits until all that ever wrote to its output have ended.
func (p *process) end() {
	p.t.Helper()
	from := p.out.len()
	p.signal(syscall.SIGTERM)
	p.out.wait(p.t, from, "msg=drained")
	for late := time.After(time.Minute); ; {
		p.out.mu.Lock()
		more, over := p.out.more, p.out.over
		p.out.mu.Unlock()
		if over {
			return
		}
		select {
		case <-more:
		case <-late:
			p.t.Fatal("it does not end")
		}
	}
}

// get is the status and body of a GET.
func (p *process) get(path string) (int, string) {
	p.t.Helper()
	resp, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// metric is the value of a metric without labels.
func (p *process) metric(name string) float64 {
	p.t.Helper()
	_, text := p.get("/metrics")
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		p.t.Fatalf("no metric %s", name)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// predictions is clients that ask for predictions all the time.
type predictions struct {
	clients  sync.WaitGroup
	stopped  atomic.Bool
	answered atomic.Int64
	closed   atomic.Int64 // answers after which the server closes the connection
	want     string
}

// ask starts clients, of which every other one makes a connection for each request.
func ask(t *testing.T, url string, n int) *predictions {
	t.Helper()
	p := &predictions{}
	once := func(client *http.Client) (closed bool, body string, err error) {
		resp, err := client.Post(url+"/predict", "application/json", strings.NewReader(`{"input_data": [`+sampleDigit+`]}`))
		if err != nil {
			return false, "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != 200 {
			err = fmt.Errorf("%s %s", resp.Status, text)
		}
		return resp.Close, string(text), err
	}
	var err error
	if _, p.want, err = once(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	for i := range n {
		p.clients.Go(func() {
			tr := &http.Transport{DisableKeepAlives: i%2 == 1}
			defer tr.CloseIdleConnections()
			client := &http.Client{Transport: tr, Timeout: time.Minute}
			for !p.stopped.Load() {
				closed, body, err := once(client)
				if err != nil || body != p.want {
					t.Errorf("client %d: %v %s", i, err, body)
					return
				}
				p.answered.Add(1)
				if closed && !tr.DisableKeepAlives {
					p.closed.Add(1)
				}
			}
		})
	}
	return p
}

// until waits for a state.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// more waits for that many more answers.
func (p *predictions) more(t *testing.T, n int64) {
	t.Helper()
	for want, late := p.answered.Load()+n, time.Now().Add(time.Minute); p.answered.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(late) || t.Failed() {
			t.Fatalf("%d answers, want %d", p.answered.Load(), want)
		}
	}
}

func (p *predictions) stop() {
	p.stopped.Store(true)
	p.clients.Wait()
}
