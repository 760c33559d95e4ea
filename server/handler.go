package server

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server/metrics"
)

// headerModel names the model and version that answered, "digits/1". Names are checked when models are registered, so
// the value is safe in a header.
const headerModel = "X-Hotpath-Model"

// headerPrecision names the fast mode an answer was computed in; without one there is no header.
const headerPrecision = "X-Hotpath-Precision"

// handler answers the requests of one listener. It is the one boundary that panics do not cross: in a handler, and by
// SetPanicOnFault in a kernel or a mapped file too.
func (s *Server) handler(l *listener) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		r := s.acquire(ctx, l)
		debug.SetPanicOnFault(true) // of this goroutine, which fasthttp may have started just now
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				r.fail(err)
			}
			if s.cfg.Audit != nil {
				r.audit(r.route, err)
			}
			if s.observer != nil {
				r.observe(s.observer, err)
			}
			if s.draining.Load() {
				ctx.SetConnectionClose()
			}
			r.release()
		}()
		if l.tls != nil && !loopbackHost(ctx.Request.Header.Host()) { // on localhost it would be in force for other servers too
			ctx.Response.Header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if err = r.serve(); err != nil {
			r.fail(err)
			return
		}
		if e := r.call.engine; e != nil {
			r.HeaderBytes(headerModel, e.header)
			if e.precision != "" {
				ctx.Response.Header.Set(headerPrecision, e.precision)
			}
			if t := r.call.timing; t.Compute > 0 {
				r.timing = t.append(r.timing[:0])
				r.HeaderBytes(headerTiming, r.timing)
			}
		}
		r.call.count(nil)
	}
}

// serve checks, routes, authorises and handles.
func (r *Request) serve() error {
	if err := checkHead(&r.ctx.Request.Header); err != nil {
		r.ctx.SetConnectionClose() // what follows may not begin where a proxy in front thinks it does
		return err
	}
	if err := r.checkOrigin(); err != nil {
		return err
	}
	route, at := r.listener.router.find(r.ctx.Method(), r.Path(), &r.params)
	switch {
	case at == nil:
		return Fail(ErrNotFound, "there is nothing at this path")
	case route == nil:
		r.Header("Allow", at.allow)
		return Fail(ErrMethod, "this path allows %s", at.allow)
	}
	r.route = route
	if err := r.authorize(route); err != nil {
		return err
	}
	if route.Right != Public && r.srv.draining.Load() {
		r.srv.lastRequest.Store(int64(r.call.start))
	}
	return route.Handle(r)
}

// checkHead refuses what fasthttp lets pass and a proxy in front might read in another way: lines that end in a bare
// line feed, folded headers, unknown protocol versions, a length beside a transfer coding, an absolute URI of another
// host than the Host header says.
func checkHead(h *fasthttp.RequestHeader) error {
	if p := h.Protocol(); string(p) != "HTTP/1.1" && string(p) != "HTTP/1.0" {
		return Fail(ErrRequest, "expected HTTP/1.1 or HTTP/1.0")
	}
	if target := h.RequestURI(); target[0] != '/' && !absolute(target, h.Host()) {
		return Fail(ErrRequest, "expected a path, or an http URI of the host that the Host header names")
	}
	raw := h.RawHeaders()
	for rest := raw; ; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		if end == 0 || rest[end-1] != '\r' {
			return Fail(ErrRequest, "a header ends in a line feed without a carriage return")
		}
		if rest = rest[end+1:]; len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			return Fail(ErrRequest, "a header is folded over two lines")
		}
	}
	if h.ContentLength() == -1 && hasHeader(raw, "content-length") {
		return Fail(ErrRequest, "Content-Length and Transfer-Encoding are both given")
	}
	return nil
}

// absolute reports whether a request target is an URI of a host, or not one at all: the asterisk and the names that
// CONNECT has are no paths of ours.
func absolute(target, host []byte) bool {
	scheme, rest, ok := bytes.Cut(target, []byte("://"))
	if !ok {
		return true
	}
	if !strings.EqualFold(string(scheme), "http") && !strings.EqualFold(string(scheme), "https") {
		return false
	}
	if end := bytes.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return strings.EqualFold(string(rest), string(host))
}

