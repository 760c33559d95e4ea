package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

type topCmd struct {
	URL      string        `arg:"" help:"The listener with the metrics: --admin of the server, or --http where it has none." default:"http://127.0.0.1:8080"`
	Every    time.Duration `help:"Time between two looks." default:"2s"`
	Count    int           `help:"End after as many (default: at a signal)." placeholder:"N"`
	Once     bool          `help:"One look at what happens in --every, then end."`
	Sort     string        `help:"Order of the lines, which a key changes on a terminal: ${enum}." default:"rate" enum:"rate,errors,p50,p99,queue,waiting,cpu,memory,drift,name"`
	Key      string        `help:"API key with the scope admin." env:"HOTPATH_KEY" placeholder:"KEY"`
	CACert   string        `help:"PEM file with the certificate of the server or of its issuer (default: those the system trusts)." name:"cacert" placeholder:"FILE" type:"existingfile"`
	Insecure bool          `help:"Do not verify the certificate of the server."`
	JSON     bool          `help:"Print one JSON object per look." name:"json"`
}

// topModel is a line of the table, documented by its keys. Rates are per second, since the look before.
type topModel struct {
	Model    string  `json:"model"`
	Version  string  `json:"version"`
	Rate     float64 `json:"rate"`
	Errors   float64 `json:"errors"`
	P50US    float64 `json:"p50_us"`
	P99US    float64 `json:"p99_us"`
	Rows     float64 `json:"rows_per_run"`
	QueueUS  float64 `json:"queue_us"` // mean wait of a request
	Waiting  float64 `json:"waiting"`  // now
	Cores    float64 `json:"cpu_cores"`
	Memory   float64 `json:"memory_bytes"` // weights, arenas, buffers
	Weights  float64 `json:"weight_bytes"` // of those, as packed
	MaxDrift float64 `json:"max_drift"`    // of the column, input or prediction, that drifted most; 0 if that is not known
}

type topReport struct {
	Rate   float64    `json:"rate"`
	Cores  float64    `json:"cpu_cores"`
	Memory float64    `json:"resident_bytes"`
	Models []topModel `json:"models"`
}

