// Package guard watches the hot path: it runs a scenario, reads its CPU and allocation profiles and fails when one
// operation allocates more than its budget, or when too much time goes to anything but kernels, parsing and I/O.
package guard

import (
	"fmt"
	"sort"
	"strings"

	"github.com/google/pprof/profile"
)

// Class is what a piece of CPU time was spent on.
type Class string

// The classes. Other is what the guard bounds.
const (
	Kernels Class = "kernels"
	Parsing Class = "parsing" // of HTTP heads and JSON, and formatting answers
	IO      Class = "io"      // system calls, the network poller and the switches between goroutines they cause
	Other   Class = "other"
)

// Classes in the order of reports.
var Classes = []Class{Kernels, Parsing, IO, Other}

// rules decide the class of a frame by the prefix of its function's name.
var rules = []struct {
	class  Class
	prefix string
}{
	{Kernels, "github.com/hotpath/hotpath/kernels."},
	{Parsing, "github.com/hotpath/hotpath/server/api/jsontensor."},
	{Parsing, "strconv."},
	{Parsing, "github.com/valyala/fasthttp.(*RequestHeader)."},
	{Parsing, "github.com/valyala/fasthttp.(*ResponseHeader)."},
	{Parsing, "github.com/valyala/fasthttp.(*headerScanner)."},
	{Parsing, "github.com/valyala/fasthttp.(*URI)."},
	{Parsing, "github.com/valyala/fasthttp.(*Args)."},
	{IO, "syscall."},
	{IO, "internal/runtime/syscall."},
	{IO, "internal/poll."},
	{IO, "net."},
	{IO, "bufio."},
	{IO, "runtime.mcall"},
	{IO, "runtime.schedule"},
	{IO, "runtime.findRunnable"},
	{IO, "runtime.netpoll"},
	{IO, "runtime.futex"},
	{IO, "runtime.mstart"},
	{IO, "runtime.sysmon"},
}

// frames lists the functions of a sample from the leaf to the root. Being preempted, which a busy machine makes frequent, is the time of the
// function that was.
func frames(s *profile.Sample) []string {
	var names []string
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				names = append(names, line.Function.Name)
			}
		}
	}
	for len(names) > 1 && strings.HasPrefix(names[0], "runtime.asyncPreempt") {
		names = names[1:]
	}
	return names
}

// classify gives a sample the class of the innermost frame that has one.
func classify(stack []string) Class {
	for _, name := range stack {
		for _, r := range rules {
			if strings.HasPrefix(name, r.prefix) {
				return r.class
			}
		}
	}
	return Other
}

// usage is where CPU time went: the share of each class, and the functions that Other went to.
type usage struct {
	Shares map[Class]float64
	Other  []string // "share function", largest first
}

// cpuUsage sums the samples whose stack has a frame that on accepts.
func cpuUsage(p *profile.Profile, on func(stack []string) bool) (usage, error) {
	value, err := valueIndex(p, "cpu")
	if err != nil {
		return usage{}, err
	}
	total := int64(0)
	byClass, byFunction := map[Class]int64{}, map[string]int64{}
	for _, s := range p.Sample {
		stack := frames(s)
		if !on(stack) {
			continue
		}
		class := classify(stack)
		byClass[class] += s.Value[value]
		total += s.Value[value]
		if class == Other && len(stack) > 0 {
			byFunction[stack[0]] += s.Value[value]
		}
	}
	if total == 0 {
		return usage{}, fmt.Errorf("the CPU profile has no samples of this path")
	}
	u := usage{Shares: map[Class]float64{}}
	for c, v := range byClass {
		u.Shares[c] = float64(v) / float64(total)
	}
	u.Other = top(byFunction, func(v int64) string { return fmt.Sprintf("%4.1f %%", 100*float64(v)/float64(total)) })
	return u, nil
}

// allocation is what a path put on the heap.
type allocation struct {
	Objects, Bytes int64
	Sites          []string // "objects function", most first
}

// allocations subtracts profile before from after and sums the samples whose stack on accepts. Sites are
// named by the innermost function outside package runtime.
func allocations(before, after *profile.Profile, on func(stack []string) bool) (allocation, error) {
	before.Scale(-1)
	diff, err := profile.Merge([]*profile.Profile{after, before})
	if err != nil {
		return allocation{}, fmt.Errorf("subtract profiles: %w", err)
	}
	objects, err := valueIndex(diff, "alloc_objects")
	if err != nil {
		return allocation{}, err
	}
	space, err := valueIndex(diff, "alloc_space")
	if err != nil {
		return allocation{}, err
	}
	var a allocation
	sites := map[string]int64{}
	for _, s := range diff.Sample {
		stack := frames(s)
		if s.Value[objects] <= 0 || !on(stack) {
			continue
		}
		a.Objects += s.Value[objects]
		a.Bytes += s.Value[space]
		sites[site(stack)] += s.Value[objects]
	}
	a.Sites = top(sites, func(v int64) string { return fmt.Sprint(v) })
	return a, nil
}

// site is the allocating function and its caller.
func site(stack []string) string {
	for i, name := range stack {
		if !strings.HasPrefix(name, "runtime.") {
			return strings.Join(stack[i:min(len(stack), i+2)], " called by ")
		}
	}
	return "runtime"
}

func valueIndex(p *profile.Profile, name string) (int, error) {
	for i, t := range p.SampleType {
		if t.Type == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("the profile has no values of type %q", name)
}

// top is the five largest entries.
func top(m map[string]int64, show func(int64) string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		return m[names[i]] > m[names[j]] || m[names[i]] == m[names[j]] && names[i] < names[j]
	})
	var out []string
	for _, name := range names[:min(5, len(names))] {
		out = append(out, show(m[name])+" "+name)
	}
	return out
}
