// Package metrics holds the counters and histograms of a server and their one exposition, in Prometheus text format.
//
// Handles are resolved once per loaded model, so counting a request is a few atomic additions: no label look-up, no
// allocation. Only models that are loaded have series: a name that a client made up never creates one.
package metrics

import (
	"bytes"
	_ "embed" // of the dashboard
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/hotpath/hotpath/internal/build"
)

// ContentType is the media type of the exposition.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Buckets are the upper bounds of the latency histogram in seconds: factors of about 1.5 from 5 µs to 10 s, so that a
// quantile read between two bounds is off by a fifth at most.
var Buckets = [...]float64{
	5e-6, 7.5e-6, 1e-5, 1.5e-5, 2e-5, 3e-5, 5e-5, 7.5e-5, 1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7.5e-4, 1e-3, 1.5e-3, 2e-3, 3e-3,
	5e-3, 7.5e-3, 1e-2, 1.5e-2, 2e-2, 3e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 10,
}

// Dashboard is a dashboard of Grafana for these metrics, to be imported there.
//
//go:embed grafana.json
var Dashboard []byte

// Class is why a request failed.
type Class int

// The classes of failed requests.
const (
	Input    Class = iota // the request does not fit the model
	Limit                 // beyond a size limit
	Busy                  // refused by admission
	Quota                 // beyond a limit of the API key
	Late                  // not answered by its deadline
	Gone                  // the client went away while it waited
	Internal              // our fault
	classes
)

var classNames = [classes]string{"input", "limit", "busy", "quota", "deadline", "gone", "internal"}

// Gauges are read when metrics are collected.
type Gauges struct {
	InFlight  func() float64 // requests being computed
	BodyBytes func() float64 // memory held by request bodies
	RunBytes  func() float64 // memory of the values of requests that wait or run
	// Connections is how many are open.
	Connections func() float64
}

// Set is all metrics of one server.
type Set struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	errors    *prometheus.CounterVec
	loads     *prometheus.CounterVec
	loadFails *prometheus.CounterVec
	queued    *prometheus.GaugeVec
	failed    *prometheus.CounterVec
	reloads   reloads

	mu     sync.Mutex
	models map[*Model]struct{}
	gone   totals // what unloaded models counted, so that the window never runs backwards
	window window
	cpu    cpuShare
}

// New makes the metrics of one server, whose requests fail for the given reasons.
func New(g Gauges, reasons ...string) *Set {
	model := []string{"model", "version"}
	s := &Set{
		registry: prometheus.NewRegistry(),
		models:   map[*Model]struct{}{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hotpath_requests_total",
			Help: "Requests answered by a model version, failed ones included."}, model),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hotpath_request_errors_total",
			Help: "Failed requests by class: input, limit, busy, quota, deadline, gone, internal."}, append(model, "class")),
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hotpath_model_loads_total",
			Help: "Model versions loaded."}, []string{"model"}),
		loadFails: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hotpath_model_load_failures_total",
			Help: "Model versions that were offered and could not be loaded."}, []string{"model"}),
		queued: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hotpath_queue_depth",
			Help: "Requests for a model version that wait for a slot now."}, model),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hotpath_failed_total",
			Help: "Requests of all protocols that were answered with an error, whether they reached a model or not, by reason."}, []string{"reason"}),
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	s.registry.MustRegister(scheduled{s}, s.requests, s.errors, s.loads, s.loadFails, s.queued, s.failed,
		gauge("hotpath_requests_in_flight", "Requests being computed now.", g.InFlight),
		gauge("hotpath_body_bytes", "Memory held by request bodies now.", g.BodyBytes),
		gauge("hotpath_connections", "Connections that are open now.", g.Connections),
		gauge("hotpath_run_bytes", "Memory of the values of requests that wait or run now.", g.RunBytes),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo())
	s.reloads = newReloads(s.registry)
	s.Reloaded(true)
	for _, r := range reasons {
		s.failed.WithLabelValues(r)
	}
	return s
}

func buildInfo() prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "hotpath_build_info", Help: "Always 1; the build is in the labels.",
		ConstLabels: prometheus.Labels{"version": build.Version(), "go": runtime.Version(), "arch": runtime.GOARCH}})
	g.Set(1)
	return g
}

// Failed counts a request that was answered with an error.
func (s *Set) Failed(reason string) { s.failed.WithLabelValues(reason).Inc() }

// LoadFailed counts a model version that could not be loaded.
func (s *Set) LoadFailed(model string) { s.loadFails.WithLabelValues(model).Inc() }

// Exposition writes all metrics as Prometheus text.
func (s *Set) Exposition() ([]byte, error) {
	families, err := s.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return nil, fmt.Errorf("write metric %s: %w", f.GetName(), err)
		}
	}
	return b.Bytes(), nil
}

// Model is the handles of one loaded model version.
type Model struct {
	set           *Set
	name, version string
	requests      prometheus.Counter
	errors        [classes]prometheus.Counter
	queued        prometheus.Gauge
	sched         *scheduling
	weightBytes   int64
	watched       atomic.Pointer[Distribution]
}

// Model makes the series of a version that was just loaded.
func (s *Set) Model(name, version string, weightBytes int64) *Model {
	m := &Model{set: s, name: name, version: version, weightBytes: weightBytes,
		requests: s.requests.WithLabelValues(name, version),
		queued:   s.queued.WithLabelValues(name, version)}
	for c := range m.errors {
		m.errors[c] = s.errors.WithLabelValues(name, version, classNames[c])
	}
	s.loads.WithLabelValues(name).Inc()
	s.mu.Lock()
	m.sched = s.schedulingOf(id{name, version})
	s.models[m] = struct{}{}
	s.mu.Unlock()
	return m
}

// Unload drops the series of a version that is no longer served, unless newer handles share them.
func (m *Model) Unload() {
	s := m.set
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.models, m)
	for other := range s.models {
		if other.name == m.name && other.version == m.version {
			return
		}
	}
	s.gone.add(m.read())
	s.requests.DeleteLabelValues(m.name, m.version)
	s.queued.DeleteLabelValues(m.name, m.version)
	for _, c := range classNames {
		s.errors.DeleteLabelValues(m.name, m.version, c)
	}
}

// Waiting counts a request into the queue (1) or out of it (-1).
func (m *Model) Waiting(n float64) { m.queued.Add(n) }

// Done counts an answered request and where its time went.
func (m *Model) Done(d time.Duration, st Stages) {
	m.requests.Inc()
	m.sched.latency.add(d)
	m.sched.stages.add(d, st)
}

// Failed counts a failed request. Its duration stays out of the histogram, which tells how fast answers are.
func (m *Model) Failed(c Class, d time.Duration) {
	m.requests.Inc()
	m.sched.stages.failed.Add(int64(d))
	m.errors[c].Inc()
}
