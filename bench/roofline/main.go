// Command roofline draws what bench kernels measured as a roofline plot (Williams, Waterman, Patterson 2009): arithmetic intensity
// against operations per second, under the peak of each instruction set and the slope of the memory's bandwidth. It is a command of its own
// because the plotting library is 8 MB, which the hotpath binary shall not carry.
//
//	roofline kernels.json kernels.svg
package main

import (
	"errors"
	"fmt"
	"os"

	kernelbench "github.com/hotpath/hotpath/bench/kernels"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: roofline KERNELS.json PLOT.svg")
		os.Exit(2)
	}
	drawn, left, err := run(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "roofline:", err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d figures drawn, %d without arithmetic left out\n", os.Args[2], drawn, left)
}

// run reads a report or a record and writes the plot. It returns how many results were drawn and how many have no arithmetic to draw.
func run(in, out string) (drawn, left int, err error) {
	r, err := kernelbench.ReadReport(in)
	if err != nil {
		return 0, 0, err
	}
	dots, left := dotsOf(r)
	if len(dots) == 0 {
		return 0, left, fmt.Errorf("%s: expected figures with arithmetic, found none in %d", in, left)
	}
	p, err := picture(r, dots)
	if err != nil {
		return 0, left, err
	}
	f, err := os.Create(out)
	if err != nil {
		return 0, left, err
	}
	return len(dots), left, errors.Join(p.write(f), f.Close())
}
