package metrics

import (
	"math"
	"strings"
	"testing"
	"time"
)

func newSet() *Set {
	zero := func() float64 { return 0 }
	return New(Gauges{InFlight: zero, BodyBytes: zero, RunBytes: zero, Connections: zero}, "not_found")
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := newSet().Model("m", "1", 10)
	if n := testing.AllocsPerRun(100, func() {
		m.Done(time.Microsecond, Stages{Queue: 1})
		m.Failed(Busy, time.Microsecond)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestHT09SeriesAreThoseOfLoadedModels shows that a version has series while it is loaded, and only then.
func TestHT09SeriesAreThoseOfLoadedModels(t *testing.T) {
	s := newSet()
	m := s.Model("digits", "1", 10)
	m.Done(time.Millisecond, Stages{})
	m.Failed(Input, time.Microsecond)
	m.Waiting(1)
	m.Holds(func() (int64, int64) { return 20, 30 })
	s.Failed("not_found")
	text, err := s.Exposition()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`hotpath_requests_total{model="digits",version="1"} 2`,
		`hotpath_request_errors_total{class="input",model="digits",version="1"} 1`,
		`hotpath_request_duration_seconds_count{model="digits",version="1"} 1`,
		`hotpath_model_memory_bytes{kind="weights",model="digits",version="1"} 10`, `hotpath_model_memory_bytes{kind="arenas",model="digits",version="1"} 20`,
		`hotpath_failed_total{reason="not_found"} 1`,
		`hotpath_queue_depth{model="digits",version="1"} 1`, "hotpath_requests_in_flight 0", "hotpath_build_info{", "go_goroutines ", "process_cpu_seconds_total ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("exposition lacks %s", want)
		}
	}
	again := s.Model("digits", "1", 10) // the same version reloaded: the series go on
	m.Unload()
	if text, _ = s.Exposition(); !strings.Contains(string(text), `hotpath_requests_total{model="digits",version="1"} 2`) {
		t.Error("the series of a reloaded version are gone")
	}
	again.Unload()
	if text, _ = s.Exposition(); strings.Contains(string(text), `hotpath_requests_total{model="digits"`) {
		t.Error("an unloaded version has series")
	}
}

func TestLiveWindow(t *testing.T) {
	s := newSet()
	m := s.Model("m", "1", 0)
	if l := s.Live(); len(l.Rate) != 0 || l.MinuteP50 != 0 {
		t.Errorf("%+v before the first sample", l)
	}
	s.snapshot()
	for i := range 1000 {
		m.Done(time.Duration(i+1)*time.Microsecond, Stages{}) // uniform from 1 to 1000 µs
	}
	m.Failed(Busy, 0)
	s.snapshot()
	s.snapshot()
	l := s.Live()
	if len(l.Rate) != 2 || l.Rate[0] != 1001 || l.Rate[1] != 0 || l.Requests != 1001 || l.Errors != 1 {
		t.Errorf("%+v", l)
	}
	for got, want := range map[float64]float64{l.MinuteP50: 500, l.MinuteP99: 990, l.P50[0]: 500} {
		if math.Abs(got-want) > 0.05*want {
			t.Errorf("quantile %g µs, want about %g", got, want)
		}
	}
	m.Unload() // what it counted stays in the sums: the rate never turns negative
	s.snapshot()
	if l := s.Live(); l.Rate[2] != 0 || l.Requests != 1001 {
		t.Errorf("after unload: %+v", l)
	}
	for range 2 * WindowSeconds {
		s.snapshot()
	}
	if l := s.Live(); len(l.Rate) != WindowSeconds || l.Requests != 0 || l.MinuteP99 != 0 {
		t.Errorf("a minute later: %d samples, %+v", len(l.Rate), l)
	}
}

// TestLiveFiguresOfOneVersion has a window for what gets requests, and none for what is idle.
func TestLiveFiguresOfOneVersion(t *testing.T) {
	s := newSet()
	busy := s.Model("busy", "1", 7)
	s.Model("idle", "2", 0)
	s.snapshot()
	s.snapshot()
	for range 5 {
		busy.Done(time.Millisecond, Stages{})
		busy.Run(1, time.Millisecond)
	}
	for end := time.Now().Add(30 * time.Millisecond); time.Now().Before(end); { // CPU time to divide
	}
	s.snapshot()
	s.snapshot()
	of := map[string]LiveModel{}
	for _, l := range s.LiveModels() {
		of[l.Model] = l
	}
	if l := of["busy"]; l.Live == nil || l.Memory.Weights != 7 || len(l.Rate) != 2 || l.Rate[0] != 5 || l.Requests != 5 || l.MinuteP50 < 500 {
		t.Errorf("busy: %+v", l)
	}
	if l := of["idle"]; l.Live != nil || l.CPU != 0 {
		t.Errorf("idle: %+v", l)
	}
	if l := of["busy"]; processCPU() > 0 && l.CPU == 0 {
		t.Error("the only model that ran used no CPU time")
	}
	for range WindowSeconds + 1 {
		s.snapshot()
	}
	for _, l := range s.LiveModels() {
		if l.Live != nil {
			t.Errorf("%s has figures a minute later", l.Model)
		}
	}
}
