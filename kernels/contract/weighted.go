//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkWeighted runs both passes of a resize with up to five taps, their rows and elements anywhere in x.
func checkWeighted(c *checker) {
	for i, n := range shortLengths() {
		taps, size := i%6, n+1+i%7
		c.name = fmt.Sprintf("rows n=%d taps=%d", n, taps)
		x, got := buffer[float32](c, "x", size, i%2 == 1), buffer[float32](c, "dst", n, i%2 == 1)
		w, rows := buffer[float32](c, "w", taps, i%2 == 1), make([]int64, taps)
		c.fillF32(x, 3, i%3 > 0)
		c.fillF32(w, 1, i%5 == 4)
		for t := range rows {
			rows[t] = int64(c.r.IntN(size - n + 1))
		}
		want := make([]float32, n)
		kernels.WeightedRowsF32(want, x, w, rows)
		c.run(func() { kernels.WeightedRowsF32(got, x, w, rows) })
		testkit.EqualF32(c.t, c.name, got, want)

		c.name = fmt.Sprintf("taps n=%d taps=%d", n, taps)
		w, at := buffer[float32](c, "w", taps*n, i%2 == 1), buffer[int32](c, "at", taps*n, i%2 == 1)
		c.fillF32(w, 1, i%5 == 4)
		for t := range at {
			at[t] = int32(c.r.IntN(size))
		}
		kernels.WeightedTapsF32(want, x, w, at, taps)
		c.run(func() { kernels.WeightedTapsF32(got, x, w, at, taps) })
		testkit.EqualF32(c.t, c.name, got, want)
	}
}
