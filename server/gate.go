package server

import (
	"sync/atomic"
	"time"
)

// gate admits a bounded number of requests at once and lets a bounded number wait. It allocates nothing.
type gate struct {
	slots   chan struct{}
	queued  atomic.Int64
	most    int64
	timeout time.Duration
}

func newGate(concurrency, queue int, timeout time.Duration) *gate {
	return &gate{slots: make(chan struct{}, concurrency), most: int64(queue), timeout: timeout}
}

// tryEnter takes a slot if one is free.
func (g *gate) tryEnter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait takes a slot when one comes free while the queue has room and the timeout has not passed. timer belongs to the
// caller, stopped.
func (g *gate) wait(timer *time.Timer) error {
	if g.queued.Add(1) > g.most {
		g.queued.Add(-1)
		return Fail(ErrBusy, "the queue is full: %d requests are waiting", g.most)
	}
	defer g.queued.Add(-1)
	timer.Reset(g.timeout)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return Fail(ErrBusy, "waited %v in the queue, the most that is allowed", g.timeout)
	}
}

func (g *gate) leave() { <-g.slots }

// budget bounds the memory of all request bodies together.
type budget struct {
	used atomic.Int64
	most int64
}

// take reserves n bytes, or nothing.
func (b *budget) take(n int64) error {
	if b.used.Add(n) > b.most {
		b.used.Add(-n)
		return Fail(ErrBusy, "request bodies in flight use all of the %d bytes set aside for them", b.most)
	}
	return nil
}

func (b *budget) give(n int64) { b.used.Add(-n) }
