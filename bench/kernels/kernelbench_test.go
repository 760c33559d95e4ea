package kernelbench

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// TestEveryFamily: each family of the generated table is timed by some case, unless it is a register loop, which is what they are
// compared with.
func TestEveryFamily(t *testing.T) {
	timed := map[string]bool{}
	for _, c := range Cases() {
		for _, tier := range append([]cpu.Tier{cpu.Ref}, cpu.Tiers()...) {
			timed[c.family(tier)] = true
		}
	}
	for _, d := range kernels.Dispatchers() {
		if !timed[d.Family] && !strings.HasPrefix(d.Family, "peak_") {
			t.Errorf("%s: no case; if it is a vector function of a new form, formOf wants a line for %T", d.Family, d.Func)
		}
	}
}

// TestMeasure runs one small case of each form and checks that the figures hang together.
func TestMeasure(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if c.slow || c.Cold || seen[c.Op] || c.Needs() > 1 {
			continue
		}
		seen[c.Op] = true
		results := Measure(c, nil, time.Millisecond, nil)
		for i, r := range results {
			if r.P50 <= 0 || r.Min > r.P50 || r.P50 > r.P99 || r.Runs < 5 || r.Throughput <= 0 || len(r.Samples) == 0 || r.Chosen != (i == len(results)-1) {
				t.Errorf("%s %s: %+v", c.Op, c.Shape, r)
			}
		}
	}
}

// TestMeasureOnTwo: figures of two threads say so, their peak is that of both, and the pool's cases are among them.
func TestMeasureOnTwo(t *testing.T) {
	p := kernels.NewPool(2)
	defer p.Close()
	timed := 0
	for _, c := range Cases() {
		if c.Op != "pool_fork_join" && c.Op+c.Shape != "gemm_f3264x64x64" {
			continue
		}
		timed++
		r := Measure(c, p, time.Millisecond, nil)
		last := r[len(r)-1]
		if last.Threads != 2 || last.P50 <= 0 || last.Min > last.P50 || c.Flops > 0 && (last.Peak <= 0 || last.PeakFraction <= 0 || last.Loop != "PeakF32") {
			t.Errorf("%s %s: %+v", c.Op, c.Shape, last)
		}
	}
	if timed != 4 {
		t.Errorf("%d cases, expected three of the pool and one product", timed)
	}
}

func TestServe(t *testing.T) {
	cases := Cases()[:2]
	var out bytes.Buffer
	if err := Serve(strings.NewReader("1 3\n0 0\n"), &out, nil, cases); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var listed []Case
	if err := json.Unmarshal([]byte(lines[0]), &listed); err != nil || len(listed) != 2 || listed[1].Op != cases[1].Op {
		t.Fatalf("cases: %v, %v", listed, err)
	}
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "3 ") {
		t.Fatalf("answers: %q", lines[1:])
	}
	if err := Serve(strings.NewReader("2 1\n"), &out, nil, cases); err == nil {
		t.Error("a case past the end is accepted")
	}
}

// TestStudentT compares with printed tables (two-sided).
func TestStudentT(t *testing.T) {
	for _, c := range []struct{ p, f, want float64 }{
		{0.05, 1, 12.706}, {0.05, 9, 2.262}, {0.01, 9, 3.250}, {0.001, 9, 4.781}, {0.05, 30, 2.042}, {0.001, 120, 3.373},
	} {
		if got := studentT(c.p, c.f); math.Abs(got-c.want) > 6e-4*c.want {
			t.Errorf("studentT(%v, %v) = %.4f, want %.3f", c.p, c.f, got, c.want)
		}
	}
}

// TestCompare: on synthetic timings with a process effect of 0.6 % and a pair in fifty that is disturbed, a slow-down of 3 % is found in
// each of 200 comparisons of 30 kernels, and none is found in equal ones.
func TestCompare(t *testing.T) {
	const kernels, rounds, pairs = 30, 20, 15
	r := rand.New(rand.NewPCG(3, 4))
	logRatios := func(slow float64) []float64 {
		var logs []float64
		for range rounds {
			process := 0.006 * r.NormFloat64()
			var ratios []float64
			for range pairs {
				x := math.Log(1+slow) + process + 0.01*r.NormFloat64()
				if r.IntN(50) == 0 {
					x += r.ExpFloat64()
				}
				ratios = append(ratios, x)
			}
			logs = append(logs, quantile(ratios, 0.5))
		}
		return logs
	}
	missed, alarms := 0, 0
	for range 200 {
		if _, low, _ := Compare(logRatios(0.03), kernels); low <= 1+Noise {
			missed++
		}
		for range 10 {
			if _, low, high := Compare(logRatios(0), kernels); (Comparison{Low: low, High: high}).Slower() {
				alarms++
			}
		}
	}
	t.Logf("of 200: %d missed, %d false alarms in 2000", missed, alarms)
	if missed > 6 || alarms > 0 {
		t.Errorf("%d of 200 slow-downs missed, %d false alarms in 2000 kernels", missed, alarms)
	}
}

// TestCompareSamples does the same for two sets of samples that were not taken in turns.
func TestCompareSamples(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	set := func(factor float64) []float64 {
		x := make([]float64, parts)
		for i := range x {
			x[i] = factor * math.Exp(0.01*r.NormFloat64())
		}
		return x
	}
	for range 100 {
		if _, low, _ := CompareSamples(set(1), set(1.05), 30); low <= 1+Noise {
			t.Errorf("5 %% slower: the interval starts at %.4f", low)
		}
		if _, low, high := CompareSamples(set(1), set(1), 30); low > 1+Noise || high < 1/(1+Noise) {
			t.Errorf("equal: interval %.4f…%.4f", low, high)
		}
	}
}
