package kernelbench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/hotpath/hotpath/kernels"
)

// Serve measures on request, so that another program can interleave runs of several: it writes the cases as one line of JSON, then for
// each line "CASE RUNS" (0 runs: as many as take about half a millisecond) the line "RUNS WALL_NS CPU_NS". CPU_NS is the time of the thread where the
// system counts it and one thread runs, else the wall's.
func Serve(in io.Reader, out io.Writer, p *kernels.Pool, cases []Case) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := json.NewEncoder(out).Encode(cases); err != nil {
		return err
	}
	current, run := -1, func() {}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var i, runs int
		if _, err := fmt.Sscan(lines.Text(), &i, &runs); err != nil || i < 0 || i >= len(cases) || runs < 0 {
			return fmt.Errorf("request %q: expected a case below %d and a number of runs", lines.Text(), len(cases))
		}
		if i != current {
			current, run = i, cases[i].prepare(p)
			run()
		}
		if runs == 0 {
			runs = calibrate(run, 500_000)
		}
		if runs > 1 {
			run() // caches and branch predictors are still another process's
		}
		begin := time.Now()
		ns := timed(p, func() {
			for range runs {
				run()
			}
		})
		wall, cpu := time.Since(begin).Nanoseconds(), int64(ns)
		if _, err := fmt.Fprintf(out, "%d %d %d\n", runs, wall, cpu); err != nil {
			return err
		}
	}
	return nil
}
