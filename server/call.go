package server

import (
	"context"
	"net"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server/metrics"
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
	held bool // counted towards the requests at once of who

	start    moment
	asked    moment // when the inputs were there; 0 before
	deadline moment // 0 until it is known
	urgency  uint8
	engine   *Engine // set once known
	session  *Session
	reserved int64 // memory for inputs that are not decoded yet
	timing   Timing
	together int     // calls that shared its run, it among them; 0 if it ran alone
	span     *Span   // nil where no spans are made
	linked   []*Span // of those calls

	// What the scheduler needs. Fields from state on are under its lock while the call waits.
	timer                *time.Timer
	wake                 chan struct{} // gets one value when a call that waits needs to wait no longer
	rows                 int           // of all inputs; 0 if they have no number in common
	inputBytes, runBytes int64
	queue                *queue
	queued               moment
	state                callState
	err                  error
	prev, next           *Call // in its list
	leader, follower     *Call // neighbours in its batch; the leader of all is first
	batchRows            int
	batchBytes           int64
}

// Timing is where the time of a call went, decoding and encoding aside.
type Timing struct {
	Queue   time.Duration // until its run began
	Batch   time.Duration // putting a batch together and taking it apart
	Compute time.Duration // the run
}

func newCall(s *Server) Call {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return Call{srv: s, timer: t, wake: make(chan struct{}, 1)}
}

// Call begins a call whose caller is gone when ctx ends, and waits no longer than the deadline of ctx. who comes from
// Identify; nil is a caller without limits.
func (s *Server) Call(ctx context.Context, who *Identity) *Call {
	debug.SetPanicOnFault(true) // a fault in a kernel or a mapped file is an error of the run
	c := s.calls.Get().(*Call)
	c.begin(nil)
	c.ctx = ctx
	c.who = who
	if by := callerOf(ctx); by != nil {
		by.inferred.Store(true)
	}
	if t, ok := ctx.Deadline(); ok {
		c.deadline = at(t)
	}
	return c
}

func (c *Call) begin(conn net.Conn) {
	c.conn, c.start, c.urgency = conn, now(), normalUrgency
}

// SetTimeout is how long the caller waits for the answer, from when the call began. It may come before or after Begin,
// and never makes the time longer that there is anyway.
func (c *Call) SetTimeout(d time.Duration) {
	if t := c.start.add(d); c.deadline == 0 || t < c.deadline {
		c.deadline = t
	}
}

// SetUrgency is the place of the call among those that wait: 0 comes first, 7 last, 3 is usual. A key may be allowed to
// come before the usual place, or none better than a later one; without keys, everyone may. It may come before or
// after Begin; a full queue makes room only for what is urgent before Begin.
func (c *Call) SetUrgency(urgency int) {
	c.urgency = uint8(max(int(c.who.mostUrgent()), min(urgency, urgencies-1)))
}

// Timing is where the time of the last Run went.
func (c *Call) Timing() Timing { return c.timing }

// Begin admits the call to e and returns tensors to fill. They are the caller's until End. Errors wrap ErrBusy
// or ErrQuota.
func (c *Call) Begin(e *Engine) (*Session, error) {
	if !c.who.Sees(e.Name) { // whatever found it
		return nil, errNoModel()
	}
	c.engine = e
	if c.ctx != nil && c.srv.traces() {
		c.nameSpan()
	}
	e.touch(c.start)
	c.urgency = max(c.urgency, c.who.mostUrgent())
	if c.urgency >= normalUrgency && e.queue.waiting.Load() > 0 {
		if err := e.queue.refuse(c.deadline, now()); err != nil {
			return nil, err
		}
	}
	if err := c.who.enter(c.start); err != nil {
		return nil, err
	}
	c.held = true
	c.session = e.session()
	pprof.SetGoroutineLabels(e.labels)
	return c.session, nil
}

