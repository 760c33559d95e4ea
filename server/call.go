package server

import (
	"context"
	"net"
	"time"

	"github.com/hotpath/hotpath/graph"
)

// Call is one inference on its way through the server, whatever protocol it came by: the limits of the caller's key,
// admission, the queue of the model, its deadline, the metrics. A Request has one; what serves another protocol takes
// one from Server.Call:
//
//	call := srv.Call(ctx, who)
//	s, err := call.Begin(engine)      // then fill s.Inputs
//	err = call.Run(s)                 // then read s.Outputs
//	call.End(err)                     // once, with the first error or nil; s is given back here
//
// A Call belongs to one goroutine.
type Call struct {
	srv  *Server
	ctx  context.Context // nil: never cancelled
	conn net.Conn        // of an HTTP client, watched while its request waits; nil for none
	who  *Identity

	start   time.Time
	engine  *Engine // set once known
	session *Session
	timer   *time.Timer
}

func newCall(s *Server) Call {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return Call{srv: s, timer: t}
}

// Call begins a call whose caller is gone when ctx ends, and waits no longer than the deadline of ctx. who comes from
// Identify; nil is a caller without limits.
func (s *Server) Call(ctx context.Context, who *Identity) *Call {
	c := s.calls.Get().(*Call)
	c.begin(ctx, nil, who)
	return c
}

func (c *Call) begin(ctx context.Context, conn net.Conn, who *Identity) {
	c.ctx, c.conn, c.who, c.start = ctx, conn, who, time.Now()
}

// Begin admits the call to e and returns tensors to fill. They are the caller's until End. Errors wrap ErrBusy.
func (c *Call) Begin(e *Engine) (*Session, error) {
	c.engine = e
	if !c.srv.gate.tryEnter() {
		e.metrics.Waiting(1)
		err := c.srv.gate.wait(c.timer)
		e.metrics.Waiting(-1)
		if err != nil {
			return nil, err
		}
	}
	c.session = e.session()
	return c.session, nil
}

// Run computes the outputs of s, which Begin returned, for its inputs. Errors wrap graph.ErrInput or graph.ErrLimit
// where the request is to blame.
func (c *Call) Run(s *Session) error {
	rows := 1
	if len(s.Inputs) > 0 && len(s.Inputs[0].Shape) > 0 {
		rows = s.Inputs[0].Shape[0]
	}
	if most := s.Engine.maxRows(c.srv.cfg.MaxRows); rows > most {
		return Fail(graph.ErrLimit, "%d rows in one request, the limit for this model is %d", rows, most)
	}
	return s.Engine.runner.Run(s.Inputs, s.Outputs)
}

// End counts the call, failed with err or answered where it is nil, and gives everything back.
func (c *Call) End(err error) {
	c.count(err)
	c.release()
	c.srv.calls.Put(c)
}

// count counts the outcome.
func (c *Call) count(err error) {
	switch {
	case err != nil && c.engine == nil:
		c.srv.metrics.Refused(Status(err))
	case err != nil:
		c.engine.metrics.Failed(class(err))
	case c.engine != nil:
		c.engine.metrics.Done(time.Since(c.start))
	}
}

// release gives back what the call holds, after a panic too.
func (c *Call) release() {
	if c.session != nil {
		c.session.end()
		c.session = nil
		c.srv.gate.leave()
	}
	c.ctx, c.conn, c.who, c.engine = nil, nil, nil, nil
}
