package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hotpath/hotpath/bench/profile"
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/cpu"
)

type benchModelCmd struct {
	Model     string            `arg:"" help:"Model file, or the directory of a SavedModel." type:"existingpath"`
	Shape     map[string]string `help:"Shape of an input, as in input=32x100; unknown dimensions are 1." placeholder:"NAME=1x128"`
	Input     string            `help:"Inputs from a file instead, as for run: .npz, .npy or .json." placeholder:"FILE" type:"existingfile"`
	Precision string            `help:"bf16: round weights and activations of matrix products to bfloat16, faster and less exact (default: as the model says)." placeholder:"bf16" enum:",bf16" default:""`
	Seconds   float64           `help:"How long to measure, after a tenth of that to warm up." default:"2"`
	Threads   int               `help:"Cores to use; 0: as many as this process may." default:"1"`
	Cache     string            `help:"Directory, of this user alone, where the prepared model is kept for the next start." placeholder:"DIR"`
	JSON      bool              `help:"Print one JSON object." name:"json"`
	Profile   bool              `help:"Print the time of each step with the kernel it ran and its share of the peak, instead of the latency."`
	HTML      string            `help:"With --profile: also a page that stands alone." placeholder:"FILE" name:"html"`
	PProf     string            `help:"With --profile: also the CPU profile, labelled by step, for go tool pprof." placeholder:"FILE" name:"pprof"`
}

// Help implements kong's long help.
func (benchModelCmd) Help() string {
	return "Runs a model over and over on the same inputs and prints the latency of one run, and how long the first took to come.\n" +
		"Without --input they are small numbers that differ from each other."
}

type benchModelResult struct {
	Model      string  `json:"model"`
	Shapes     string  `json:"shapes"`
	P50        float64 `json:"p50_us"`
	P99        float64 `json:"p99_us"`
	Min        float64 `json:"min_us"`
	Runs       int     `json:"runs"`
	Throughput float64 `json:"throughput"` // rows per second at the median
	Threads    int     `json:"threads"`
	Precision  string  `json:"precision,omitempty"`
	ISA        string  `json:"isa"`
	GFLOPS     float64 `json:"gflops"` // of the matrix products, at the median
	Cold       coldRun `json:"cold"`
	Cached     bool    `json:"cached"`
	Allocs     float64 `json:"allocs_per_run"`
	Memory     memory  `json:"memory"`
}

// memory is what a model takes, in bytes.
type memory struct {
	Weights int64 `json:"weight_bytes"`   // constants, packed
	Arena   int64 `json:"arena_bytes"`    // intermediate values and working memory of a run
	Base    int64 `json:"base_rss_bytes"` // of the process before the model is opened
	Peak    int64 `json:"peak_rss_bytes"` // the most of the process up to the end of the first run
}

// coldRun is what comes before a model's first answer, in ms: reading the file, making the plan, the first run.
type coldRun struct {
	Load    float64 `json:"load_ms"`
	Compile float64 `json:"compile_ms"`
	First   float64 `json:"first_run_ms"`
}

// lap returns the ms since start, and sets it to now.
func lap(start *time.Time) float64 {
	now := time.Now()
	ms := now.Sub(*start).Seconds() * 1e3
	*start = now
	return ms
}

// maxSamples bounds the memory of the timings.
const maxSamples = 1 << 20

