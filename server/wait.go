package server

import (
	"context"
	"errors"
	"time"
)

// lookEvery is how often a waiting call looks whether its client is still there, which takes a microsecond.
const lookEvery = 100 * time.Millisecond

// run runs c: at once if the engine is free, else when its turn comes. It returns when the outputs are there or c has
// failed.
func (q *queue) run(c *Call, now moment) error {
	s := q.sched
	if now >= c.deadline {
		return c.late()
	}
	bytes := c.inputBytes + c.runBytes
	if q.isShort(c) && s.memory.take(bytes) {
		q.short.Add(1)
		err := q.compute(c, now)
		q.short.Add(-1)
		s.giveBack(bytes)
		return err
	}
	if s.waiting.Load() == 0 && !q.gathers(now) && s.take(q, bytes) {
		err := q.compute(c, now)
		s.leave(q, bytes)
		return err
	}
	if !s.memory.take(c.inputBytes) {
		return Fail(errValues, "inputs of waiting requests use all of the %d bytes set aside for them", s.memory.most)
	}
	defer s.memory.give(c.inputBytes)
	return q.wait(c, now)
}

// wait puts c into the queue and runs it when it leads, or returns when another has run it.
func (q *queue) wait(c *Call, at moment) error {
	s := q.sched
	s.mu.Lock()
	if err := q.refuse(c.deadline, at); err != nil && !q.makeRoom(c.urgency, err) {
		s.mu.Unlock()
		return err
	}
	c.queue, c.queued = q, at
	q.add(c)
	s.start(c)
	state := c.state
	s.mu.Unlock()
	if state != leads {
		c.sleep(at)
	}
	switch c.state { // no longer shared
	case leads:
		return q.lead(c)
	case dropped:
		q.engine.metrics.Waited(now().since(c.queued))
	}
	return c.err
}

// sleep returns when c leads, has been run, or was dropped.
func (c *Call) sleep(at moment) {
	var done <-chan struct{}
	if c.ctx != nil {
		done = c.ctx.Done()
	}
	defer c.timer.Stop()
	for {
		var why error
		c.timer.Reset(c.untilLook(at))
		select {
		case <-c.wake:
			return
		case <-done:
			why = c.cause()
		case <-c.timer.C:
			at = now()
			switch {
			case at >= c.deadline:
				why = c.late()
			case gone(c.conn):
				why = errGone
			}
		}
		if why != nil {
			c.withdraw(why)
			<-c.wake // it comes at once, or when the run that c was picked for has ended
			return
		}
	}
}

// untilLook is when to look at c again: at its deadline, or whether its client is still there.
func (c *Call) untilLook(now moment) time.Duration {
	d := c.deadline.since(now)
	if c.conn != nil {
		d = min(d, lookEvery)
	}
	return d
}

// withdraw drops c if it still waits.
func (c *Call) withdraw(why error) {
	s := c.queue.sched
	s.mu.Lock()
	if c.state == waits {
		c.queue.drop(c, why)
	}
	s.mu.Unlock()
}

var errGone = Fail(ErrGone, "the client is gone")

// cause is why the context of c ended.
func (c *Call) cause() error {
	if errors.Is(c.ctx.Err(), context.DeadlineExceeded) {
		return c.late()
	}
	return errGone
}

// late is the error of a call that cannot be answered by its deadline.
func (c *Call) late() error {
	had := c.deadline.since(c.start)
	if had > time.Millisecond {
		had = had.Round(time.Millisecond)
	}
	return FailFor(ErrDeadline, 0, "no answer within the %v that the request had", had)
}