// hasHeader looks for a header in raw lines; name is in lower case.
func hasHeader(raw []byte, name string) bool {
	for line := range bytes.Lines(raw) {
		key, _, ok := bytes.Cut(line, []byte(":"))
		if ok && strings.EqualFold(string(bytes.TrimSpace(key)), name) {
			return true
		}
	}
	return false
}

// fail answers with an error and counts it.
func (r *Request) fail(err error) {
	status := Status(err)
	text := err.Error()
	log := r.srv.cfg.Log
	if status == fasthttp.StatusInternalServerError {
		ref := reference()
		log.Error("request failed", "id", ref, "path", string(r.Path()), "error", text)
		text = "internal error, logged as " + ref // details may name files or addresses, so they stay here
	} else {
		log.Debug("request refused", "status", status, "path", string(r.Path()), "error", text)
	}
	h := &r.ctx.Response.Header
	if e := r.call.engine; e != nil {
		h.SetBytesV(headerModel, e.header)
	}
	r.call.count(err)
	if after, ok := RetryAfter(err); ok {
		h.Set("Retry-After", strconv.FormatInt(int64(after/time.Second), 10))
	}
	if status != fasthttp.StatusRequestTimeout && !errors.Is(err, ErrRequest) { // else there is nothing more to read
		r.dropBody()
	}
	writeError(r.ctx, status, text)
	if r.route != nil && r.route.Error != nil {
		r.ctx.SetBody(r.route.Error(nil, status, text))
	}
}

// class sorts the errors of requests that reached a model.
func class(err error) metrics.Class {
	switch {
	case errors.Is(err, ErrBusy):
		return metrics.Busy
	case errors.Is(err, ErrQuota):
		return metrics.Quota
	case errors.Is(err, ErrDeadline):
		return metrics.Late
	case errors.Is(err, ErrGone):
		return metrics.Gone
	case errors.Is(err, ErrTooLarge) || errors.Is(err, graph.ErrLimit):
		return metrics.Limit
	case Status(err) < fasthttp.StatusInternalServerError:
		return metrics.Input
	}
	return metrics.Internal
}

// writeError sets the response {"error": text}.
func writeError(ctx *fasthttp.RequestCtx, status int, text string) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(appendError(nil, text))
}

// protocolError answers what fasthttp could not read as a request.
func (s *Server) protocolError(ctx *fasthttp.RequestCtx, err error) {
	status, text, reason := fasthttp.StatusBadRequest, "malformed HTTP request", ErrRequest
	var small *fasthttp.ErrSmallBuffer
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &small):
		status, text, reason = fasthttp.StatusRequestHeaderFieldsTooLarge, "the request head is too large", ErrTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		status, text, reason = fasthttp.StatusRequestTimeout, "the request was not received in time", ErrTimeout
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		status, text, reason = fasthttp.StatusRequestEntityTooLarge, s.errTooLarge().Error(), ErrTooLarge
	}
	writeError(ctx, status, text)
	s.unread(ctx, reason)
}

// unread counts and tells of a request that was answered before it had been read.
func (s *Server) unread(ctx *fasthttp.RequestCtx, err error) {
	s.metrics.Failed(kindOf(err).reason)
	if o := s.observer; o != nil && o.wants(0) {
		o.tell(&Event{Began: time.Now(), Protocol: "http", Method: string(ctx.Method()), Path: string(ctx.URI().PathOriginal()),
			Status: ctx.Response.StatusCode(), Reason: kindOf(err).reason, Client: ctx.RemoteAddr().String()})
	}
}

// expect decides on a request with Expect: 100-continue before its body is sent.
func (s *Server) expect(l *listener, ctx *fasthttp.RequestCtx) int {
	var params [maxParams][]byte
	most := int64(s.cfg.MaxBody)
	if route, _ := l.router.find(ctx.Method(), ctx.URI().PathOriginal(), &params); route != nil && route.MaxBody > 0 {
		most = route.MaxBody
	}
	if int64(ctx.Request.Header.ContentLength()) > most {
		err := s.errTooLarge()
		writeError(ctx, Status(err), err.Error())
		s.unread(ctx, err)
		return Status(err)
	}
	return fasthttp.StatusContinue
}