// Run implements the verb.
func (c *benchModelCmd) Run(e *env) error {
	pool, err := newPool(c.Threads)
	if err != nil {
		return err
	}
	defer pool.Close()
	if c.Profile {
		return c.profile(e, plan.Options{Pool: pool, Precision: c.Precision})
	}
	if c.HTML != "" || c.PProf != "" {
		return fmt.Errorf("--html or --pprof without --profile: %w", errUsage)
	}
	var cold coldRun
	use := memory{Base: peakRSS()}
	start := time.Now()
	begin := start
	source := modelSource(e, c.Model)
	open := source.Read
	source.Read = func() (*graph.Model, error) {
		m, err := open()
		cold.Load = lap(&begin)
		return m, err
	}
	p, err := plan.Open(source, plan.Options{Pool: pool, Precision: c.Precision, Cache: c.Cache})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	cold.Compile = lap(&start) - cold.Load
	inputs, err := c.inputs(p)
	if err != nil {
		return err
	}
	outputs := p.NewOutputs()
	start = time.Now()
	if err := p.Run(inputs, outputs); err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	cold.First = lap(&start)
	use.Peak, use.Weights = peakRSS(), p.PackedBytes()
	allocs, err := allocations(func() error { return p.Run(inputs, outputs) })
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	var samples []time.Duration
	for _, seconds := range []float64{c.Seconds / 10, c.Seconds} {
		samples = samples[:0]
		for start := time.Now(); time.Since(start).Seconds() < seconds && len(samples) < maxSamples; {
			begin := time.Now()
			if err := p.Run(inputs, outputs); err != nil {
				return fmt.Errorf("%s: %w", c.Model, err)
			}
			samples = append(samples, time.Since(begin))
		}
	}
	if len(samples) == 0 {
		return fmt.Errorf("--seconds %v: expected a positive number: %w", c.Seconds, errUsage)
	}
	slices.Sort(samples)
	micros := func(q float64) float64 { return float64(samples[int(q*float64(len(samples)-1))]) / 1e3 }
	rows := 1
	if s := inputs[0].Shape; len(s) > 0 {
		rows = s[0]
	}
	var shapes []string
	for i, in := range p.Signature().Inputs {
		shapes = append(shapes, fmt.Sprintf("%s=%s", in.Name, strings.Trim(strings.ReplaceAll(fmt.Sprint(inputs[i].Shape), " ", "x"), "[]")))
	}
	r := benchModelResult{
		Model: c.Model, Shapes: strings.Join(shapes, " "), P50: micros(0.5), P99: micros(0.99), Min: micros(0), Runs: len(samples),
		Threads: pool.Threads(), ISA: cpu.Current().String(), Precision: p.Precision(), Cold: cold, Allocs: allocs,
	}
	r.Cached, _ = p.Cached()
	r.Throughput = float64(rows) / r.P50 * 1e6
	steps, arena, err := p.Describe(inputs)
	if err != nil {
		return err
	}
	use.Arena = int64(arena)
	r.Memory = use
	for _, st := range steps {
		r.GFLOPS += float64(st.FLOPs) / r.P50 / 1e3
	}
	if c.JSON {
		return e.printJSON(r)
	}
	fmt.Fprintf(e.stdout, "%s %s: p50 %.2f µs, p99 %.2f µs, min %.2f µs over %d runs; %.0f rows/s, %.1f GFLOP/s; %d threads, %s\n"+
		"before that: load %.1f ms, compile %.1f ms, first run %.1f ms\n"+
		"memory: weights %.1f MB, arena %.1f MB, peak %.1f MB of the process, %.1f MB of them before; %.1f allocations per run\n",
		r.Model, r.Shapes, r.P50, r.P99, r.Min, r.Runs, r.Throughput, r.GFLOPS, r.Threads, r.ISA, cold.Load, cold.Compile, cold.First,
		megabytes(use.Weights), megabytes(use.Arena), megabytes(use.Peak), megabytes(use.Base), allocs)
	return nil
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// allocations counts those of one run, the mean over some, after one that finds everything in place. On one processor, as
// testing.AllocsPerRun, and a whole number as there, for the runtime allocates now and then: what a sync.Pool keeps for another is not found on this one, until each has its own.
func allocations(run func() error) (float64, error) {
	const runs = 10
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if err := run(); err != nil {
		return 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if err := run(); err != nil {
			return 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / runs), nil
}

// profile reports where the time goes.
func (c *benchModelCmd) profile(e *env, o plan.Options) error {
	m, err := e.models.Open(c.Model)
	if err != nil {
		return err
	}
	r, err := profile.Run(m, o, c.inputs, time.Duration(c.Seconds*float64(time.Second)))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	if c.PProf != "" {
		if err := writeFile(c.PProf, r.PProf); err != nil {
			return err
		}
	}
	if c.HTML != "" {
		var page bytes.Buffer
		if err := r.WriteHTML(&page, filepath.Base(c.Model)); err != nil {
			return err
		}
		if err := writeFile(c.HTML, page.Bytes()); err != nil {
			return err
		}
	}
	if c.JSON {
		return e.printJSON(r)
	}
	return r.WriteTable(e.stdout)
}

// inputs reads the inputs, or makes them in the shapes asked for.
func (c *benchModelCmd) inputs(p *plan.Plan) ([]*tensor.Tensor, error) {
	if c.Input != "" {
		if len(c.Shape) > 0 {
			return nil, fmt.Errorf("--shape beside --input: expected one of them: %w", errUsage)
		}
		return readArrays(c.Input, p.Signature())
	}
	shapes, err := parseShapes(c.Shape, p.Signature().Inputs)
	if err != nil {
		return nil, err
	}
	inputs := p.NewInputs(1)
	for i, in := range p.Signature().Inputs {
		if shape, ok := shapes[in.Name]; ok {
			inputs[i].Resize(shape...)
		}
		fill(inputs[i])
	}
	return inputs, nil
}
