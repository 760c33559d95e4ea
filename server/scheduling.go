package server

import (
	"slices"
	"time"
)

// Scheduling says how the requests for a model wait, which of them are computed together, and when they are given up.
// Zero values mean the defaults stated here.
type Scheduling struct {
	Concurrency int           // runs of one model at once; half of MaxConcurrency, so that one model never takes all
	Queue       int           // calls waiting for one model, 1,024; more are refused at once
	Timeout     time.Duration // from the read request to its answer, 30 s; a caller may ask for less
	// BatchMax is the most rows of calls that are computed together, 32; 1 for never. Only calls that wait anyway are, for
	// models whose rows are proven independent, and the answers have the same bits.
	BatchMax int
	// BatchDelay is how long waiting calls may be held back for others, from when the first of them came; 0 for not at all.
	// A call that finds the model idle is never held back.
	BatchDelay time.Duration
	// BatchSizes are the numbers of rows at which a batch is cut where there are more, ascending; the powers of two and
	// the halves between them if empty. Few sizes are few shapes that the model has to prepare for.
	BatchSizes []int
	// Models is what differs for models by name; zero values of theirs mean the values here.
	Models map[string]Scheduling
}

// For is what holds for one model.
func (s Scheduling) For(model string) Scheduling {
	own := s.Models[model]
	set(&own.Concurrency, s.Concurrency)
	set(&own.Queue, s.Queue)
	set(&own.Timeout, s.Timeout)
	set(&own.BatchMax, s.BatchMax)
	set(&own.BatchDelay, s.BatchDelay)
	if own.BatchSizes == nil {
		own.BatchSizes = s.BatchSizes
	}
	own.BatchSizes = slices.Sorted(slices.Values(own.BatchSizes))
	own.Models = nil
	return own
}

func (s *Scheduling) setDefaults(maxConcurrency int) {
	set(&s.Concurrency, (maxConcurrency+1)/2)
	set(&s.Queue, 1024)
	set(&s.Timeout, 30*time.Second)
	set(&s.BatchMax, 32)
}

// cut is the number of rows to compute together of n that wait.
func (s *Scheduling) cut(n int) int {
	if len(s.BatchSizes) == 0 {
		p := 1
		for 2*p <= n {
			p *= 2
		}
		if p > 1 && p+p/2 <= n {
			p += p / 2
		}
		return p
	}
	best := n
	for _, size := range s.BatchSizes {
		if size <= n {
			best = size
		}
	}
	return best
}
