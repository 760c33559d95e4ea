package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hotpath/hotpath/server/registry"
)

// perSecond is a rate on the command line: N, N/s, N/m or N/h.
type perSecond float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *perSecond) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseFloat(number, 64)
	per, ok := map[string]float64{"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}[unit]
	if err != nil || !ok || !(n > 0) {
		return fmt.Errorf("%q: expected a rate such as 100/s, 6000/m or 5000/h", text)
	}
	*r = perSecond(n / per)
	return nil
}

// perDay is a quota on the command line: N or N/day.
type perDay int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (q *perDay) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || unit != "" && unit != "day" && unit != "d" {
		return fmt.Errorf("%q: expected a quota such as 1000000/day", text)
	}
	*q = perDay(n)
	return nil
}

// limitsText lists the limits of a key.
func limitsText(l registry.Limits) string {
	var parts []string
	add := func(is bool, format string, v any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, v))
		}
	}
	add(l.Rate > 0, "%.6g/s", l.Rate)
	add(l.Burst > 0, "burst %d", l.Burst)
	add(l.Concurrent > 0, "%d at once", l.Concurrent)
	add(l.Quota > 0, "%d/day", l.Quota)
	if l.Priority != nil {
		add(true, "priority %d", *l.Priority)
	}
	return strings.Join(parts, ", ")
}
