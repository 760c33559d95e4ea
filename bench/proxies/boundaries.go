package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hotpath/hotpath/bench/process"
	"github.com/hotpath/hotpath/server/servertest"
)

// boundaries sends requests whose end can be seen in two ways through the proxy, which has one connection to the server and adds the
// key: a request that only the server sees is refused there for having none. Behind each, another client must get its own answer.
// In the end the server must have seen as many requests as the proxy has sent it.
func boundaries(binary, program string, k *kind) (err error) {
	s := newSite(binary)
	if s.dir, err = os.MkdirTemp("", "hotpath-proxies-*"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := errors.Join(os.Chmod(s.dir, 0o755), s.models(3), certificate(s.dir)); err != nil {
		return err
	}
	if s.key, err = s.newKey(); err != nil {
		return err
	}
	b, err := s.backend(0, false)
	if err != nil {
		return err
	}
	b.args = append(b.args, "--max-body", "1MiB")
	if err := b.begin(binary); err != nil {
		return err
	}
	s.servers = []*backend{b}
	defer func() { err = errors.Join(err, b.end()) }()
	var edits []string
	for _, line := range k.second {
		edits = append(edits, line, "")
	}
	edits = append(append(append(edits, "127.0.0.1:8080", b.http, "127.0.0.1:8090", b.grpc), k.keyed...), "KEY", s.key)
	if s.proxy, err = k.begin(program, s.dir, edits...); err != nil {
		return err
	}
	var wrong []error
	if err := process.Until(patience, "an answer", func() (bool, error) { return s.after() == nil, nil }); err != nil {
		wrong = append(wrong, err)
	}
	for _, f := range servertest.Framings() {
		codes, err := s.framed(f.Request)
		if err == nil {
			err = s.after()
		}
		if err == nil && len(codes) > 2 {
			err = errors.New("more answers than requests")
		}
		if strings.Contains(b.since(0), `"status":401`) {
			err = errors.Join(err, errors.New("the server saw a request that the proxy did not"))
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s %s: answers %v: %w", f.ID, f.Name, codes, err))
		}
	}
	s.clients["HTTP/1.1"].CloseIdleConnections()
	s.proxy.end()
	if err := b.end(); err != nil {
		return err
	}
	sent, err := os.ReadFile(s.proxy.log)
	if err != nil {
		return err
	}
	forwarded, seen := bytes.Count(sent, []byte(cmp.Or(k.sentTo, b.http))), strings.Count(b.since(0), `"msg":"request"`)
	checks := strings.Count(b.since(0), `"path":"/readyz"`)
	if forwarded != seen-checks {
		wrong = append(wrong, fmt.Errorf("the proxy sent %d requests, the server saw %d", forwarded, seen))
	}
	return errors.Join(wrong...)
}

// framed sends a request with another one behind it, and returns the codes of the answers.
func (s *site) framed(request string) (codes []int, err error) {
	c, err := tls.Dial("tcp", s.proxy.address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	go func() {
		_, _ = io.WriteString(c, request+"GET /v2/models/m/versions/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	}()
	r := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return codes, nil // the connection is closed
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		codes = append(codes, resp.StatusCode)
		if err != nil || resp.Close {
			return codes, nil
		}
	}
}

// after is what another client asks, and its own answer.
func (s *site) after() error {
	body := `{"input_data": [[7, 8, 9]]}`
	a, err := s.ask(noContext, s.clients["HTTP/1.1"], "POST", "/predict?model=m", nil, strings.NewReader(body))
	if err == nil {
		err = expected(200, "{\"prediction\": [[7,8,9]]}\n", a)
	}
	if err != nil {
		err = fmt.Errorf("another client: %w", err)
	}
	return err
}
