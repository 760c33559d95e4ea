// Package load is a small closed-loop HTTP client: connections that each send one prepared request over and over. It
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

// Post prepares the bytes of a POST request.
func Post(host, path string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, host, len(body))
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

// readAnswer reads one response with a Content-Length and checks that its status is 200.
func readAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
				return fmt.Errorf("answer %q, expected 200", line)
			}
		case len(line) == 0:
			if length < 0 {
				return errors.New("an answer without Content-Length")
			}
			_, err := r.Discard(length)
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		default:
			const name = "content-length:"
			if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
				if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
					return err
				}
			}
		}
	}
}
