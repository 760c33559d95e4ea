package kernels

import (
	"math/bits"
	"sync/atomic"
)

// maxSlots is the most that slots has.
const maxSlots = 64

// slots hands out pieces of scratch to chunks that run at the same time, the lowest free one first.
type slots struct{ used atomic.Uint64 }

// take returns a free slot. There is one as long as no more chunks run than there are slots.
func (s *slots) take() int {
	for {
		used := s.used.Load()
		slot := bits.TrailingZeros64(^used)
		if s.used.CompareAndSwap(used, used|1<<slot) {
			return slot
		}
	}
}

func (s *slots) give(slot int) { s.used.And(^uint64(1 << slot)) }
