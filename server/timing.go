package server

import (
	"strconv"
	"time"
)

// headerTiming is where the time of a request went, in milliseconds (W3C Server Timing): queue, batch and compute, of
// which the first two are left out where they are none.
const headerTiming = "Server-Timing"

// append writes the value of headerTiming.
func (t Timing) append(dst []byte) []byte {
	if t.Queue > 0 {
		dst = append(appendMillis(append(dst, "queue;dur="...), t.Queue), ", "...)
	}
	if t.Batch > 0 {
		dst = append(appendMillis(append(dst, "batch;dur="...), t.Batch), ", "...)
	}
	return appendMillis(append(dst, "compute;dur="...), t.Compute)
}

// appendMillis writes milliseconds with three decimals.
func appendMillis(dst []byte, d time.Duration) []byte {
	us := int64(d / time.Microsecond)
	dst = strconv.AppendInt(dst, us/1000, 10)
	return append(dst, '.', byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}
