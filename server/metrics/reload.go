package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// reloads tells how the last reading of the settings went, under the names that Prometheus has for its own.
type reloads struct {
	successful prometheus.Gauge
	at         prometheus.Gauge
	failures   prometheus.Counter
}

func newReloads(r prometheus.Registerer) reloads {
	l := reloads{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hotpath_config_last_reload_successful",
			Help: "1 if the settings were read without an error the last time, 0 if those before stayed in force."}),
		at: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hotpath_config_last_reload_success_timestamp_seconds",
			Help: "When the settings in force were read."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "hotpath_config_reload_failures_total",
			Help: "How often settings were read anew with an error."}),
	}
	r.MustRegister(l.successful, l.at, l.failures)
	return l
}

// Reloaded counts a reading of the settings, that at the start included.
func (s *Set) Reloaded(ok bool) {
	if !ok {
		s.reloads.successful.Set(0)
		s.reloads.failures.Inc()
		return
	}
	s.reloads.successful.Set(1)
	s.reloads.at.Set(float64(time.Now().UnixNano()) / 1e9)
}
