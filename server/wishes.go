package server

import (
	"strconv"
	"strings"
	"time"
)

// Headers in which a client says how it wants to be served.
const (
	// headerTimeout is how long the client waits: seconds, or a number with a unit as in 250ms.
	headerTimeout = "X-Request-Timeout"
	// headerPriority is that of RFC 9218; of its parameters u, the urgency, counts.
	headerPriority = "Priority"
)

// wishes reads those headers.
func (r *Request) wishes() error {
	h := &r.ctx.Request.Header
	if v := h.Peek(headerTimeout); len(v) > 0 {
		d, ok := parseTimeout(string(v))
		if !ok {
			return Fail(ErrRequest, "%s: expected seconds, or a number with a unit as in 250ms", headerTimeout)
		}
		r.call.SetTimeout(d)
	}
	if v := h.Peek(headerPriority); len(v) > 0 {
		if u, ok := parseUrgency(v); ok {
			r.call.SetUrgency(u)
		}
	}
	return nil
}

// maxTimeout keeps sums of times in range.
const maxTimeout = 365 * 24 * time.Hour

func parseTimeout(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds > 0 && seconds < maxTimeout.Seconds()) {
			return 0, false
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	return d, d > 0 && d < maxTimeout
}

// parseUrgency finds u=N among the parameters; what it does not understand is passed over, as RFC 9218 wants it.
func parseUrgency(v []byte) (u int, ok bool) {
	for part := range strings.SplitSeq(string(v), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if key == "u" && len(value) == 1 && value[0] >= '0' && value[0] <= '7' {
			return int(value[0] - '0'), true
		}
	}
	return 0, false
}