// reserve sets memory aside for the inputs that will be decoded of a large body.
func (c *Call) reserve(n int64) error {
	m := &c.srv.sched.memory
	if n > 0 && !m.take(n) {
		return Fail(errValues, "requests in flight use all of the %d bytes set aside for their values", m.most)
	}
	c.reserved = n
	return nil
}

// Run computes the outputs of s, which Begin returned, for its inputs: at once if the model is free, else when its turn
// comes. Errors wrap graph.ErrInput or graph.ErrLimit where the request is to blame, ErrBusy, ErrDeadline or ErrGone.
func (c *Call) Run(s *Session) error {
	started := now()
	c.asked = started
	if err := c.measure(s); err != nil {
		return err
	}
	if t := started.add(s.Engine.queue.cfg.Load().Timeout); c.deadline == 0 || t < c.deadline {
		c.deadline = t
	}
	if err := s.Engine.queue.run(c, started); err != nil {
		return err
	}
	s.Engine.sample(c, started)
	return nil
}

// measure finds what the run of s will take.
func (c *Call) measure(s *Session) (err error) {
	if c.reserved > 0 {
		c.srv.sched.memory.give(c.reserved)
		c.reserved = 0
	}
	rows := 1
	if len(s.Inputs) > 0 && len(s.Inputs[0].Shape) > 0 {
		rows = s.Inputs[0].Shape[0]
	}
	if most := s.Engine.maxRows(c.srv.live.Load().MaxRows); rows > most {
		return Fail(graph.ErrLimit, "%d rows in one request, the limit for this model is %d", rows, most)
	}
	c.rows, c.inputBytes = commonRows(s.Inputs), 0
	for _, t := range s.Inputs {
		c.inputBytes += sizeOf(t)
	}
	c.runBytes = int64(rows) * s.Engine.rowBytes
	if p, ok := s.Engine.runner.(sizer); ok {
		n, err := p.RunBytes(s.Inputs)
		if err != nil {
			return err
		}
		c.runBytes += n
	}
	if n, most := c.inputBytes+c.runBytes, c.srv.sched.memory.most; n > most {
		return Fail(graph.ErrLimit, "the request needs %d bytes for its values, the limit is %d", n, most)
	}
	return nil
}

// sizer is a Runner that knows the memory of a run before it.
type sizer interface {
	RunBytes(inputs []*tensor.Tensor) (int64, error)
}

// sizeOf is the memory of a tensor; the bytes of strings belong to the body.
func sizeOf(t *tensor.Tensor) int64 {
	n := int64(len(t.Bytes) + 16*len(t.Strings))
	for _, item := range t.Items {
		n += sizeOf(item)
	}
	return n
}

// End counts the call, failed with err or answered where it is nil, and gives everything back.
func (c *Call) End(err error) {
	c.count(err)
	if o := c.srv.observer.Load(); o != nil {
		c.observe(o, err)
	}
	c.release()
	c.srv.calls.Put(c)
}

// count counts the outcome.
func (c *Call) count(err error) {
	if err != nil {
		c.srv.metrics.Failed(kindOf(err).reason)
	}
	switch {
	case c.engine == nil:
	case err != nil:
		c.engine.metrics.Failed(class(err), now().since(c.start))
	default:
		c.engine.metrics.Done(now().since(c.start), c.stages())
	}
}

// stages is where the time of an answered call went; what is none of it was spent on writing the answer.
func (c *Call) stages() metrics.Stages {
	if c.asked == 0 {
		return metrics.Stages{}
	}
	t := &c.timing
	return metrics.Stages{Input: c.asked.since(c.start) + t.Batch, Queue: t.Queue, Compute: t.Compute}
}

// release gives back what the call holds, after a panic too.
func (c *Call) release() {
	if c.held {
		c.who.leave()
	}
	if c.session != nil {
		c.session.end()
		pprof.SetGoroutineLabels(context.Background())
	}
	if c.reserved > 0 {
		c.srv.sched.memory.give(c.reserved)
	}
	*c = Call{srv: c.srv, timer: c.timer, wake: c.wake}
}
