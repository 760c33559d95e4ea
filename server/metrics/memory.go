package metrics

import "github.com/prometheus/client_golang/prometheus"

// Memory is the bytes that a loaded model version has.
type Memory struct {
	Weights int64 `json:"weights"` // as they are packed for their kernels
	Arenas  int64 `json:"arenas"`  // of intermediate values, kept from run to run
	Buffers int64 `json:"buffers"` // of inputs and outputs, kept from request to request
}

// Sum is all of it.
func (m Memory) Sum() int64 { return m.Weights + m.Arenas + m.Buffers }

var descMemory = prometheus.NewDesc("hotpath_model_memory_bytes",
	"Memory of a model version: its weights as packed, arenas of intermediate values, buffers of inputs and outputs.",
	[]string{"model", "version", "kind"}, nil)

// Holds says where to read the memory beside the weights.
func (m *Model) Holds(f func() (arenas, buffers int64)) { m.sched.holds.Store(&f) }

// memory is what a version has now.
func (m *Model) memory() Memory {
	now := Memory{Weights: m.weightBytes}
	if f := m.sched.holds.Load(); f != nil {
		now.Arenas, now.Buffers = (*f)()
	}
	return now
}

func (m Memory) collect(ch chan<- prometheus.Metric, v id) {
	for kind, n := range map[string]int64{"weights": m.Weights, "arenas": m.Arenas, "buffers": m.Buffers} {
		ch <- prometheus.MustNewConstMetric(descMemory, prometheus.GaugeValue, float64(n), v.name, v.version, kind)
	}
}
