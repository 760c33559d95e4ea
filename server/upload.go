package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"
)

// BodyStream is the body of a request as it arrives, for what is too large to hold; the route's MaxBody is for its
// handler to keep. A sender may take any time in all, but not longer than Config.BodyTimeout between two parts.
func (r *Request) BodyStream() io.Reader {
	stream := r.ctx.RequestBodyStream()
	if stream == nil {
		return bytes.NewReader(r.ctx.Request.Body())
	}
	return &bodyStream{r, stream, r.ctx.Request.Header.ContentLength()}
}

type bodyStream struct {
	r      *Request
	stream io.Reader
	left   int // of the Content-Length; negative if that is unknown
}

// Read implements io.Reader. Errors wrap ErrTimeout or ErrRequest.
func (b *bodyStream) Read(p []byte) (int, error) {
	_ = b.r.ctx.SetReadDeadline(time.Now().Add(b.r.srv.cfg.BodyTimeout))
	n, err := b.stream.Read(p)
	b.left -= n
	switch {
	case err == nil:
	case err == io.EOF && b.left > 0 && b.r.ctx.Request.Header.ContentLength() >= 0:
		err = Fail(ErrRequest, "body: ended %d bytes early", b.left)
	case err == io.EOF:
	case errors.As(err, new(net.Error)):
		err = readError(err)
	default:
		err = Fail(ErrRequest, "body: broken off or malformed")
	}
	return n, err
}

// Background runs f on a thread of its own with a low share of the processor, and waits for it: for work that must not
// slow down other requests. A panic in f is one of the handler.
func (r *Request) Background(f func()) {
	done := make(chan any)
	go func() {
		lowerPriority()
		defer func() { done <- recover() }()
		f()
	}()
	if p := <-done; p != nil {
		panic(p)
	}
}