// Run implements the verb.
func (c *topCmd) Run(e *env) error {
	if c.Every <= 0 {
		return fmt.Errorf("--every %v: expected more than 0: %w", c.Every, errUsage)
	}
	if c.Once {
		c.Count = 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := c.client()
	if err != nil {
		return err
	}
	before, err := c.look(client)
	if err != nil {
		return err
	}
	screen, err := openScreen(e.stdout, c)
	if err != nil {
		return err
	}
	defer screen.close()
	for n := 0; c.Count == 0 || n < c.Count; n++ {
		if !screen.wait(ctx, c) {
			return nil
		}
		now, err := c.look(client)
		if err != nil {
			return err
		}
		r := now.since(before)
		r.sort(c.Sort)
		before = now
		if c.JSON {
			if err := e.printJSON(r); err != nil {
				return err
			}
			continue
		}
		screen.show(&r, c.Sort)
	}
	return nil
}

// client speaks to the server as the flags say.
func (c *topCmd) client() (*http.Client, error) {
	t, err := transport(c.CACert)
	if err != nil {
		return nil, err
	}
	t.TLSClientConfig.InsecureSkipVerify = c.Insecure //nolint:gosec // asked for by name
	return &http.Client{Timeout: 10 * time.Second, Transport: t}, nil
}

// metricsLook is the metrics at one moment.
type metricsLook struct {
	at       time.Time
	families map[string]*dto.MetricFamily
}

func (c *topCmd) look(client *http.Client) (*metricsLook, error) {
	base, err := serverURL(c.URL)
	if err != nil {
		return nil, err
	}
	url := base.JoinPath("metrics").String()
	text, err := fetch(client, http.MethodGet, url, c.Key, 64<<20)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return &metricsLook{time.Now(), families}, nil
}

// modelVersion names a model version.
type modelVersion struct{ model, version string }

func label(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// each visits the series of a metric by model version.
func (l *metricsLook) each(name string, visit func(v modelVersion, m *dto.Metric)) {
	for _, m := range l.families[name].GetMetric() {
		visit(modelVersion{label(m, "model"), label(m, "version")}, m)
	}
}

// values adds up the counters or gauges of a metric by model version.
func (l *metricsLook) values(name string) map[modelVersion]float64 {
	sums := map[modelVersion]float64{}
	l.each(name, func(v modelVersion, m *dto.Metric) { sums[v] += m.GetCounter().GetValue() + m.GetGauge().GetValue() })
	return sums
}

func (l *metricsLook) histograms(name string) map[modelVersion]*dto.Histogram {
	all := map[modelVersion]*dto.Histogram{}
	l.each(name, func(v modelVersion, m *dto.Metric) { all[v] = m.GetHistogram() })
	return all
}

// since is what happened between two looks.
func (l *metricsLook) since(b *metricsLook) topReport {
	seconds := l.at.Sub(b.at).Seconds()
	rate := func(name string) map[modelVersion]float64 {
		now, before := l.values(name), b.values(name)
		for v := range now {
			now[v] = max(0, now[v]-before[v]) / seconds
		}
		return now
	}
	requests, errs, cpu, queue := rate("hotpath_requests_total"), rate("hotpath_request_errors_total"), rate("hotpath_model_cpu_seconds_total"),
		rate("hotpath_queue_seconds_total")
	waiting, memory := l.values("hotpath_queue_depth"), l.values("hotpath_model_memory_bytes")
	weights, drift := map[modelVersion]float64{}, map[modelVersion]float64{}
	l.each("hotpath_model_memory_bytes", func(v modelVersion, m *dto.Metric) {
		if label(m, "kind") == "weights" {
			weights[v] = m.GetGauge().GetValue()
		}
	})
	for _, name := range []string{"hotpath_input_drift", "hotpath_prediction_drift"} {
		l.each(name, func(v modelVersion, m *dto.Metric) { drift[v] = max(drift[v], m.GetGauge().GetValue()) })
	}
	latency, latencyBefore := l.histograms("hotpath_request_duration_seconds"), b.histograms("hotpath_request_duration_seconds")
	runs, runsBefore := l.histograms("hotpath_run_rows"), b.histograms("hotpath_run_rows")
	none := modelVersion{}
	r := topReport{Cores: rate("process_cpu_seconds_total")[none], Memory: l.values("process_resident_memory_bytes")[none], Models: []topModel{}}
	for v := range requests {
		m := topModel{Model: v.model, Version: v.version, Rate: requests[v], Errors: errs[v], Waiting: waiting[v], Cores: cpu[v], Memory: memory[v], Weights: weights[v],
			MaxDrift: drift[v], P50US: 1e6 * quantile(latency[v], latencyBefore[v], 0.5), P99US: 1e6 * quantile(latency[v], latencyBefore[v], 0.99)}
		if n := float64(runs[v].GetSampleCount() - runsBefore[v].GetSampleCount()); n > 0 {
			m.Rows = (runs[v].GetSampleSum() - runsBefore[v].GetSampleSum()) / n
		}
		if requests[v] > 0 {
			m.QueueUS = 1e6 * queue[v] / requests[v]
		}
		r.Rate += m.Rate
		r.Models = append(r.Models, m)
	}
	return r
}

// quantile is that of what a histogram gained, linear inside the bucket that holds it; 0 if it gained nothing.
func quantile(now, before *dto.Histogram, q float64) float64 {
	gained := func(i int) float64 {
		n := now.Bucket[i].GetCumulativeCount()
		if before != nil && i < len(before.Bucket) {
			n -= min(n, before.Bucket[i].GetCumulativeCount())
		}
		return float64(n)
	}
	last := len(now.GetBucket()) - 1
	if last < 0 || gained(last) == 0 {
		return 0
	}
	rank, low, below := q*gained(last), 0.0, 0.0
	for i, b := range now.Bucket {
		if n := gained(i); n >= rank {
			high := b.GetUpperBound()
			if high > 1e300 { // the bucket without a bound
				return low
			}
			return low + (high-low)*(rank-below)/max(1, n-below)
		} else {
			low, below = b.GetUpperBound(), n
		}
	}
	return low
}
