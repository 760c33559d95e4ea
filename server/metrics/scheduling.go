package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// RowBuckets are the upper bounds of the histogram of rows of a run.
var RowBuckets = [...]float64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256}

// scheduling is what queues and batches of one model version count. These are plain sums, collected by scheduled:
// they change with every run, and a histogram of the library costs ten times as much.
type scheduling struct {
	rows                  [len(RowBuckets) + 1]atomic.Uint64
	rowSum                atomic.Int64
	queue, batch, compute atomic.Int64 // ns
	running               atomic.Pointer[func() int64]
	holds                 atomic.Pointer[func() (arenas, buffers int64)]
	stages                stages
	latency               latency
	cpu                   atomic.Int64 // ns
	computed              int64        // what compute was when the CPU time was last divided; under the lock of Set
	live                  *window      // of the last minute, nil if there were no requests; under the lock of Set
	before                totals       // of the second before; under the lock of Set
}

// Run counts a run of the model over some rows.
func (m *Model) Run(rows int, d time.Duration) {
	i := 0
	for i < len(RowBuckets) && float64(rows) > RowBuckets[i] {
		i++
	}
	m.sched.rows[i].Add(1)
	m.sched.rowSum.Add(int64(rows))
	m.sched.compute.Add(int64(d))
}

// Waited counts the time that a request waited.
func (m *Model) Waited(d time.Duration) { m.sched.queue.Add(int64(d)) }

// Batched counts the time that a batch took beside its run.
func (m *Model) Batched(d time.Duration) { m.sched.batch.Add(int64(d)) }

// Running says where to read how many runs there are now.
func (m *Model) Running(f func() int64) { m.sched.running.Store(&f) }

// id names a model version, whose handles share their series.
type id struct{ name, version string }

// scheduled collects the sums of all model versions.
type scheduled struct{ s *Set }

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"model", "version"}, nil)
}

var (
	descRows    = desc("hotpath_run_rows", "Rows of a run of the model: of one request, or of the requests that were batched.")
	descLatency = desc("hotpath_request_duration_seconds", "Time from the parsed request head to the finished answer, queueing included.")
	descRunning = desc("hotpath_model_running", "Runs of a model version there are now.")
	descQueue   = desc("hotpath_queue_seconds_total", "Time that requests waited for their run to begin.")
	descBatch   = desc("hotpath_batch_seconds_total", "Time spent on putting batches together and taking them apart.")
	descCompute = desc("hotpath_compute_seconds_total", "Time spent in runs of the model.")
	descCPU     = desc("hotpath_model_cpu_seconds_total", "CPU time of the process, divided among model versions as the time of their runs is.")
)

// Describe implements prometheus.Collector.
func (scheduled) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRows, descLatency, descRunning, descQueue, descBatch, descCompute, descCPU, descMemory,
		descDrift, descMissing, descPredictionDrift, descMean, descClass} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c scheduled) Collect(ch chan<- prometheus.Metric) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	seen := map[id]bool{}
	for m := range c.s.models {
		if v := (id{m.name, m.version}); !seen[v] {
			seen[v] = true
			m.sched.collect(ch, v)
			m.memory().collect(ch, v)
			if d := m.watched.Load(); d != nil {
				d.collect(ch, v)
			}
		}
	}
}

func (s *scheduling) collect(ch chan<- prometheus.Metric, v id) {
	histogram := func(d *prometheus.Desc, bounds []float64, counts []atomic.Uint64, sum float64) {
		buckets, below := map[float64]uint64{}, uint64(0)
		for i, bound := range bounds {
			below += counts[i].Load()
			buckets[bound] = below
		}
		below += counts[len(bounds)].Load()
		ch <- prometheus.MustNewConstHistogram(d, below, sum, buckets, v.name, v.version)
	}
	histogram(descRows, RowBuckets[:], s.rows[:], float64(s.rowSum.Load()))
	histogram(descLatency, Buckets[:], s.latency[:], s.stages.answered().Seconds())
	for d, ns := range map[*prometheus.Desc]*atomic.Int64{descQueue: &s.queue, descBatch: &s.batch, descCompute: &s.compute, descCPU: &s.cpu} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(ns.Load())/1e9, v.name, v.version)
	}
	if f := s.running.Load(); f != nil {
		ch <- prometheus.MustNewConstMetric(descRunning, prometheus.GaugeValue, float64((*f)()), v.name, v.version)
	}
}

// schedulingOf is that of the other handles of a version, or new. s.mu is held.
func (s *Set) schedulingOf(v id) *scheduling {
	for m := range s.models {
		if m.name == v.name && m.version == v.version {
			return m.sched
		}
	}
	return &scheduling{}
}
