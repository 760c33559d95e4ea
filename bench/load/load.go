// Package load is a small HTTP client for measuring: connections that each send one prepared request over and over. It
// does not allocate per request, so it can run beside what it measures.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Result is what a run saw.
type Result struct {
	Requests int64
	Elapsed  time.Duration
}

// Post prepares the bytes of a POST request with a JSON body.
func Post(host, path string, body []byte) []byte {
	return PostWith(host, path, []string{"Content-Type: application/json"}, body)
}

// PostWith prepares the bytes of a POST request with headers of its own.
func PostWith(host, path string, headers []string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", path, host)
	for _, h := range headers {
		fmt.Fprintf(&b, "%s\r\n", h)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(body))
	b.Write(body)
	return b.Bytes()
}

// Run sends request over conns keep-alive connections until requests were answered (0: no such limit) or ctx ends.
// An answer other than 200 or a broken connection ends it with an error.
func Run(ctx context.Context, address string, conns int, requests int64, request []byte) (Result, error) {
	start := time.Now()
	var left, done atomic.Int64
	left.Store(requests)
	errs := make([]error, conns)
	var wg sync.WaitGroup
	for i := range conns {
		wg.Go(func() {
			errs[i] = loop(ctx, address, request, func() bool { return requests == 0 || left.Add(-1) >= 0 }, &done)
		})
	}
	wg.Wait()
	return Result{done.Load(), time.Since(start)}, errors.Join(errs...)
}

func loop(ctx context.Context, address string, request []byte, more func() bool, done *atomic.Int64) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now().Add(5 * time.Second)) })
	defer stop()
	r := bufio.NewReader(conn)
	for ctx.Err() == nil && more() {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if err := readAnswer(r); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// readAnswer reads one response and checks that its status is 200.
func readAnswer(r *bufio.Reader) error {
	a, err := readHead(r)
	if err != nil {
		return err
	}
	if a.status != 200 {
		return fmt.Errorf("answer with status %d, expected 200", a.status)
	}
	_, err = r.Discard(a.length)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// head is what matters of the head of a response.
type head struct {
	status, length int
	closes         bool
}

// readHead reads the head of a response that has a Content-Length.
func readHead(r *bufio.Reader) (h head, err error) {
	h.length = -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return h, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
				return h, fmt.Errorf("answer %q, expected HTTP/1.1", line)
			}
			if h.status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return h, fmt.Errorf("answer %q, expected a status", line)
			}
		case len(line) == 0:
			if h.length < 0 {
				return h, errors.New("an answer without Content-Length")
			}
			return h, nil
		default:
			name, value, _ := bytes.Cut(line, []byte(":"))
			value = bytes.TrimSpace(value)
			switch {
			case bytes.EqualFold(name, []byte("content-length")):
				if h.length, err = strconv.Atoi(string(value)); err != nil || h.length < 0 {
					return h, fmt.Errorf("answer with Content-Length %q", value)
				}
			case bytes.EqualFold(name, []byte("connection")):
				h.closes = bytes.EqualFold(value, []byte("close"))
			}
		}
	}
}
