package server

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpath/hotpath/graph"
)

// The urgencies of calls are those of the Priority header (RFC 9218): 0 is first, 7 last.
const (
	urgencies     = 8
	normalUrgency = 3
)

// queue is the calls that wait for one engine, and how long its runs take.
type queue struct {
	sched   *scheduler
	engine  *Engine
	cfg     atomic.Pointer[Scheduling] // in force
	running atomic.Int64               // runs now
	short   atomic.Int64               // short runs now, beside those
	waiting atomic.Int64               // calls
	runTime atomic.Int64               // of a run, ns, an average that forgets
	perCall atomic.Int64               // that time over the calls of the run

	alone      atomic.Int64 // time of a run of one row, ns, an average that forgets; 0 before the first
	batched    atomic.Int64 // of a row in a batch of calls
	answered   atomic.Int64 // rows of the last batch
	answeredAt atomic.Int64 // a moment

	// Under the lock of sched.
	lists  [urgencies]list // by urgency
	rows   int             // that wait
	beyond int             // rows of the batches that run now, beyond the first of each
	again  *time.Timer     // starts what was held back

	independent bool         // rows are: calls may be computed together
	most        atomic.Int64 // rows of a batch; 1 where they are not
	batches     sync.Pool    // of *Session
}

// list is calls in order of arrival.
type list struct{ first, last *Call }

// callState is where a call is in its queue. It changes under the lock.
type callState uint8

const (
	waits   callState = iota // in a list
	leads                    // was picked, and runs itself and the calls behind it in its batch
	follows                  // was picked, and is run by another
	dropped                  // will not run; err says why
)

func (s *scheduler) newQueue(e *Engine, cfg Scheduling) *queue {
	q := &queue{sched: s, engine: e, independent: e.Signature.RowIndependent && plainTensors(e.Signature)}
	q.most.Store(1)
	q.again = time.AfterFunc(time.Hour, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.start(nil)
	})
	q.again.Stop()
	q.configure(cfg)
	return q
}

// plainTensors reports whether no input or output is of a composite type.
func plainTensors(s *graph.Signature) bool {
	for _, in := range s.Inputs {
		if in.DType.Composite() {
			return false
		}
	}
	for _, out := range s.Outputs {
		if out.DType.Composite() {
			return false
		}
	}
	return true
}

// head is the call that is next, nil if there is none any more: what would be late is dropped on the way. The lock is
// held.
func (q *queue) head(now moment) *Call {
	for i := range q.lists {
		for q.lists[i].first != nil {
			c := q.lists[i].first
			if !q.lateFor(c, now) {
				return c
			}
			q.drop(c, c.late())
		}
	}
	return nil
}

// lateFor reports whether a call that began to run now, with others, would miss its deadline.
func (q *queue) lateFor(c *Call, now moment) bool {
	return now.add(q.expectedRun(q.waiting.Load())) > c.deadline
}

// expectedRun is about how long a run of n calls takes, or of as many of them as are put together.
func (q *queue) expectedRun(n int64) time.Duration {
	return time.Duration(q.perCall.Load() * min(n, q.most.Load()))
}

// before orders the heads of queues.
func (c *Call) before(d *Call) bool {
	return c.urgency < d.urgency || c.urgency == d.urgency && c.queued < d.queued
}

// heldUntil is when what waits is no longer held back for more to come, 0 if it is not now. The lock is held.
func (q *queue) heldUntil(now moment) (until moment) {
	if q.rows >= int(q.most.Load()) {
		return 0
	}
	if int64(q.rows) < q.answered.Load() && q.worthWaiting() {
		until = q.returned()
	}
	if delay := q.cfg.Load().BatchDelay; delay > 0 {
		oldest := now
		for i := range q.lists {
			if c := q.lists[i].first; c != nil {
				oldest = min(oldest, c.queued)
			}
		}
		until = max(until, oldest.add(delay))
	}
	if until <= now {
		return 0
	}
	return until
}

// returned is when those whose calls were answered by the last batch have had time to come back.
func (q *queue) returned() moment {
	return moment(q.answeredAt.Load()).add(min(time.Duration(q.runTime.Load()/returnShare), returnMost))
}

// gathers reports whether a call that finds a slot free is one of several that are about to come.
func (q *queue) gathers(now moment) bool {
	return q.answered.Load() > 1 && now < q.returned() && q.worthWaiting()
}

// share is the most rows of the next batch: an equal part of those that wait and run, so that one core does not compute
// many while the other has one. A model whose rows take longer in a batch has none, until they take longer alone. The lock
// is held, and the slot of the batch is taken.
func (q *queue) share() int {
	if alone, together := q.alone.Load(), q.batched.Load(); alone > 0 && together > alone+alone/returnShare {
		return 1
	}
	rows, limit := q.rows+q.beyond+int(q.running.Load())-1, int(q.limit())
	return min(int(q.most.Load()), (rows+limit-1)/limit)
}

