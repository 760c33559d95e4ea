package metrics

import (
	"math"
	"sync/atomic"
	"time"
)

// Stages is where the time of an answered request went. What is none of it was spent on writing the answer.
type Stages struct {
	Input   time.Duration // reading and decoding, and putting together and taking apart its batch
	Queue   time.Duration // waiting for its run
	Compute time.Duration // the run, which it may have shared with others
}

// stages sums up Stages over requests, in ns.
type stages struct {
	input, queue, compute, output, failed atomic.Int64
}

func (s *stages) add(d time.Duration, st Stages) {
	s.input.Add(int64(st.Input))
	if st.Queue != 0 {
		s.queue.Add(int64(st.Queue))
	}
	s.compute.Add(int64(st.Compute))
	s.output.Add(int64(max(0, d-st.Input-st.Queue-st.Compute)))
}

// answered is the time of all answered requests.
func (s *stages) answered() time.Duration {
	return time.Duration(s.input.Load() + s.queue.Load() + s.compute.Load() + s.output.Load())
}

// latency counts answered requests by their time: those up to each of Buckets, and the rest.
type latency [len(Buckets) + 1]atomic.Uint64

func (l *latency) add(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	l[i].Add(1)
}

// bounds is Buckets as durations.
var bounds = func() (b [len(Buckets)]time.Duration) {
	for i, s := range Buckets {
		b[i] = time.Duration(math.Round(s * 1e9))
	}
	return b
}()

// Statistics is what a model version counted since it was loaded, per request as the statistics extension of KServe
// wants it: times of requests that shared a run count that run each.
type Statistics struct {
	Success, Failed                                      uint64 // requests
	SuccessTime, FailTime, Input, Queue, Compute, Output time.Duration
	Rows, Runs                                           uint64
}

// Statistics reads the sums.
func (m *Model) Statistics() (s Statistics) {
	for _, c := range m.errors {
		s.Failed += uint64(counter(c))
	}
	for i := range m.sched.latency {
		s.Success += m.sched.latency[i].Load()
	}
	st := &m.sched.stages
	s.FailTime = time.Duration(st.failed.Load())
	s.Input, s.Queue = time.Duration(st.input.Load()), time.Duration(st.queue.Load())
	s.Compute, s.Output = time.Duration(st.compute.Load()), time.Duration(st.output.Load())
	s.SuccessTime = st.answered()
	s.Rows = uint64(m.sched.rowSum.Load())
	for i := range m.sched.rows {
		s.Runs += m.sched.rows[i].Load()
	}
	return s
}
