package kernelbench

import (
	"sync/atomic"
	"time"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// empty is a task without work: what remains is the fork and the join.
type empty struct{}

func (empty) Chunk(int) {}

// meet is a task whose chunks end when each thread has taken one.
type meet struct{ here, all atomic.Int64 }

func (m *meet) Chunk(int) {
	for m.here.Add(1); m.here.Load() < m.all.Load(); {
	}
}

// pool has the cost of an empty job of one chunk per thread: back to back, so that the workers still spin (hot), and after a pause in which
// they have parked. The caller may end such a job alone; in meet every thread has to come, which is what handing work over takes.
func pool() []Case {
	var cases []Case
	for _, s := range []struct {
		name string
		idle time.Duration
	}{{"hot", 0}, {"parked", 2 * time.Millisecond}} {
		cases = append(cases, Case{
			Op: "pool_fork_join", Shape: s.name, threads: 2, idle: s.idle,
			family: func(cpu.Tier) string { return "pool_fork_join" },
			prepare: func(p *kernels.Pool) func() {
				return func() { p.Run(p.Threads(), empty{}) }
			},
		})
	}
	return append(cases, Case{
		Op: "pool_fork_join", Shape: "meet", threads: 2,
		family: func(cpu.Tier) string { return "pool_fork_join" },
		prepare: func(p *kernels.Pool) func() {
			m := new(meet)
			m.all.Store(int64(p.Threads()))
			return func() {
				m.here.Store(0)
				p.Run(p.Threads(), m)
			}
		},
	})
}
