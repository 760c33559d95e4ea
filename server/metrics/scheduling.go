package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scheduling is the metrics of queues and batches.
type scheduling struct {
	rows                              *prometheus.HistogramVec
	queueTime, batchTime, computeTime *prometheus.CounterVec
}

func newScheduling(model []string) scheduling {
	seconds := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, model)
	}
	return scheduling{
		rows: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hotpath_run_rows",
			Help:    "Rows of a run of the model: of one request, or of the requests that were batched.",
			Buckets: []float64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256}}, model),
		queueTime:   seconds("hotpath_queue_seconds_total", "Time that requests waited for their run to begin."),
		batchTime:   seconds("hotpath_batch_seconds_total", "Time spent on putting batches together and taking them apart."),
		computeTime: seconds("hotpath_compute_seconds_total", "Time spent in runs of the model."),
	}
}

// scheduled is the handles of one model version.
type scheduled struct {
	rows                              prometheus.Observer
	queueTime, batchTime, computeTime prometheus.Counter
	running                           func() int64
}

func (s *scheduling) of(name, version string) scheduled {
	return scheduled{rows: s.rows.WithLabelValues(name, version), queueTime: s.queueTime.WithLabelValues(name, version),
		batchTime: s.batchTime.WithLabelValues(name, version), computeTime: s.computeTime.WithLabelValues(name, version)}
}

func (s *scheduling) drop(name, version string) {
	s.rows.DeleteLabelValues(name, version)
	for _, v := range []*prometheus.CounterVec{s.queueTime, s.batchTime, s.computeTime} {
		v.DeleteLabelValues(name, version)
	}
}

// Run counts a run of the model over some rows.
func (m *Model) Run(rows int, d time.Duration) {
	m.rows.Observe(float64(rows))
	m.computeTime.Add(d.Seconds())
}

// Waited counts the time that a request waited.
func (m *Model) Waited(d time.Duration) { m.queueTime.Add(d.Seconds()) }

// Batched counts the time that a batch took beside its run.
func (m *Model) Batched(d time.Duration) { m.batchTime.Add(d.Seconds()) }

// Running says where to read how many runs there are now.
func (m *Model) Running(f func() int64) {
	m.set.mu.Lock()
	m.running = f
	m.set.mu.Unlock()
}

// running collects the runs there are now.
type running struct{ s *Set }

var runningDesc = prometheus.NewDesc("hotpath_model_running", "Runs of a model version there are now.", []string{"model", "version"}, nil)

// Describe implements prometheus.Collector.
func (running) Describe(ch chan<- *prometheus.Desc) { ch <- runningDesc }

// Collect implements prometheus.Collector.
func (r running) Collect(ch chan<- prometheus.Metric) {
	type id struct{ name, version string }
	sum := map[id]int64{} // two handles of one version share their series
	r.s.mu.Lock()
	for m := range r.s.models {
		if m.running != nil {
			sum[id{m.name, m.version}] += m.running()
		}
	}
	r.s.mu.Unlock()
	for v, n := range sum {
		ch <- prometheus.MustNewConstMetric(runningDesc, prometheus.GaugeValue, float64(n), v.name, v.version)
	}
}
