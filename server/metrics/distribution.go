package metrics

import (
	"math"
	"sort"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Column is the distribution of one column of inputs or outputs of a model version, from a sample of its requests. What
// is long past counts less and less.
type Column struct {
	Name string
	// Edges, Categories and Expected are those of graph.ColumnStats, and ExpectedMissing its share of missing values; with
	// no Expected there is nothing to drift from.
	Edges           []float32
	Categories      []string
	Expected        []float32
	ExpectedMissing float32

	seen     float64 // values, missing ones included
	missing  float64
	mean, m2 float64
	min, max float64
	counts   []float64 // by bin or category, the last beyond or others
}

const (
	// rememberedRows bounds the weight of what was seen: from there on it is halved.
	rememberedRows = 20_000
	// leastRows is what a drift is told from: by chance alone the index of ten bins is about 9/500 then.
	leastRows = 500
)

// Number notes a value; one that is not finite is a missing one.
func (c *Column) Number(v float64) {
	c.note()
	if v-v != 0 {
		c.missing++
		return
	}
	n := c.seen - c.missing
	if n == 1 || v < c.min {
		c.min = v
	}
	if n == 1 || v > c.max {
		c.max = v
	}
	d := v - c.mean
	c.mean += d / n
	c.m2 += d * (v - c.mean)
	if c.Expected != nil {
		c.counts[sort.Search(len(c.Edges), func(i int) bool { return float64(c.Edges[i]) >= v })]++
	}
}

// Text notes a text; "" is a missing one.
func (c *Column) Text(v string) {
	c.note()
	if v == "" {
		c.missing++
		return
	}
	if c.Categories == nil {
		return
	}
	i := 0
	for i < len(c.Categories) && c.Categories[i] != v {
		i++
	}
	c.counts[i]++
}

// Class notes that category i was predicted.
func (c *Column) Class(i int) {
	c.note()
	c.counts[min(i, len(c.Categories))]++
}

func (c *Column) note() {
	if c.counts == nil {
		c.counts = make([]float64, max(len(c.Edges), len(c.Categories))+1)
	}
	if c.seen++; c.seen > rememberedRows {
		c.seen, c.missing, c.m2 = c.seen/2, c.missing/2, c.m2/2
		for i := range c.counts {
			c.counts[i] /= 2
		}
	}
}

// Drift is the population stability index against the training data: the sum over bins, that of missing values among
// them, of (seen − expected)·ln(seen/expected), shares below 1e-4 taken as that. Below 0.1 little has changed, above 0.25
// a lot has. ok is false while there is too little to tell.
func (c *Column) Drift() (psi float64, ok bool) {
	if len(c.Expected) == 0 || c.seen < leastRows {
		return 0, false
	}
	add := func(seen, expected float64) {
		seen, expected = max(seen, 1e-4), max(expected, 1e-4)
		psi += (seen - expected) * math.Log(seen/expected)
	}
	there := 1 - float64(c.ExpectedMissing)
	add(c.missing/c.seen, float64(c.ExpectedMissing))
	for i, e := range c.Expected {
		add(c.counts[i]/c.seen, float64(e)*there)
	}
	return psi, true
}

// Summary is a column as it is told.
type Summary struct {
	Name    string   `json:"name"`
	Rows    float64  `json:"rows"`    // sampled, of which old ones count less
	Missing float64  `json:"missing"` // share of them
	Mean    *float64 `json:"mean,omitempty"`
	Std     *float64 `json:"std,omitempty"`
	Min     *float64 `json:"min,omitempty"`
	Max     *float64 `json:"max,omitempty"`
	Drift   *float64 `json:"drift,omitempty"` // population stability index
	// Shares are the parts of the values by category, the last of all others; those of bins are told by Drift.
	Categories []string  `json:"categories,omitempty"`
	Shares     []float64 `json:"shares,omitempty"`
}

func (c *Column) summary() Summary {
	s := Summary{Name: c.Name, Rows: c.seen, Categories: c.Categories}
	if c.seen > 0 {
		s.Missing = c.missing / c.seen
	}
	n := c.seen - c.missing
	if psi, ok := c.Drift(); ok {
		s.Drift = &psi
	}
	if c.Categories != nil {
		for _, k := range c.counts {
			s.Shares = append(s.Shares, k/max(n, 1))
		}
		return s
	}
	if std := math.Sqrt(c.m2 / max(n, 1)); n > 0 && !math.IsInf(c.mean, 0) && std == std && !math.IsInf(std, 0) {
		mean, low, high := c.mean, c.min, c.max
		s.Mean, s.Std, s.Min, s.Max = &mean, &std, &low, &high
	}
	return s
}

// Distribution is the columns of one model version.
type Distribution struct {
	mu              sync.Mutex
	Inputs, Outputs []Column
}

// Sample lets f note values, unless another does at this moment: then these are not in the sample.
func (d *Distribution) Sample(f func(d *Distribution)) {
	if d.mu.TryLock() {
		f(d)
		d.mu.Unlock()
	}
}

// Summaries is what was seen of inputs and outputs.
func (d *Distribution) Summaries() (inputs, outputs []Summary) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.Inputs {
		inputs = append(inputs, d.Inputs[i].summary())
	}
	for i := range d.Outputs {
		outputs = append(outputs, d.Outputs[i].summary())
	}
	return inputs, outputs
}

// mostSeries bounds the columns of a version, and the classes, that have series of their own.
const mostSeries = 64

var (
	descDrift = prometheus.NewDesc("hotpath_input_drift",
		"Population stability index of an input column against the training data: 0.1 is little, 0.25 a lot.", []string{"model", "version", "column"}, nil)
	descMissing = prometheus.NewDesc("hotpath_input_missing_ratio", "Part of the values of an input column that are missing.",
		[]string{"model", "version", "column"}, nil)
	descPredictionDrift = prometheus.NewDesc("hotpath_prediction_drift",
		"Population stability index of predictions, of their classes or of a column, against those of training: 0.1 is little, 0.25 a lot.",
		[]string{"model", "version", "column"}, nil)
	descMean = prometheus.NewDesc("hotpath_prediction_mean", "Mean of an output column, or of the score of the predicted class.",
		[]string{"model", "version", "column"}, nil)
	descClass = prometheus.NewDesc("hotpath_prediction_class_ratio", "Part of the predictions that are of a class.",
		[]string{"model", "version", "class"}, nil)
)

// Watch sets the columns of a version.
func (m *Model) Watch(d *Distribution) { m.watched.Store(d) }

// Distribution is what Watch set, nil for nothing.
func (m *Model) Distribution() *Distribution { return m.watched.Load() }

func (d *Distribution) collect(ch chan<- prometheus.Metric, v id) {
	inputs, outputs := d.Summaries()
	gauge := func(desc *prometheus.Desc, value float64, label string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, v.name, v.version, label)
	}
	for _, s := range inputs[:min(len(inputs), mostSeries)] {
		if s.Rows > 0 {
			gauge(descMissing, s.Missing, s.Name)
		}
		if s.Drift != nil {
			gauge(descDrift, *s.Drift, s.Name)
		}
	}
	for _, s := range outputs[:min(len(outputs), mostSeries)] {
		if s.Mean != nil {
			gauge(descMean, *s.Mean, s.Name)
		}
		if s.Drift != nil {
			gauge(descPredictionDrift, *s.Drift, s.Name)
		}
		for i, share := range s.Shares[:min(len(s.Shares), len(s.Categories), mostSeries)] {
			gauge(descClass, share, s.Categories[i])
		}
	}
}
