package server

import (
	"sync"
	"sync/atomic"
)

// scheduler shares the machine among the queues of all engines. A call that finds nothing waiting and a slot free takes
// it with three atomic additions and runs on its own goroutine. Everything else is under one lock: calls wait in the
// queue of their engine, and whoever gives a slot back starts what waits: it wakes one call, the leader, which runs on
// its own goroutine what was picked for it. No goroutine is started, and none hands work to another while nothing waits.
// Short runs take no slot: where the holder of one is preempted, others would wait a thousand times longer than they run.
type scheduler struct {
	slots   int64        // runs at once
	running atomic.Int64 // slots taken
	waiting atomic.Int64 // calls in all queues
	memory  budget       // of inputs, outputs and intermediate values of calls that wait or run

	mu     sync.Mutex
	queues []*queue // those in which calls wait
}

// take takes a slot of s and of q and the memory of a run, or nothing. What does not fit the memory runs when it is
// alone. A failed try may make another one at the same moment fail; whoever fails must look again under the lock.
func (s *scheduler) take(q *queue, bytes int64) bool {
	if q.running.Add(1) > q.limit() {
		q.running.Add(-1)
		return false
	}
	if n := s.running.Add(1); n <= s.slots {
		if s.memory.used.Add(bytes) <= s.memory.most || n == 1 {
			return true
		}
		s.memory.used.Add(-bytes)
	}
	s.running.Add(-1)
	q.running.Add(-1)
	return false
}

// leave gives back what take took and starts what waits for it.
func (s *scheduler) leave(q *queue, bytes int64) {
	s.running.Add(-1)
	q.running.Add(-1)
	s.giveBack(bytes)
}

// giveBack gives memory back and starts what waits.
func (s *scheduler) giveBack(bytes int64) {
	s.memory.give(bytes)
	if s.waiting.Load() > 0 {
		s.mu.Lock()
		s.start(nil)
		s.mu.Unlock()
	}
}

// start starts what may run now of all queues, the most urgent first and of those the oldest. self is the call of this
// goroutine, which is not woken to lead. The lock is held.
func (s *scheduler) start(self *Call) {
	now := now()
	for {
		var best *queue
		var first *Call
		for i := len(s.queues) - 1; i >= 0; i-- { // a queue that becomes empty is taken out
			q := s.queues[i]
			if q.running.Load() >= q.limit() {
				continue
			}
			head := q.head(now)
			if head == nil {
				continue
			}
			if until := q.heldUntil(now); until > 0 {
				q.again.Reset(until.since(now))
			} else if first == nil || head.before(first) {
				best, first = q, head
			}
		}
		if best == nil || !s.take(best, first.runBytes) {
			return
		}
		best.pick(first)
		if first != self {
			first.wake <- struct{}{}
		}
	}
}

// budget bounds memory that is taken and given back in parts.
type budget struct {
	used atomic.Int64
	most int64
}

// take reserves n bytes, or nothing.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// enqueue gives an engine its queue, before it is served.
func (s *Server) enqueue(e *Engine) {
	e.queue = s.sched.newQueue(e, s.live.Load().Scheduling.For(e.Name))
	e.metrics.Running(e.queue.runs)
}

// runs is how many there are now.
func (q *queue) runs() int64 { return q.running.Load() + q.short.Load() }

// load is how many runs there are now and how many calls wait.
func (s *Server) load() (running, waiting int64) {
	for _, m := range s.catalog.Load().Models {
		for _, e := range m.loaded {
			running += e.queue.runs()
		}
	}
	return running, s.sched.waiting.Load()
}
