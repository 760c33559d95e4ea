package server

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

const (
	// maxLook bounds the waiting calls that are looked at for a batch.
	maxLook = 256
	// keepBatch is the largest input or output of a batch that is kept for the next one.
	keepBatch = 64 << 20
)

// pick takes first out of the queue, as the leader of a run whose slot and memory were taken, and with it the calls that
// are computed together with it: those with rows of the same form, in order, as many as fit the largest batch and the
// memory that is one slot's. The lock is held.
func (q *queue) pick(first *Call) {
	first.batchRows, first.batchBytes = first.rows, first.runBytes
	last := first
	most := q.share()
	if q.waiting.Load() > 1 && first.rows > 0 && first.rows < most {
		share := q.sched.memory.most / q.sched.slots
		looked := 0
		for i := range q.lists {
			for c := q.lists[i].first; c != nil && first.batchRows < most && looked < maxLook; c = c.next {
				looked++
				if c == first || c.rows == 0 || first.batchRows+c.rows > most || first.batchBytes+c.bytes() > share ||
					!sameRows(first.session.Inputs, c.session.Inputs) {
					continue
				}
				last.follower, c.leader = c, last
				last = c
				first.batchRows += c.rows
				first.batchBytes += c.bytes()
			}
		}
		for size := q.cfg.Load().cut(first.batchRows); last != first && first.batchRows > size; {
			first.batchRows -= last.rows
			first.batchBytes -= last.bytes()
			last, last.leader = last.leader, nil
			last.follower = nil
		}
	}
	if last != first {
		first.batchBytes += first.inputBytes
	}
	for c := first; c != nil; c = c.follower {
		q.remove(c)
		c.state = follows
	}
	first.state = leads
	q.beyond += max(0, first.batchRows-1)
	q.sched.memory.used.Add(first.batchBytes - first.runBytes)
}

// bytes is the memory of c as part of a batch: the run, and its inputs once more.
func (c *Call) bytes() int64 { return c.inputBytes + c.runBytes }

// sameRows reports whether the rows of two calls have one form: all dimensions beyond the first are the same.
func sameRows(a, b []*tensor.Tensor) bool {
	for i, t := range a {
		if !slices.Equal(t.Shape[1:], b[i].Shape[1:]) {
			return false
		}
	}
	return true
}

// commonRows is the number of rows that all inputs have, 0 where they have none in common: then the call cannot be part
// of a batch.
func commonRows(inputs []*tensor.Tensor) int {
	rows := 0
	for i, t := range inputs {
		if len(t.Shape) == 0 || i > 0 && t.Shape[0] != rows {
			return 0
		}
		rows = t.Shape[0]
	}
	return rows
}

// lead runs the batch that c leads and wakes its followers, after the next run was started.
func (q *queue) lead(c *Call) error {
	started := now()
	if c.follower == nil {
		err := q.compute(c, started)
		q.ended(c)
		return err
	}
	calls := 0
	for m := c; m != nil; m = m.follower {
		m.timing.Queue = started.since(m.queued)
		calls++
	}
	q.together(c, started, calls)
	q.answered.Store(int64(c.batchRows))
	q.answeredAt.Store(int64(now()))
	q.ended(c)
	err := c.err
	for m := c.follower; m != nil; {
		next := m.follower
		m.leader, m.follower = nil, nil
		m.wake <- struct{}{} // m belongs to its own goroutine from here on
		m = next
	}
	c.follower = nil
	return err
}

// ended gives back what the run that c led had.
func (q *queue) ended(c *Call) {
	if c.batchRows > 1 {
		q.sched.mu.Lock()
		q.beyond -= c.batchRows - 1
		q.sched.mu.Unlock()
	}
	q.sched.leave(q, c.batchBytes)
}

// compute runs one call with its own tensors.
func (q *queue) compute(c *Call, started moment) error {
	if c.queued != 0 {
		c.timing.Queue = started.since(c.queued)
		q.engine.metrics.Waited(c.timing.Queue)
	}
	err := q.engine.run(c.session.Inputs, c.session.Outputs)
	end := now()
	c.timing.Compute = end.since(started)
	if err != nil {
		return err
	}
	q.observe(c.timing.Compute, 1, max(1, c.rows))
	if end > c.deadline {
		return c.late()
	}
	return nil
}

// together runs a batch of calls as one and sets their errors and outputs. If that fails, each runs alone, so that the
// error of one is not that of its neighbours.
func (q *queue) together(leader *Call, started moment, calls int) {
	b := q.batch()
	gather(b.Inputs, leader)
	ready := now()
	err := q.engine.run(b.Inputs, b.Outputs)
	end := now()
	if err == nil {
		err = scatter(b.Outputs, leader)
	}
	if b.size() <= keepBatch {
		q.batches.Put(b)
	}
	if err != nil {
		if errors.Is(err, graph.ErrLimit) {
			q.most.Store(max(1, int64(leader.batchRows)/2))
		}
		for m := leader; m != nil; m = m.follower {
			m.err = q.compute(m, now())
		}
		return
	}
	compute := end.since(ready)
	q.observe(compute, calls, leader.batchRows)
	batch := ready.since(started) + now().since(end)
	q.engine.metrics.Batched(batch)
	if leader.span != nil {
		link(leader, calls)
	}
	for m := leader; m != nil; m = m.follower {
		q.engine.metrics.Waited(m.timing.Queue)
		m.timing.Batch, m.timing.Compute, m.err, m.together = batch, compute, nil, calls
		if end > m.deadline {
			m.err = m.late()
		}
	}
}

// batch is tensors for a batch.
func (q *queue) batch() *Session {
	if b, ok := q.batches.Get().(*Session); ok {
		return b
	}
	var inputs []*tensor.Tensor
	for _, in := range q.engine.Signature.Inputs {
		inputs = append(inputs, &tensor.Tensor{DType: in.DType})
	}
	return q.engine.newSession(inputs, q.engine.runner.NewOutputs())
}

// gather puts the rows of all calls behind each other.
func gather(inputs []*tensor.Tensor, leader *Call) {
	for i, t := range inputs {
		t.Shape = append(t.Shape[:0], leader.session.Inputs[i].Shape...)
		t.Shape[0] = leader.batchRows
		t.Resize(t.Shape...)
		bytes, strings := t.Bytes, t.Strings
		for m := leader; m != nil; m = m.follower {
			in := m.session.Inputs[i]
			bytes = bytes[copy(bytes, in.Bytes):]
			strings = strings[copy(strings, in.Strings):]
		}
	}
}

// scatter gives every call its rows of the outputs.
func scatter(outputs []*tensor.Tensor, leader *Call) error {
	for i, t := range outputs {
		if len(t.Shape) == 0 || t.Shape[0] != leader.batchRows {
			return fmt.Errorf("output %d of a batch of %d rows has shape %v", i, leader.batchRows, t.Shape)
		}
		size, count := len(t.Bytes)/leader.batchRows, len(t.Strings)/leader.batchRows
		bytes, strings := t.Bytes, t.Strings
		for m := leader; m != nil; m = m.follower {
			out := m.session.Outputs[i]
			out.DType = t.DType
			t.Shape[0] = m.rows
			out.Resize(t.Shape...)
			bytes = bytes[copy(out.Bytes, bytes[:size*m.rows]):]
			strings = strings[copy(out.Strings, strings[:count*m.rows]):]
		}
	}
	return nil
}

// run runs the model. A panic in it is an error of this run alone.
func (e *Engine) run(inputs, outputs []*tensor.Tensor) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return e.runner.Run(inputs, outputs)
}