// worthWaiting reports whether a batch saves more than the wait for it costs, as far as is known.
func (q *queue) worthWaiting() bool {
	alone := q.alone.Load()
	return alone == 0 || q.batched.Load() < alone-alone/returnShare
}

// Clients that were answered together often come back together, a moment after a run of the first of them has begun:
// batches of seven and of one take turns. So a batch is followed by a short wait for as many rows as it had,
// of a share of the time of a run, where rows save at least that share in a batch. MiniLM at 16 tokens, two runs at once on
// two cores of Emerald Rapids, computes 758 rows per second one at a time and 833 in batches of three or more: no wait.
const (
	returnShare = 8
	returnMost  = 2 * time.Millisecond
)

// add puts c at the end of its list. The lock is held.
func (q *queue) add(c *Call) {
	l := &q.lists[c.urgency]
	c.prev, c.next = l.last, nil
	if l.last != nil {
		l.last.next = c
	} else {
		l.first = c
	}
	l.last = c
	c.state = waits
	if q.waiting.Add(1) == 1 {
		q.sched.queues = append(q.sched.queues, q)
	}
	q.sched.waiting.Add(1)
	q.rows += c.rows
	q.engine.metrics.Waiting(1)
}

// remove takes c out of its list. The lock is held.
func (q *queue) remove(c *Call) {
	l := &q.lists[c.urgency]
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		l.last = c.prev
	}
	c.prev, c.next = nil, nil
	if s := q.sched; q.waiting.Add(-1) == 0 {
		i := slices.Index(s.queues, q)
		s.queues = slices.Delete(s.queues, i, i+1)
	}
	q.sched.waiting.Add(-1)
	q.rows -= c.rows
	q.engine.metrics.Waiting(-1)
}

// drop takes c out and lets it fail. The lock is held.
func (q *queue) drop(c *Call, err error) {
	q.remove(c)
	c.state, c.err = dropped, err
	c.wake <- struct{}{}
}

// refuse says why there is no room for one more call, or no time: what would only wait until its deadline is told so at
// once.
func (q *queue) refuse(deadline, now moment) error {
	n := q.waiting.Load()
	if n == 0 {
		return nil
	}
	wait := time.Duration(n * q.perCall.Load() / q.limit())
	if n >= int64(q.cfg.Load().Queue) {
		return FailFor(errQueue, wait, "the queue is full: %d requests are waiting for model %s", n, q.engine.Name)
	}
	if left := deadline.since(now); deadline != 0 && 2*(wait+q.expectedRun(n+1)) > left { // twice, as others may slow it down
		return FailFor(errLateQueue, wait, "%d requests are waiting for model %s, too many for an answer within %v", n, q.engine.Name,
			left.Round(time.Millisecond))
	}
	return nil
}

// makeRoom drops the call that waits with the least urgency, the latest of those, for a more urgent one. The lock is
// held.
func (q *queue) makeRoom(urgency uint8, because error) bool {
	for i := urgencies - 1; i > int(urgency); i-- {
		if c := q.lists[i].last; c != nil {
			q.drop(c, because)
			return true
		}
	}
	return false
}

const (
	// shortRun is the time of a run below which it takes no slot: what waiting and being woken take on a busy machine.
	shortRun = 50 * time.Microsecond
	// shortInputs is the most that a call has as inputs of which that is said: the time is that of usual calls.
	shortInputs = 16 << 10
)

// isShort reports whether the run of c is expected to be short.
func (q *queue) isShort(c *Call) bool {
	usual := q.runTime.Load()
	return usual != 0 && usual < int64(shortRun) && c.inputBytes <= shortInputs
}

// observe counts a run of some calls and remembers how long it took.
func (q *queue) observe(d time.Duration, calls, rows int) {
	q.remember(d, calls)
	if rows == 1 {
		average(&q.alone, int64(d))
	} else if calls > 1 {
		average(&q.batched, int64(d)/int64(rows))
	}
	q.engine.metrics.Run(rows, d)
}

func (q *queue) remember(d time.Duration, calls int) {
	average(&q.runTime, int64(d))
	average(&q.perCall, int64(d)/int64(calls))
}

// average moves a towards ns by an eighth. One run that was preempted says little about the next: it counts twice the
// average at most.
func average(a *atomic.Int64, ns int64) {
	if old := a.Load(); old != 0 {
		ns = old + (min(ns, 2*old+8)-old)/8
	}
	a.Store(max(1, ns))
}
