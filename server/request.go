package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/server/metrics"
)

// Request is one HTTP request on its way through a handler. It is pooled: nothing of it may outlive the handler.
type Request struct {
	// Out is a buffer for the answer; handlers append to it and pass it to Reply.
	Out []byte

	ctx      *fasthttp.RequestCtx
	srv      *Server
	listener *listener
	params   [maxParams][]byte
	body     []byte
	charged  int64 // of the budget for bodies
	call     Call
	timing   []byte // scratch for its header
	key      []byte // scratch for the name of a header
	route    *Route // that was found, nil before and for none
	audited  []string
}

// keepOut is the largest answer buffer that goes back to the pool.
const keepOut = 1 << 20

func (s *Server) acquire(ctx *fasthttp.RequestCtx, l *listener) *Request {
	r := s.requests.Get().(*Request)
	r.ctx, r.listener = ctx, l
	r.call.begin(ctx.Conn())
	return r
}

// release returns everything the request holds, after a panic too.
func (r *Request) release() {
	r.call.release()
	if r.charged > 0 {
		r.srv.bodies.give(r.charged)
		r.charged = 0
	}
	if cap(r.body) > keepBody {
		r.body = nil
	}
	if cap(r.Out) > keepOut {
		r.Out = nil
	}
	r.Out = r.Out[:0]
	r.params = [maxParams][]byte{}
	r.ctx, r.listener, r.route, r.audited = nil, nil, nil, nil
	r.srv.requests.Put(r)
}

// Param is parameter i of the route's path, decoded; "" if that cannot be done.
func (r *Request) Param(i int) string { return unescape(r.params[i]) }

// ParamBytes is Param without a string: the bytes belong to the request.
func (r *Request) ParamBytes(i int) []byte {
	if bytes.IndexByte(r.params[i], '%') < 0 {
		return r.params[i]
	}
	return []byte(unescape(r.params[i]))
}

// Query is a query argument of the URL, decoded; nil if it is absent.
func (r *Request) Query(name string) []byte { return r.ctx.QueryArgs().Peek(name) }

// Method is the HTTP method.
func (r *Request) Method() []byte { return r.ctx.Method() }

// Path is the path of the URL as it was sent.
func (r *Request) Path() []byte { return r.ctx.URI().PathOriginal() }

// Models is the catalogue at this moment as the caller sees it. A handler asks once, so that it sees one state throughout.
func (r *Request) Models() *Catalog { return r.srv.ModelsFor(r.call.who) }

// Live is the last minute of the server's metrics.
func (r *Request) Live() metrics.Live { return r.srv.metrics.Live() }

// LiveModels is that of each loaded version.
func (r *Request) LiveModels() []metrics.LiveModel {
	return slices.DeleteFunc(r.srv.metrics.LiveModels(), func(m metrics.LiveModel) bool { return !r.call.who.Sees(m.Model) })
}

// Load is how many requests are being computed and how many wait.
func (r *Request) Load() (inFlight, queued int) {
	running, waiting := r.srv.load()
	return int(running), int(waiting)
}

// Begin admits the request to e and returns tensors to fill. They are given back when the handler has returned. Errors
// wrap ErrBusy, ErrQuota, ErrDeadline or ErrRequest.
func (r *Request) Begin(e *Engine) (*Session, error) {
	r.call.engine = e
	if r.srv.traces() {
		r.call.span = newSpan(string(r.RequestHeader("traceparent")))
	}
	if err := r.wishes(); err != nil {
		return nil, err
	}
	if err := r.call.reserve(decodedPerByte * r.charged); err != nil {
		return nil, err
	}
	return r.call.Begin(e)
}

// decodedPerByte is how much larger than its text a number or string can be once decoded: 8 bytes for two of text. Only
// bodies that are charged count, as for these.
const decodedPerByte = 4

// Run computes the outputs of s for its inputs: at once if the model is free, else when its turn comes. Errors wrap
// graph.ErrInput or graph.ErrLimit where the request is to blame, ErrBusy, ErrDeadline or ErrGone.
func (r *Request) Run(s *Session) error { return r.call.Run(s) }

// SetTimeout is Call.SetTimeout, for formats that have a timeout in the body.
func (r *Request) SetTimeout(d time.Duration) { r.call.SetTimeout(d) }

// SetUrgency is Call.SetUrgency, for formats that have a priority in the body.
func (r *Request) SetUrgency(urgency int) { r.call.SetUrgency(urgency) }

// Timing is where the time of the last Run went.
func (r *Request) Timing() Timing { return r.call.timing }

// ReplyJSON answers 200 with a JSON body.
func (r *Request) ReplyJSON(body []byte) { r.Reply("application/json", body) }

// ReplyValue answers 200 with what encoding/json makes of v.
func (r *Request) ReplyValue(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	r.ReplyJSON(text)
	return nil
}

// Reply answers 200 with a body, which is copied.
func (r *Request) Reply(contentType string, body []byte) {
	r.ctx.SetContentType(contentType)
	r.ctx.SetBody(body)
}

// RequestHeader is a header of the request, nil if it is absent.
func (r *Request) RequestHeader(name string) []byte { return r.ctx.Request.Header.Peek(name) }

// HeaderBytes is Header without a string, for a name in its usual spelling.
func (r *Request) HeaderBytes(name string, value []byte) {
	r.key = append(r.key[:0], name...)
	r.ctx.Response.Header.SetCanonical(r.key, value)
}

// MaxRows is the most rows that one request to e may have.
func (r *Request) MaxRows(e *Engine) int { return r.srv.MaxRows(e) }

// Ready says whether requests should be sent here. Errors wrap ErrUnavailable.
func (r *Request) Ready() error { return r.srv.Ready() }

// Header sets a response header. value must not hold bytes of the client.
func (r *Request) Header(name, value string) { r.ctx.Response.Header.Set(name, value) }
