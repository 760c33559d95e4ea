package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// WindowSeconds is how far back the live figures reach.
const WindowSeconds = 60

// totals are the counters of some models at one moment.
type totals struct {
	requests, errors float64
	cpu              float64            // seconds
	memory           float64            // bytes; what there was at that moment, no sum over time
	buckets          [maxBuckets]uint64 // not cumulative; the last one is beyond the highest bound
}

const maxBuckets = len(Buckets) + 1

func (t *totals) add(o totals) {
	t.requests += o.requests
	t.errors += o.errors
	t.cpu += o.cpu
	for i, n := range o.buckets {
		t.buckets[i] += n
	}
}

func (t *totals) sub(o *totals) {
	t.requests -= o.requests
	t.errors -= o.errors
	t.cpu -= o.cpu
	for i, n := range o.buckets {
		t.buckets[i] -= n
	}
}

// window keeps one snapshot of the totals per second.
type window struct {
	ring [WindowSeconds + 1]totals
	next int // where the next snapshot goes
	n    int // snapshots taken, at most len(ring)
}

// Live is the last minute as the page draws it: one entry per second, oldest first.
type Live struct {
	Rate   []float64 `json:"rate"`   // requests per second
	Failed []float64 `json:"failed"` // of those
	P50    []float64 `json:"p50_us"` // median latency in µs, 0 in a second without requests
	P99    []float64 `json:"p99_us"`
	Cores  []float64 `json:"cpu_cores"`    // seconds of CPU time per second
	Memory []float64 `json:"memory_bytes"` // at the end of the second
	// The whole minute.
	Requests  float64 `json:"requests"`
	Errors    float64 `json:"errors"`
	MinuteP50 float64 `json:"minute_p50_us"`
	MinuteP99 float64 `json:"minute_p99_us"`
}

// Sample takes a snapshot each second until ctx ends. Live has its figures from these.
func (s *Set) Sample(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	s.snapshot()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.snapshot()
		}
	}
}

func (s *Set) snapshot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[id]*scheduling{} // two handles of one version share their series
	var versions []*Model
	for m := range s.models {
		if v := (id{m.name, m.version}); all[v] == nil {
			all[v] = m.sched
			versions = append(versions, m)
		}
	}
	s.cpu.divide(all)
	sum := s.gone
	for _, m := range versions {
		t := m.read()
		m.sched.sample(&t, &s.window)
		sum.add(t)
	}
	sum.cpu, sum.memory = processCPU().Seconds(), float64(resident())
	s.window.push(&sum)
}

func (w *window) push(t *totals) {
	w.ring[w.next] = *t
	w.next = (w.next + 1) % len(w.ring)
	w.n = min(w.n+1, len(w.ring))
}

// at is snapshot i of those there are, the oldest first.
func (w *window) at(i int) *totals { return &w.ring[(w.next-w.n+i+len(w.ring))%len(w.ring)] }

// sample takes a snapshot of one version. Only those that had requests in the last minute have a window, as it is large;
// a new one begins with the second before.
func (s *scheduling) sample(t *totals, all *window) {
	switch {
	case s.live != nil && s.live.n == len(s.live.ring) && s.live.at(0).requests == t.requests:
		s.live = nil
	case s.live == nil && t.requests != s.before.requests:
		s.live = &window{}
		if all.n > 0 {
			s.live.push(&s.before)
		}
	}
	if s.live != nil {
		s.live.push(t)
	}
	s.before = *t
}

// LiveModel is the last minute of one loaded version.
type LiveModel struct {
	Model   string  `json:"model"`
	Version string  `json:"version"`
	CPU     float64 `json:"cpu_s"` // since it was loaded
	Memory  Memory  `json:"memory"`
	*Live           // nil if there were no requests
}

// LiveModels returns the figures of the last minute of all versions, in no order.
func (s *Set) LiveModels() []LiveModel {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []LiveModel{}
	seen := map[id]bool{}
	for m := range s.models {
		v := id{m.name, m.version}
		if seen[v] {
			continue
		}
		seen[v] = true
		l := LiveModel{Model: m.name, Version: m.version, CPU: float64(m.sched.cpu.Load()) / 1e9, Memory: m.memory()}
		if m.sched.live != nil {
			live := m.sched.live.live()
			l.Live = &live
		}
		list = append(list, l)
	}
	return list
}

// read reads the counters of m.
func (m *Model) read() (t totals) {
	t.requests = counter(m.requests)
	for _, c := range m.errors {
		t.errors += counter(c)
	}
	t.cpu, t.memory = float64(m.sched.cpu.Load())/1e9, float64(m.memory().Sum())
	for i := range m.sched.latency {
		t.buckets[i] = m.sched.latency[i].Load()
	}
	return t
}

func counter(c prometheus.Counter) float64 {
	var out dto.Metric
	if c.Write(&out) != nil {
		return 0
	}
	return out.GetCounter().GetValue()
}

// Live returns the figures of the last minute.
func (s *Set) Live() Live {
	s.mu.Lock()
	w := s.window
	s.mu.Unlock()
	return w.live()
}

func (w *window) live() Live {
	l := Live{Rate: []float64{}, Failed: []float64{}, P50: []float64{}, P99: []float64{}, Cores: []float64{}, Memory: []float64{}}
	if w.n < 2 {
		return l
	}
	for i := 1; i < w.n; i++ {
		d := *w.at(i)
		d.sub(w.at(i - 1))
		l.Rate = append(l.Rate, d.requests)
		l.Failed = append(l.Failed, d.errors)
		l.Cores = append(l.Cores, d.cpu)
		l.Memory = append(l.Memory, d.memory)
		l.P50 = append(l.P50, d.quantile(0.50))
		l.P99 = append(l.P99, d.quantile(0.99))
	}
	d := *w.at(w.n - 1)
	d.sub(w.at(0))
	l.Requests, l.Errors = d.requests, d.errors
	l.MinuteP50, l.MinuteP99 = d.quantile(0.50), d.quantile(0.99)
	return l
}

// quantile estimates a quantile in µs, linear inside the bucket that holds it; 0 without observations.
func (t *totals) quantile(q float64) float64 {
	total := uint64(0)
	for _, n := range t.buckets {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank, below := q*float64(total), 0.0
	for i, n := range t.buckets {
		in := float64(n)
		if n > 0 && below+in >= rank {
			if i >= len(Buckets) {
				break
			}
			low := 0.0
			if i > 0 {
				low = Buckets[i-1]
			}
			return 1e6 * (low + (Buckets[i]-low)*(rank-below)/in)
		}
		below += in
	}
	return 1e6 * Buckets[len(Buckets)-1]
}
