package metrics

import "time"

// cpuShare divides the CPU time of the process among model versions, in proportion to the time of their runs since the
// last division. Reading the clock of a thread around each run would cost more than a small run, and miss the threads
// of the pool.
type cpuShare struct{ last time.Duration }

// divide hands out what was used since the last time. The lock of Set is held.
func (c *cpuShare) divide(all map[id]*scheduling) {
	used := processCPU()
	spent := used - c.last
	first := c.last == 0
	c.last = used
	var sum int64
	ran := make(map[*scheduling]int64, len(all))
	for _, s := range all {
		n := s.compute.Load()
		ran[s] = n - s.computed
		sum += ran[s]
		s.computed = n
	}
	if sum == 0 || first {
		return
	}
	for s, n := range ran {
		s.cpu.Add(int64(float64(spent) * (float64(n) / float64(sum))))
	}
}
