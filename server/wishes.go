package server

import (
	"bytes"
	"strconv"
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
		d, ok := parseTimeout(v)
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

// timeUnits are those of a timeout.
var timeUnits = []struct {
	name string
	unit time.Duration
}{{"", time.Second}, {"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"m", time.Minute}, {"h", time.Hour}}

func parseTimeout(v []byte) (time.Duration, bool) {
	number := bytes.TrimRight(v, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseFloat(string(number), 64)
	if err != nil || !(n > 0) {
		return 0, false
	}
	for _, u := range timeUnits {
		if string(v[len(number):]) == u.name {
			d := n * float64(u.unit)
			return time.Duration(d), d >= 1 && d < float64(maxTimeout)
		}
	}
	return 0, false
}

// parseUrgency finds u=N among the parameters; what it does not understand is passed over, as RFC 9218 wants it.
func parseUrgency(v []byte) (u int, ok bool) {
	for rest := v; len(rest) > 0; {
		var part []byte
		part, rest, _ = bytes.Cut(rest, []byte(","))
		part = bytes.TrimSpace(part)
		if len(part) == 3 && part[0] == 'u' && part[1] == '=' && part[2] >= '0' && part[2] <= '7' {
			return int(part[2] - '0'), true
		}
	}
	return 0, false
}
