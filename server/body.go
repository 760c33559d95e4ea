package server

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// freeBody is the size up to which a body is not charged to the budget: the connections bound the sum of those.
const freeBody = 64 << 10

// keepBody is the largest buffer that goes back to the pool.
const keepBody = 1 << 20

// Body reads the whole request body. Its buffer belongs to the request, grows as bytes arrive (a Content-Length alone
// reserves nothing), and may be changed by the caller. Errors wrap ErrTooLarge, ErrBusy, ErrTimeout, ErrRequest,
// ErrEncoding.
func (r *Request) Body() ([]byte, error) {
	h := &r.ctx.Request.Header
	encoding := h.Peek(fasthttp.HeaderContentEncoding)
	plain := len(encoding) == 0 || string(encoding) == "identity"
	if !plain && string(encoding) != "gzip" && string(encoding) != "deflate" || len(encoding) > 0 && len(h.PeekAll(fasthttp.HeaderContentEncoding)) > 1 {
		return nil, Fail(ErrEncoding, "Content-Encoding: expected one of gzip and deflate, or none")
	}
	stream := r.ctx.RequestBodyStream()
	var err error
	if stream == nil {
		r.body = append(r.body[:0], r.ctx.Request.Body()...)
	} else {
		err = r.readAll(stream, h.ContentLength())
	}
	if err == nil && !plain {
		err = r.inflate(string(encoding))
	}
	return r.body, err
}

// readAll reads stream into r.body. size is the Content-Length, negative if unknown.
func (r *Request) readAll(stream io.Reader, size int) error {
	most := r.srv.cfg.MaxBody
	r.body = r.body[:0]
	if size > most {
		return r.srv.errTooLarge()
	}
	if size < 0 || size > freeBody {
		if err := r.charge(cap(r.body)); err != nil { // a large buffer of an earlier request
			return err
		}
	}
	for {
		if len(r.body) == cap(r.body) {
			if err := r.grow(size); err != nil {
				return err
			}
		}
		n, err := stream.Read(r.body[len(r.body):cap(r.body)])
		r.body = r.body[:len(r.body)+n]
		switch {
		case len(r.body) > most:
			return r.srv.errTooLarge()
		case err == io.EOF && size >= 0 && len(r.body) < size:
			return Fail(ErrRequest, "body: ended after %d of %d bytes", len(r.body), size)
		case err == io.EOF:
			return nil
		case err != nil:
			return readError(err)
		}
	}
}

// grow doubles the body buffer within its limit and the budget.
func (r *Request) grow(size int) error {
	n := max(4<<10, 2*cap(r.body))
	if 0 <= size && size < freeBody {
		n = max(n, size+1) // one more byte than announced, so that the end is seen without growing again
	}
	n = min(n, r.srv.cfg.MaxBody+1)
	if err := r.charge(n); err != nil {
		return err
	}
	grown := make([]byte, len(r.body), n)
	copy(grown, r.body)
	r.body = grown
	return nil
}

// charge raises what this request holds of the budget to n bytes.
func (r *Request) charge(n int) error {
	if n <= freeBody || int64(n) <= r.charged {
		return nil
	}
	if b := &r.srv.bodies; !b.take(int64(n) - r.charged) {
		return Fail(errBodies, "request bodies in flight use all of the %d bytes set aside for them", b.most)
	}
	r.charged = int64(n)
	return nil
}

// dropBody reads and drops what is left of a body that is refused, within bounds of bytes and time, so that a client
// which only listens after it has sent everything still sees the answer instead of a reset connection.
func (r *Request) dropBody() {
	stream := r.ctx.RequestBodyStream()
	if stream == nil {
		return
	}
	buf := r.body[:cap(r.body)]
	if len(buf) < 4<<10 {
		buf = make([]byte, 32<<10)
	}
	n, err := stream.Read(buf)
	if err != nil { // the usual case: it had been read to its end
		return
	}
	r.ctx.SetConnectionClose()
	_ = r.ctx.SetReadDeadline(time.Now().Add(r.srv.cfg.HeaderTimeout))
	for dropped := n; dropped < drainLimit && err == nil; dropped += n {
		n, err = stream.Read(buf)
	}
}

func (s *Server) errTooLarge() error {
	return Fail(ErrTooLarge, "body: larger than the limit of %d bytes", s.cfg.MaxBody)
}

func readError(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return Fail(ErrTimeout, "body: not received in time")
	}
	return Fail(ErrRequest, "body: broken off or malformed")
}

// inflate replaces the body by what it decompresses to, under the same limit. deflate is the zlib format (RFC 9110
// section 8.4.1.2).
func (r *Request) inflate(coding string) error {
	var zr io.Reader
	var err error
	if coding == "gzip" {
		zr, err = gzip.NewReader(bytes.NewReader(r.body))
	} else {
		zr, err = zlib.NewReader(bytes.NewReader(r.body))
	}
	if err != nil {
		return Fail(ErrRequest, "body: not valid %s", coding)
	}
	var out bytes.Buffer
	for step := 64 << 10; ; step *= 2 {
		if err := r.charge(cap(r.body) + out.Cap() + step); err != nil {
			return err
		}
		n, err := io.CopyN(&out, zr, int64(step))
		switch {
		case out.Len() > r.srv.cfg.MaxBody:
			return r.srv.errTooLarge()
		case err == io.EOF:
			r.body = out.Bytes()
			return nil
		case err != nil || n == 0:
			return Fail(ErrRequest, "body: not valid %s", coding)
		}
	}
}
