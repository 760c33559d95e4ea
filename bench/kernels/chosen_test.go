package kernelbench

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

const (
	// losesQuiet is how much slower than another variant the one in use may measure on a quiet machine (HOTPATH_REQUIRE=1), losesBusy
	// anywhere: a neighbour on the core's other thread takes some kinds of unit more than others, tiles most.
	losesQuiet, losesBusy = 1.15, 1.6
	// enough runs are compared before a loss counts: the first look is short, and only what looks slower is looked at again.
	quickSamples, retries = 5, 6
	// shortest and longest are the runs that tell variants apart, in ns: below, a call's own cost shows; above, samples would take seconds.
	shortest, longest = 1_000, 20_000_000
)

// TestChosenLosesToNone: at every listed size the variant in use is as fast as those of lower tiers. Thread time, the best of interleaved
// samples, a wide margin and retries keep neighbours from failing it. It fails on the kinds of machine that bench/results has records of, which
// kernels were tuned on; elsewhere it tells.
func TestChosenLosesToNone(t *testing.T) {
	if testing.Short() || testkit.Race {
		t.Skip("times kernels")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	limit := kernels.Tier()
	defer kernels.SetTier(limit)
	loses, report := losesBusy, t.Logf
	if cpu.Required() {
		loses = losesQuiet
	}
	if _, err := os.Stat(filepath.Join("..", "results", cpu.Microarchitecture()+".json")); err == nil {
		report = t.Errorf
	}
	compared := 0
	for _, c := range Cases() {
		if c.Cold || c.Needs() > 1 || c.Op == "gemm_bf16" {
			continue // memory's speed, or the pool's; bf16 tiles are another algorithm
		}
		chosen := kernels.Chosen(c.family(limit), limit)
		var others []cpu.Tier
		names := []string{chosen.Name}
		for _, tier := range cpu.Tiers() {
			v := kernels.Chosen(c.family(tier), tier)
			if tier > cpu.Ref && tier < limit && v.Tier > cpu.Ref && !slices.Contains(names, v.Name) {
				names, others = append(names, v.Name), append(others, tier)
			}
		}
		if len(others) == 0 {
			continue
		}
		run := c.prepare(nil)
		run()
		if ns := timed(nil, run); ns > longest {
			continue
		}
		iters := calibrate(run, 2*shortest)
		if iters > 2 {
			continue // under a microsecond
		}
		iters = calibrate(run, sampleNs/4)
		best := make([]float64, len(others)+1)
		sample := func(n int) {
			for range n {
				for i, tier := range append([]cpu.Tier{limit}, others...) {
					kernels.SetTier(tier)
					run()
					ns := timed(nil, func() {
						for range iters {
							run()
						}
					}) / float64(iters)
					if best[i] == 0 || ns < best[i] {
						best[i] = ns
					}
				}
			}
			kernels.SetTier(limit)
		}
		sample(quickSamples)
		for range retries {
			if best[0] > loses*slices.Min(best[1:]) {
				sample(2 * quickSamples)
			}
		}
		for i := range others {
			if best[0] > loses*best[i+1] {
				report("%s %s: %s takes %.2f µs, %s %.2f µs", c.Op, c.Shape, names[0], best[0]/1e3, names[i+1], best[i+1]/1e3)
			}
		}
		compared++
	}
	t.Logf("%d kernels and sizes compared", compared)
	if limit > cpu.AVX2 && compared == 0 {
		t.Error("nothing was compared")
	}
}
