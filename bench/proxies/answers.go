package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/hotpath/hotpath/bench/process"
)

// row is a request of one row and its answer.
func row() (body, want string) {
	list := "[[" + strings.TrimSuffix(strings.Repeat("1,", width), ",") + "]]"
	return `{"input_data": ` + list + `}`, `{"prediction": ` + list + "}\n"
}

// stream hides the length of a body, which then goes in chunks.
type stream struct{ io.Reader }

// expected reports an answer that is another one.
func expected(code int, body string, a *answer) error {
	if a.code != code || body != "" && string(a.body) != body {
		return fmt.Errorf("%d %.300s, expected %d %.300s", a.code, a.body, code, body)
	}
	return nil
}

func answers(s *site) error {
	body, want := row()
	for proto, client := range s.clients {
		for range 20 {
			for _, b := range []io.Reader{strings.NewReader(body), stream{strings.NewReader(body)}} {
				a, err := s.ask(noContext, client, "POST", "/predict?model=m", nil, b)
				if err != nil {
					return err
				}
				if a.proto != proto {
					return fmt.Errorf("%s, expected %s", a.proto, proto)
				}
				if err := expected(200, want, a); err != nil {
					return err
				}
			}
		}
		for path, code := range map[string]int{"/healthz": 200, "/readyz": 200, "/": 200, "/none": 404, "/v2/models/m/versions/7": 404, "/openapi.json": 200} {
			a, err := s.ask(noContext, client, "GET", path, nil, nil)
			if err == nil {
				err = expected(code, "", a)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		a, err := s.ask(noContext, client, "GET", "/v2/models/m", http.Header{"Authorization": {"Bearer none"}}, nil)
		if err == nil {
			err = expected(401, "", a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bodyLimits sends more than the server takes: its 413 comes through, and no other answer, whoever looks at the answer only at the end.
func bodyLimits(s *site) error {
	for proto, client := range s.clients {
		for _, size := range []int{maxBody + 1, 2 * maxBody} {
			for _, chunked := range []bool{false, true} {
				for range 2 {
					var body io.Reader = bytes.NewReader(make([]byte, size))
					if chunked {
						body = stream{body}
					}
					a, err := s.ask(noContext, client, "POST", "/predict?model=m", nil, body)
					if err == nil {
						err = expected(413, fmt.Sprintf("{\"error\": \"body: larger than the limit of %d bytes\"}\n", maxBody), a)
					}
					if err != nil {
						return fmt.Errorf("%s, %d bytes, chunked %v: %w", proto, size, chunked, err)
					}
				}
			}
		}
	}
	return nil
}

// infer is a request of KServe with binary tensors.
func infer(rows int) (header http.Header, body []byte) {
	data := make([]byte, 0, rows*width*4)
	for i := range rows * width {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i)))
	}
	head := fmt.Sprintf(`{"inputs":[{"name":"input","shape":[%d,%d],"datatype":"FP32","parameters":{"binary_data_size":%d}}],`+
		`"outputs":[{"name":"output","parameters":{"binary_data":true}}]}`, rows, width, len(data))
	return http.Header{"Content-Type": {"application/octet-stream"}, "Inference-Header-Content-Length": {strconv.Itoa(len(head))}}, append([]byte(head), data...)
}

func largeBodies(s *site) error {
	for proto, client := range s.clients {
		for _, rows := range []int{1, 1000, 20_000} {
			header, body := infer(rows)
			data := body[len(body)-rows*width*4:]
			for _, b := range []io.Reader{bytes.NewReader(body), stream{bytes.NewReader(body)}} {
				a, err := s.ask(noContext, client, "POST", "/v2/models/m/infer", header, b)
				if err == nil && (a.code != 200 || !bytes.HasSuffix(a.body, data)) {
					err = fmt.Errorf("%d and %d bytes %.100q", a.code, len(a.body), a.body)
				}
				if err != nil {
					return fmt.Errorf("%s, %d rows: %w", proto, rows, err)
				}
			}
		}
	}
	return nil
}

// retryAfter needs 429 with Retry-After for a key that asks too often, and for a queue that is too long for a deadline.
func retryAfter(s *site) error {
	client := s.clients["HTTP/1.1"]
	body, _ := row()
	refused := func(header http.Header, path, body string) (bool, error) {
		a, err := s.ask(noContext, client, "POST", path, header, strings.NewReader(body))
		switch {
		case err != nil:
			return false, err
		case a.code != 429 && a.code != 503:
			return false, nil
		}
		if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 {
			return false, fmt.Errorf("%d with Retry-After %q", a.code, a.header.Get("Retry-After"))
		}
		var text struct{ Error string }
		if json.Unmarshal(a.body, &text) != nil || text.Error == "" {
			return false, fmt.Errorf("%d %s", a.code, a.body)
		}
		return true, nil
	}
	return process.Until(patience, "429 of a key", func() (bool, error) {
		return refused(http.Header{"Authorization": {"Bearer " + s.limited}}, "/predict?model=m", body)
	})
}

// ownPage asks as the page does, from its own origin at the proxy, and as another page does.
func ownPage(s *site) error {
	body, want := row()
	for origin, code := range map[string]int{"https://" + s.proxy.address: 200, "https://evil.example": 403, "null": 403} {
		for _, client := range s.clients {
			a, err := s.ask(noContext, client, "POST", "/predict?model=m", http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"same-origin"}}, strings.NewReader(body))
			if code != 200 {
				want = ""
			}
			if err == nil {
				err = expected(code, want, a)
			}
			if err != nil {
				return fmt.Errorf("from %s: %w", origin, err)
			}
		}
		_, want = row()
	}
	return nil
}

// goneClients leaves many requests to the slow model: they leave the queues, and the servers go on.
func goneClients(s *site) error {
	before, err := s.metric(`hotpath_failed_total{reason="gone"}`)
	if err != nil {
		return err
	}
	header, body := infer(64)
	for _, client := range s.clients {
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		for range 60 {
			group.Go(func() {
				for ctx.Err() == nil {
					_, _ = s.ask(ctx, client, "POST", "/v2/models/slow/infer", header, bytes.NewReader(body))
				}
			})
		}
		err := process.Until(patience, "requests that wait", func() (bool, error) {
			n, err := s.metric(`hotpath_queue_depth{model="slow"`)
			return n >= 20, err
		})
		cancel()
		group.Wait()
		if err != nil {
			return err
		}
		if err := process.Until(patience, "empty queues", func() (bool, error) {
			n, err := s.metric("hotpath_requests_in_flight")
			return n == 0, err
		}); err != nil {
			return err
		}
	}
	after, err := s.metric(`hotpath_failed_total{reason="gone"}`)
	if err == nil && after-before < 10 {
		err = fmt.Errorf("%v requests left their queue", after-before)
	}
	if err != nil {
		return err
	}
	return s.bothAnswer()
}

// load asks all the time, until stop is called, and needs every answer to be right.
func (s *site) load() (count func() int, stop func() error) {
	header, body := infer(1)
	var mu sync.Mutex
	n, failed := 0, 0
	var first error
	done := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		if err != nil {
			failed++
			first = cmp.Or(first, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for _, client := range s.clients {
		for range 4 {
			group.Go(func() {
				for ctx.Err() == nil {
					a, err := s.ask(noContext, client, "POST", "/v2/models/m/infer", header, bytes.NewReader(body))
					if err == nil && (a.code != 200 || !bytes.HasSuffix(a.body, body[len(body)-width*4:])) {
						err = fmt.Errorf("%d %.200s", a.code, a.body)
					}
					done(err)
				}
			})
		}
	}
	for range 2 {
		group.Go(func() {
			c, err := s.dial()
			if err != nil {
				done(err)
				return
			}
			defer c.close()
			for ctx.Err() == nil {
				done(c.infer("m", 1))
			}
		})
	}
	count = func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
	return count, func() error {
		cancel()
		group.Wait()
		if failed > 0 {
			return fmt.Errorf("%d of %d requests failed: %.600v", failed, n, first)
		}
		return nil
	}
}

// more waits for requests that are answered from now on.
func more(count func() int, n int) error {
	from := count()
	return process.Until(patience, "requests", func() (bool, error) { return count() >= from+n, nil })
}

// restarts ends each server while the other goes on, and starts it again.
func restarts(s *site) error {
	count, stop := s.load()
	err := more(count, 100)
	for _, b := range s.servers {
		if err != nil {
			break
		}
		if err = b.end(); err != nil {
			break
		}
		if err = more(count, 100); err != nil {
			break
		}
		if err = b.begin(s.binary); err == nil {
			err = s.bothAnswer()
		}
	}
	return errors.Join(err, stop())
}

// upgrades hands each server over to a new process.
func upgrades(s *site) error {
	count, stop := s.load()
	err := more(count, 100)
	for range 2 {
		for _, b := range s.servers {
			if err == nil {
				err = b.upgrade()
			}
			if err == nil {
				err = more(count, 100)
			}
		}
	}
	return errors.Join(err, stop(), s.bothAnswer())
}
