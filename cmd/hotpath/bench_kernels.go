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
	Threads int     `help:"Cores to use; 0: as many as this process may." default:"1"`
	JSON    bool    `help:"Print one JSON object." name:"json"`
	Out     string  `help:"Also write kernels.json and, for benchstat, kernels.txt here." placeholder:"DIR"`
	Serve   bool    `help:"Measure on request: the cases on stdout, then \"CASE RUNS\" lines in, \"RUNS WALL_NS CPU_NS\" lines out. For bench compare and bench/peers."`
}

// Help implements kong's long help.
func (benchKernelsCmd) Help() string {
	return "Times every kernel on every instruction set of this machine, one beside the other, and prints the share of the peak and the roof: what arithmetic at the peak or, where operands come from memory, reading at full bandwidth would take. Both are measured in the same run."
}

// kernelsReport is the JSON object of bench kernels.
type kernelsReport struct {
	CPU     string               `json:"cpu"`
	ISA     string               `json:"isa"`
	Threads int                  `json:"threads"`
	Read    float64              `json:"read_gbs"`
	Results []kernelbench.Result `json:"results"`
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
	if len(cases) == 0 {
		return fmt.Errorf("--op %s --shape %s: no such kernel: %w", c.Op, c.Shape, errUsage)
	}
	if c.Serve {
		return kernelbench.Serve(os.Stdin, e.stdout, pool, cases)
	}
	memory := kernelbench.NewMemory()
	r := kernelsReport{CPU: cpu.Name(), ISA: kernels.Tier().String(), Threads: pool.Threads(), Read: memory.ReadBandwidth(pool)}
	if !c.JSON {
		fmt.Fprintf(e.stdout, "%s, %s, %d threads, reading %.1f GB/s\n", r.CPU, r.ISA, r.Threads, r.Read)
		fmt.Fprintf(e.stdout, "%-22s %-15s %-32s %12s %12s %12s %7s %12s\n", "op", "shape", "variant", "p50 µs", "p99 µs", "rate", "peak", "roof µs")
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
		if err := r.write(c.Out); err != nil {
			return err
		}
	}
	if c.JSON {
		return e.printJSON(r)
	}
	return nil
}

// printKernel prints one line of the table; the variant in use is starred.
func printKernel(w io.Writer, r kernelbench.Result) {
	variant, peak, roof := r.Variant, "-", "-"
	if r.Chosen {
		variant += " *"
	}
	if r.PeakFraction > 0 {
		peak = fmt.Sprintf("%.1f%%", 100*r.PeakFraction)
	}
	if r.Roof > 0 {
		roof = fmt.Sprintf("%.3f", r.Roof)
	}
	fmt.Fprintf(w, "%-22s %-15s %-32s %12.3f %12.3f %12s %7s %12s\n", r.Op, r.Shape, variant, r.P50, r.P99,
		fmt.Sprintf("%.1f %s", r.Throughput, r.Unit), peak, roof)
}

// write writes the report as JSON and as text that benchstat reads, one line per part of the runs.
func (r *kernelsReport) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "kernels.json"))
	if err != nil {
		return err
	}
	if err := (&env{stdout: f}).printJSON(r); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cpu: %s\n", r.CPU)
	for _, x := range r.Results {
		for _, us := range x.Samples {
			fmt.Fprintf(&b, "BenchmarkKernel/op=%s/shape=%s/variant=%s-%d %d %.4f ns/op %.3f %s\n",
				x.Op, x.Shape, x.Variant, x.Threads, x.Runs/len(x.Samples), us*1e3, x.Throughput*x.P50/us, x.Unit)
		}
	}
	return os.WriteFile(filepath.Join(dir, "kernels.txt"), []byte(b.String()), 0o644)
}
