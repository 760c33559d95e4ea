package guard

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

// PlanBudget: one row through a small network is nearly all kernels. Measured on AMD Zen 3 with the digits model: other
// is 18 to 22 %, the Scaler and Plan.Run itself.
var PlanBudget = Budget{Allocations: 0.05, Other: 0.40}

// Plan guards Plan.Run on one row.
func Plan(p *plan.Plan, budget Budget, effort Effort) (*Report, error) {
	inputs, outputs := p.NewInputs(1), p.NewOutputs()
	for _, in := range inputs {
		if in.DType == tensor.Float32 {
			for i := range tensor.Data[float32](in) {
				tensor.Data[float32](in)[i] = float32(i % 17)
			}
		}
	}
	return operation("plan", budget, effort, func() error { return p.Run(inputs, outputs) })
}

// opsPerLook is how many operations pass between two looks at the clock.
const opsPerLook = 256

// operation guards a function of this process: everything below it on the stack belongs to it.
func operation(name string, budget Budget, effort Effort, op func() error) (*Report, error) {
	repeat := func(n int) error {
		for range n {
			if err := op(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}
	if err := repeat(effort.Operations / 4); err != nil {
		return nil, err
	}
	inside := func(stack []string) bool {
		for _, f := range stack {
			if strings.HasPrefix(f, "github.com/hotpath/hotpath/bench/guard.operation.func1") {
				return true
			}
		}
		return false
	}

	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1 // every object
	before, err := heapProfile()
	if err == nil {
		err = repeat(effort.Operations)
	}
	runtime.MemProfileRate = rate
	if err != nil {
		return nil, err
	}
	after, err := heapProfile()
	if err != nil {
		return nil, err
	}
	made, err := allocations(before, after, inside)
	if err != nil {
		return nil, err
	}

	var cpu bytes.Buffer
	if err := pprof.StartCPUProfile(&cpu); err != nil {
		return nil, fmt.Errorf("CPU profile: %w", err)
	}
	start, ops := time.Now(), int64(0)
	for time.Since(start) < effort.Profile && err == nil {
		err = repeat(opsPerLook)
		ops += opsPerLook
	}
	elapsed := time.Since(start)
	pprof.StopCPUProfile()
	if err != nil {
		return nil, err
	}
	parsed, err := profile.Parse(&cpu)
	if err != nil {
		return nil, fmt.Errorf("CPU profile: %w", err)
	}
	used, err := cpuUsage(parsed, inside)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return report(name, budget, effort, made, used, float64(ops)/elapsed.Seconds()), nil
}

func report(name string, budget Budget, effort Effort, made allocation, used usage, rate float64) *Report {
	counted := float64(effort.Operations)
	return &Report{
		Scenario: name, Operations: effort.Operations, OpsPerS: rate, Budget: budget,
		Allocations: float64(made.Objects) / counted, Bytes: float64(made.Bytes) / counted,
		AllocSites: made.Sites, Shares: used.Shares, OtherTop: used.Other,
	}
}

// heapProfile collects garbage twice, since the profile shows what was known at the collection before the last.
func heapProfile() (*profile.Profile, error) {
	runtime.GC()
	runtime.GC()
	var b bytes.Buffer
	if err := pprof.Lookup("allocs").WriteTo(&b, 0); err != nil {
		return nil, fmt.Errorf("allocation profile: %w", err)
	}
	p, err := profile.Parse(&b)
	if err != nil {
		return nil, fmt.Errorf("allocation profile: %w", err)
	}
	return p, nil
}
