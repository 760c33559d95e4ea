package guard

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrBudget says that a scenario went over its budget.
var ErrBudget = errors.New("over budget")

// Budget bounds one scenario.
type Budget struct {
	// Allocations is the number of heap objects one operation may make. The path is built to make none; the budget
	// leaves room for what the runtime does now and then (growing a stack, a timer) and for nothing regular.
	Allocations float64
	// Other is the share of CPU time that may go to neither kernels nor parsing nor I/O.
	Other float64
}

// Effort is how long a scenario is watched.
type Effort struct {
	Operations int           // counted for allocations, after a quarter as many to warm up
	Profile    time.Duration // of the CPU profile, whole seconds
}

// FullEffort is that of the guard itself: 200 to 300 samples put a share within a few points.
var FullEffort = Effort{Operations: 20000, Profile: 3 * time.Second}

// Report is what one scenario measured.
type Report struct {
	Scenario    string            `json:"scenario"`
	Operations  int               `json:"operations"`
	OpsPerS     float64           `json:"ops_per_s"`
	Allocations float64           `json:"allocations_per_op"`
	Bytes       float64           `json:"bytes_per_op"`
	Shares      map[Class]float64 `json:"cpu_shares"`
	AllocSites  []string          `json:"allocation_sites"`
	OtherTop    []string          `json:"other_functions"`
	Budget      Budget            `json:"budget"`
}

// Check compares the report with its budget. The error wraps ErrBudget and names the worst function.
func (r *Report) Check() error {
	var errs []error
	if r.Allocations > r.Budget.Allocations {
		errs = append(errs, fmt.Errorf("%s: %.3f allocations per operation, the budget is %.3f; most by %s: %w",
			r.Scenario, r.Allocations, r.Budget.Allocations, first(r.AllocSites), ErrBudget))
	}
	if r.Shares[Other] > r.Budget.Other {
		errs = append(errs, fmt.Errorf("%s: %.0f %% of the CPU time is outside kernels, parsing and I/O, the budget is %.0f %%; most in %s: %w",
			r.Scenario, 100*r.Shares[Other], 100*r.Budget.Other, first(r.OtherTop), ErrBudget))
	}
	return errors.Join(errs...)
}

func first(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return list[0]
}

// String is the report in a few lines.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %d operations, %.0f/s, %.4f allocations and %.2f bytes each (budget %.2f)\n",
		r.Scenario, r.Operations, r.OpsPerS, r.Allocations, r.Bytes, r.Budget.Allocations)
	fmt.Fprintf(&b, "%-10s", "")
	for _, c := range Classes {
		fmt.Fprintf(&b, " %s %.1f %%", c, 100*r.Shares[c])
	}
	fmt.Fprintf(&b, " (budget of other %.0f %%)\n", 100*r.Budget.Other)
	for _, s := range r.OtherTop {
		fmt.Fprintf(&b, "%-10s   other %s\n", "", s)
	}
	for _, s := range r.AllocSites {
		fmt.Fprintf(&b, "%-10s   allocated %s\n", "", s)
	}
	return b.String()
}
