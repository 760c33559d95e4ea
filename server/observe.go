package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

// Event is what is told of a finished request. It holds no part of a body and no key, only the key's name.
type Event struct {
	Began       time.Time     `json:"time"`
	Protocol    string        `json:"protocol"`         // http or grpc
	Method      string        `json:"method"`           // of HTTP
	Path        string        `json:"path"`             // without the query; the full method of gRPC
	Status      int           `json:"status"`           // of HTTP; the one that stands for the code of gRPC
	Reason      string        `json:"reason,omitempty"` // of a failure, as in hotpath_failed_total
	Client      string        `json:"client"`           // address
	Key         string        `json:"key,omitempty"`
	Model       string        `json:"model,omitempty"` // of those that reached one
	Version     int64         `json:"version,omitempty"`
	Rows        int           `json:"rows,omitempty"`
	Shapes      [][]int       `json:"shapes,omitempty"` // of the inputs
	Duration    time.Duration `json:"duration_ns"`
	Input       time.Duration `json:"input_ns,omitempty"` // until the inputs were decoded
	Queue       time.Duration `json:"queue_ns,omitempty"`
	Batch       time.Duration `json:"batch_ns,omitempty"`
	Compute     time.Duration `json:"compute_ns,omitempty"`
	Together    int           `json:"together,omitempty"`    // requests that shared the run, this one among them
	Traceparent string        `json:"traceparent,omitempty"` // as the client sent it (W3C Trace Context)
	// Where there is Config.Observe: the name of its span, nil for requests that reached no model, and those of requests
	// that were computed with it: of all for one of them, of that one for the others.
	Span   *Span   `json:"-"`
	Linked []*Span `json:"-"`
}

// observer tells of finished requests. There is none where nobody wants to know, and then requests pay nothing.
type observer struct {
	log    *slog.Logger // of accesses, nil for none
	least  time.Duration
	slow   *slowRing // nil for none
	others func(*Event)
}

// newObserver is what c wants, and keeps what the one before has kept.
func newObserver(c *Config, before *observer) *observer {
	o := &observer{least: c.Slow, others: c.Observe}
	if c.AccessLog {
		o.log = c.Log
	}
	if c.Slow > 0 {
		if o.slow = before.ring(); o.slow == nil {
			o.slow = &slowRing{}
		}
	}
	if o.log == nil && o.slow == nil && o.others == nil {
		return nil
	}
	return o
}

// wants reports whether an event that took d is worth putting together.
func (o *observer) wants(d time.Duration) bool {
	return o.log != nil || o.others != nil || o.slow != nil && d >= o.least
}

func (o *observer) tell(e *Event) {
	if o.log != nil {
		o.log.LogAttrs(context.Background(), slog.LevelInfo, "request", e.attributes()...)
	}
	if o.slow != nil && e.Duration >= o.least {
		o.slow.add(e)
	}
	if o.others != nil {
		o.others(e)
	}
}

// attributes is the event as fields of a log entry; times are in µs.
func (e *Event) attributes() []slog.Attr {
	us := func(name string, d time.Duration) slog.Attr { return slog.Int64(name, int64(d/time.Microsecond)) }
	list := []slog.Attr{slog.String("protocol", e.Protocol)}
	if e.Method != "" {
		list = append(list, slog.String("method", e.Method))
	}
	list = append(list, slog.String("path", e.Path), slog.Int("status", e.Status), slog.String("client", e.Client),
		us("duration_us", e.Duration))
	if e.Reason != "" {
		list = append(list, slog.String("reason", e.Reason))
	}
	if e.Key != "" {
		list = append(list, slog.String("key", e.Key))
	}
	if e.Model != "" {
		list = append(list, slog.String("model", e.Model), slog.Int64("version", e.Version), slog.Int("rows", e.Rows),
			slog.Int("together", max(1, e.Together)), us("queue_us", e.Queue), us("batch_us", e.Batch), us("compute_us", e.Compute))
	}
	if e.Traceparent != "" {
		list = append(list, slog.String("traceparent", e.Traceparent))
	}
	return list
}

// observe tells of an HTTP request that was answered.
func (r *Request) observe(o *observer, err error) {
	d := now().since(r.call.start)
	if !o.wants(d) {
		return
	}
	e := r.call.event(d)
	e.Protocol, e.Method, e.Path = "http", string(r.Method()), string(r.Path())
	e.Status, e.Client = r.ctx.Response.StatusCode(), r.ctx.RemoteAddr().String()
	e.Traceparent = string(r.RequestHeader("traceparent"))
	if err != nil {
		e.Reason = kindOf(err).reason
	}
	o.tell(e)
}

// observe tells of a call that came by gRPC.
func (c *Call) observe(o *observer, err error) {
	d := now().since(c.start)
	if !o.wants(d) {
		return
	}
	e := c.event(d)
	e.over(c.ctx, err)
	o.tell(e)
}

// over says what is known of every gRPC call.
func (e *Event) over(ctx context.Context, err error) {
	e.Protocol, e.Status = "grpc", 200
	if err != nil {
		k := kindOf(err)
		e.Status, e.Reason = k.status, k.reason
	}
	e.Path, _ = grpc.Method(ctx)
	if p, ok := peer.FromContext(ctx); ok {
		e.Client = p.Addr.String()
	}
	e.Traceparent = traceparentOf(ctx)
}

// event is what a call that took d knows of itself.
func (c *Call) event(d time.Duration) *Event {
	e := &Event{Began: c.start.time(), Duration: d, Queue: c.timing.Queue, Batch: c.timing.Batch, Compute: c.timing.Compute,
		Together: c.together, Span: c.span, Linked: c.linked}
	if c.who != nil {
		e.Key = c.who.ID
	}
	if c.engine != nil {
		e.Model, e.Version = c.engine.Name, c.engine.Version
	}
	if c.asked != 0 && c.session != nil {
		e.Input, e.Rows = c.asked.since(c.start), c.rows
		for _, t := range c.session.Inputs {
			e.Shapes = append(e.Shapes, append([]int{}, t.Shape...))
		}
	}
	return e
}

// slowKept is how many slow requests are kept, the newest.
const slowKept = 128

// slowRing is the newest slow requests.
type slowRing struct {
	mu   sync.Mutex
	ring [slowKept]*Event
	next int
}

func (s *slowRing) add(e *Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring[s.next] = e
	s.next = (s.next + 1) % slowKept
}

// ring is nil where none are kept.
func (o *observer) ring() *slowRing {
	if o == nil {
		return nil
	}
	return o.slow
}

// list is the newest first.
func (s *slowRing) list() []*Event {
	if s == nil {
		return []*Event{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	events := []*Event{}
	for i := range slowKept {
		if e := s.ring[(s.next-1-i+2*slowKept)%slowKept]; e != nil {
			events = append(events, e)
		}
	}
	return events
}

// slowRequests answers with the slow requests.
func (s *Server) slowRequests(r *Request) error {
	return r.ReplyValue(map[string]any{"least_ns": s.live.Load().Slow, "slow": s.observer.Load().ring().list()})
}
