package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

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

// timeFormat is how lists show a time.
const timeFormat = "2006-01-02 15:04:05"

// longTime is a time on the command line, in units of Go or in days.
type longTime time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *longTime) UnmarshalText(text []byte) error {
	const most = 100 * 365
	d, err := time.ParseDuration(string(text))
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n <= most {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d < 0 || d > most*24*time.Hour || d == 0 && !strings.HasPrefix(string(text), "0") {
		return fmt.Errorf("%q: expected a time such as 90d or 12h", text)
	}
	*t = longTime(d)
	return nil
}

// keyText lists what a key is restricted to.
func keyText(k registry.Key) string {
	var parts []string
	if len(k.Models) > 0 {
		parts = append(parts, "for "+strings.Join(k.Models, " "))
	}
	if !k.Expires.IsZero() {
		parts = append(parts, "until "+k.Expires.Format(timeFormat))
	}
	if limits := limitsText(k.Limits); limits != "" {
		parts = append(parts, limits)
	}
	return strings.Join(parts, ", ")
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
