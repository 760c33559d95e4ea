package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	kernelbench "github.com/hotpath/hotpath/bench/kernels"
	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

type benchKernelsCmd struct {
	Op      string  `help:"Only operations whose name starts so, such as gemm or gemm_f32." placeholder:"OP"`
	Shape   string  `help:"Only this size, as printed: 512x512x512 or 4096." placeholder:"SHAPE"`
	Seconds float64 `help:"How long to measure each figure." default:"0.15"`
	Threads int     `help:"Cores to use; 0: as many as this process may. With more than one, the peak is that of all of them together." default:"1"`
	JSON    bool    `help:"Print one JSON object." name:"json"`
	Out     string  `help:"Also write kernels.json and, for benchstat, kernels.txt here." placeholder:"DIR"`
	Record  bool    `help:"Also put the figures into bench/results/MICROARCH.json, named after this machine's microarchitecture."`
	Serve   bool    `help:"Measure on request: the cases on stdout, then \"CASE RUNS\" lines in, \"RUNS WALL_NS CPU_NS\" lines out. For bench compare and bench/peers."`
}

// Help implements kong's long help.
func (benchKernelsCmd) Help() string {
	return "Times every kernel on every instruction set of this machine, one beside the other; the variant in use is starred. Beside each figure stand the peak, a loop of multiply-adds in registers on the same instruction set and threads, with the share of it that the kernel reaches, and the roof: what its arithmetic at the peak, or its bytes at full bandwidth where those count, would take. All are measured in the same run. One thread is timed by its own CPU clock, so a busy neighbour does not show; with --threads 2 or more it is the wall's, and every kernel that splits its work shares it over the pool. pool_fork_join, the cost of an empty job, needs two threads."
}

// Run implements the verb.
func (c *benchKernelsCmd) Run(e *env) error {
	if c.Seconds <= 0 {
		return fmt.Errorf("--seconds %v: expected a positive number: %w", c.Seconds, errUsage)
	}
	pool, err := newPool(c.Threads)
	if err != nil {
		return err
	}
	defer pool.Close()
	cases := slices.DeleteFunc(kernelbench.Cases(), func(k kernelbench.Case) bool {
		return !strings.HasPrefix(k.Op, c.Op) || c.Shape != "" && k.Shape != c.Shape
	})
	matching := len(cases)
	cases = slices.DeleteFunc(cases, func(k kernelbench.Case) bool { return k.Needs() > pool.Threads() })
	if matching > 0 && len(cases) == 0 {
		return fmt.Errorf("--op %s: expected --threads 2 or more, found %d: %w", c.Op, pool.Threads(), errUsage)
	}
	if len(cases) == 0 {
		return fmt.Errorf("--op %s --shape %s: no such kernel: %w", c.Op, c.Shape, errUsage)
	}
	if c.Serve {
		return kernelbench.Serve(os.Stdin, e.stdout, pool, cases)
	}
	memory := kernelbench.NewMemory()
	r := kernelbench.Report{CPU: cpu.Name(), ISA: kernels.Tier().String(), Threads: pool.Threads(), Read: memory.ReadBandwidth(pool)}
	if !c.JSON {
		fmt.Fprintf(e.stdout, "%s, %s, %d threads, reading %.1f GB/s\n", r.CPU, r.ISA, r.Threads, r.Read)
		fmt.Fprintf(e.stdout, tableRow, "op", "shape", "variant", "p50 µs", "p99 µs", "rate", "peak", "of peak", "roof µs", "of roof")
	}
	p := e.newProgress("kernels", len(cases))
	for i, k := range cases {
		results := kernelbench.Measure(k, pool, time.Duration(c.Seconds*float64(time.Second)), memory)
		r.Results = append(r.Results, results...)
		if !c.JSON {
			for _, x := range results {
				printKernel(e.stdout, x)
			}
		}
		p.step(i+1, k.Op)
	}
	p.finish()
	if c.Out != "" {
		if err := r.Write(c.Out); err != nil {
			return err
		}
	}
	if c.Record {
		path, err := kernelbench.UpdateRecord(filepath.Join("bench", "results"), cpu.Microarchitecture(), &r)
		if err != nil {
			return err
		}
		fmt.Fprintln(e.stderr, "recorded in", path)
	}
	if c.JSON {
		return e.printJSON(r)
	}
	return nil
}

// tableRow is the format of a line.
const tableRow = "%-22s %-15s %-32s %11s %11s %15s %8s %7s %11s %7s\n"

// printKernel prints one line of the table; the variant in use is starred.
func printKernel(w io.Writer, r kernelbench.Result) {
	variant := r.Variant
	if r.Chosen {
		variant += " *"
	}
	known := func(format string, x float64) string {
		if x == 0 {
			return "-"
		}
		return fmt.Sprintf(format, x)
	}
	fmt.Fprintf(w, tableRow, r.Op, r.Shape, variant, known("%.3f", r.P50), known("%.3f", r.P99), known("%.1f "+r.Unit, r.Throughput),
		known("%.1f", r.Peak), known("%.1f%%", 100*r.PeakFraction), known("%.3f", r.Roof), known("%.1f%%", 100*r.RoofFraction()))
}
