package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations to 3 %: 32 steps per factor of two. Its zero value is empty.
type Histogram struct {
	counts [64 * steps]int64
	n      int64
	least  time.Duration
}

const steps = 32

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 1)
	if h.n == 0 || d < h.least {
		h.least = d
	}
	h.n++
	h.counts[step(uint64(d))]++
}

func step(ns uint64) int {
	if ns < steps {
		return int(ns)
	}
	shift := bits.Len64(ns) - 6 // leaves 32 to 63
	return shift*steps + int(ns>>shift)
}

// below is the upper end of a step.
func below(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i)
	}
	shift := i/steps - 1
	return time.Duration((uint64(i%steps+steps)+1)<<shift - 1)
}

// Merge adds what o counted.
func (h *Histogram) Merge(o *Histogram) {
	if h.n == 0 || o.n > 0 && o.least < h.least {
		h.least = o.least
	}
	h.n += o.n
	for i, c := range o.counts {
		h.counts[i] += c
	}
}

// Min is the shortest duration.
func (h *Histogram) Min() time.Duration { return h.least }

// Count is how many durations were added.
func (h *Histogram) Count() int64 { return h.n }

// Quantile is the duration that a share q of them does not exceed, 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(q*float64(h.n) + 0.5)
	for i, c := range h.counts {
		if rank -= c; rank <= 0 && c > 0 {
			return below(i)
		}
	}
	return 0
}
