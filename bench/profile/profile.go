// Package profile tells where the time of a model goes: it runs a plan over and over with every step timed, under the CPU profiler, which
// says what code each step spent its time in.
package profile

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Step is what one step of the model took.
type Step struct {
	plan.StepInfo
	Runs         int     `json:"runs"` // of the step, in one run of the model
	Micros       float64 `json:"us"`   // mean of one run of the model
	Share        float64 `json:"share"`
	GFLOPS       float64 `json:"gflops,omitempty"`
	PeakFraction float64 `json:"peak_fraction,omitempty"` // of the register loop of f32 multiply-adds on one core
	Kernel       string  `json:"kernel,omitempty"`        // the function that most samples of the step were in; "" where there are none
}

// Report is the profile of a model.
type Report struct {
	Runs   int     `json:"runs"`
	Micros float64 `json:"us"`   // mean of one run, steps and what is between them
	Peak   float64 `json:"peak"` // GFLOP/s of the register loop
	Steps  []Step  `json:"steps"`
	PProf  []byte  `json:"-"` // samples labelled with "op" and "value"
}

// recorder is the observer of a plan.
type recorder struct {
	on    bool
	steps map[string]*total
	order []string
}

type total struct {
	info   plan.StepInfo
	time   time.Duration
	runs   int
	labels context.Context
}

func (r *recorder) observe(info plan.StepInfo, run func() error) error {
	key := info.Op + "\x00" + info.Value
	t := r.steps[key]
	if t == nil {
		labels := pprof.Labels("op", info.Op, "value", info.Value)
		t = &total{info: info, labels: pprof.WithLabels(context.Background(), labels)}
		r.steps[key] = t
		r.order = append(r.order, key)
	}
	pprof.SetGoroutineLabels(t.labels)
	start := time.Now()
	err := run()
	if r.on {
		t.time += time.Since(start)
		t.runs++
		t.info = info // shapes of the last run
	}
	pprof.SetGoroutineLabels(context.Background())
	return err
}

// Run profiles m for about the given time after a tenth of it to warm up. o.Observer is set here.
func Run(m *graph.Model, o plan.Options, inputs func(*plan.Plan) ([]*tensor.Tensor, error), each time.Duration) (*Report, error) {
	rec := &recorder{steps: map[string]*total{}}
	o.Observer = rec.observe
	p, err := plan.Compile(m, o)
	if err != nil {
		return nil, err
	}
	in, err := inputs(p)
	if err != nil {
		return nil, err
	}
	out := p.NewOutputs()
	runFor := func(d time.Duration) (runs int, took time.Duration, err error) {
		start := time.Now()
		for took = 0; runs == 0 || took < d; took = time.Since(start) {
			if err := p.Run(in, out); err != nil {
				return runs, took, err
			}
			runs++
		}
		return runs, took, nil
	}
	if _, _, err := runFor(each / 10); err != nil {
		return nil, err
	}
	peak := peakGFLOPS()
	var samples bytes.Buffer
	if err := pprof.StartCPUProfile(&samples); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	rec.on = true
	runs, took, err := runFor(each)
	pprof.StopCPUProfile()
	if err != nil {
		return nil, err
	}
	names, err := leaves(samples.Bytes())
	if err != nil {
		return nil, err
	}
	r := &Report{Runs: runs, Micros: took.Seconds() * 1e6 / float64(runs), Peak: peak, PProf: samples.Bytes()}
	for _, key := range rec.order {
		t := rec.steps[key]
		if t.runs == 0 {
			continue
		}
		s := Step{StepInfo: t.info, Runs: max(1, t.runs/runs), Micros: t.time.Seconds() * 1e6 / float64(runs), Kernel: names[key]}
		s.Share = s.Micros / r.Micros
		if s.FLOPs > 0 {
			s.GFLOPS = float64(s.FLOPs) * float64(t.runs) / t.time.Seconds() / 1e9
			s.PeakFraction = s.GFLOPS / peak
		}
		r.Steps = append(r.Steps, s)
	}
	slices.SortStableFunc(r.Steps, func(a, b Step) int { return cmp.Compare(b.Micros, a.Micros) })
	return r, nil
}

// peakGFLOPS is the rate of the register loop: the best of a few short ones.
func peakGFLOPS() float64 {
	best := 0.0
	for range 5 {
		start := time.Now()
		flops := kernels.PeakF32(1 << 18)
		best = max(best, flops/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// leaves maps every step to the function that most of its samples were in.
func leaves(samples []byte) (map[string]string, error) {
	prof, err := profile.ParseData(samples)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	counts := map[string]map[string]int64{}
	for _, s := range prof.Sample {
		op, value := s.Label["op"], s.Label["value"]
		if len(op) == 0 || len(value) == 0 || len(s.Location) == 0 || len(s.Location[0].Line) == 0 {
			continue
		}
		key := op[0] + "\x00" + value[0]
		if counts[key] == nil {
			counts[key] = map[string]int64{}
		}
		counts[key][shortName(s.Location[0].Line[0].Function.Name)] += s.Value[0]
	}
	names := map[string]string{}
	for key, of := range counts {
		best := int64(0)
		for name, n := range of {
			if n > best || n == best && name < names[key] {
				best, names[key] = n, name
			}
		}
	}
	return names, nil
}

// shortName drops the path of a function's package, and the package of a kernel.
func shortName(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".abi0"), "[...]")
	return strings.TrimPrefix(name, "kernels.")
}

// formatMicros formats microseconds in the unit that suits them.
func formatMicros(us float64) string {
	if us >= 1e4 {
		return strconv.FormatFloat(us/1e3, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(us, 'f', 1, 64) + " µs"
}
