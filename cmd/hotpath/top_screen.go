package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

// topOrders is what lines can be ordered by, the largest first, and the key that asks for it on a terminal.
var topOrders = []struct {
	name, key, column string
	value             func(m *topModel) float64
}{
	{"rate", "r", "REQ/S", func(m *topModel) float64 { return m.Rate }},
	{"errors", "e", "ERR/S", func(m *topModel) float64 { return m.Errors }},
	{"p50", "5", "P50 µs", func(m *topModel) float64 { return m.P50US }},
	{"p99", "9", "P99 µs", func(m *topModel) float64 { return m.P99US }},
	{"queue", "u", "QUEUE µs", func(m *topModel) float64 { return m.QueueUS }},
	{"waiting", "w", "WAITING", func(m *topModel) float64 { return m.Waiting }},
	{"cpu", "c", "CORES", func(m *topModel) float64 { return m.Cores }},
	{"memory", "m", "MiB", func(m *topModel) float64 { return m.Memory }},
	{"drift", "d", "DRIFT", func(m *topModel) float64 { return m.MaxDrift }},
	{"name", "n", "MODEL", func(*topModel) float64 { return 0 }},
}

// sort orders the lines; those that are equal in it by name and version.
func (r *topReport) sort(by string) {
	for _, o := range topOrders {
		if o.name == by {
			slices.SortFunc(r.Models, func(a, b topModel) int {
				return cmp.Or(cmp.Compare(o.value(&b), o.value(&a)), strings.Compare(a.Model, b.Model), cmp.Compare(versionNumber(a.Version), versionNumber(b.Version)))
			})
		}
	}
}

func versionNumber(version string) int64 {
	n, _ := strconv.ParseInt(version, 10, 64)
	return n
}

// print writes the table. The column that orders it is marked.
func (r *topReport) print(w io.Writer, by string) {
	head := func(column string) string {
		for _, o := range topOrders {
			if o.column == column && o.name == by {
				return column + "↓"
			}
		}
		return column
	}
	fmt.Fprintf(w, "%.0f requests/s, %.2f cores, %.0f MiB\n\n", r.Rate, r.Cores, r.Memory/(1<<20))
	fmt.Fprintf(w, "%-24s %8s %8s %9s %9s %9s %8s %8s %6s %9s %6s\n", head("MODEL"), head("REQ/S"), head("ERR/S"), head("P50 µs"), head("P99 µs"),
		head("QUEUE µs"), head("WAITING"), "ROWS/RUN", head("CORES"), head("MiB"), head("DRIFT"))
	for _, m := range r.Models {
		fmt.Fprintf(w, "%-24s %8.0f %8.1f %9.1f %9.1f %9.1f %8.0f %8.1f %6.2f %9.1f %6.2f\n", m.Model+"/"+m.Version, m.Rate, m.Errors, m.P50US,
			m.P99US, m.QueueUS, m.Waiting, m.Rows, m.Cores, m.Memory/(1<<20), m.MaxDrift)
	}
}

// screen is where the table goes. On a terminal it takes keys.
type screen struct {
	out  io.Writer
	raw  *term.State // nil where no keys are read
	keys chan byte
	last *topReport
}

func openScreen(out io.Writer, c *topCmd) (*screen, error) {
	s := &screen{out: out}
	in := int(os.Stdin.Fd())
	if c.JSON || c.Count > 0 || !isTerminal(out) || !term.IsTerminal(in) {
		return s, nil
	}
	var err error
	if s.raw, err = term.MakeRaw(in); err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	s.keys = make(chan byte)
	go func() {
		defer close(s.keys)
		b := make([]byte, 1)
		for {
			if n, err := os.Stdin.Read(b); n == 0 || err != nil {
				return
			}
			s.keys <- b[0]
		}
	}()
	return s, nil
}

func (s *screen) close() {
	if s.raw != nil {
		_ = term.Restore(int(os.Stdin.Fd()), s.raw)
	}
}

// wait waits for the next look, and does what keys say meanwhile. It returns false at the end.
func (s *screen) wait(ctx context.Context, c *topCmd) bool {
	next := time.After(c.Every)
	keys := s.keys
	for {
		select {
		case <-ctx.Done():
			return false
		case <-next:
			return true
		case key, ok := <-keys:
			if !ok {
				keys = nil
				continue
			}
			if !c.press(key) {
				return false
			}
			if s.last != nil {
				s.show(s.last, c.Sort)
			}
		}
	}
}

// press does what a key says, and returns false for those that end: q, Ctrl-C, Ctrl-D.
func (c *topCmd) press(key byte) bool {
	for _, o := range topOrders {
		if o.key == string(key) {
			c.Sort = o.name
		}
	}
	return key != 'q' && key != 3 && key != 4
}

// show draws the table in the place of the one before on a terminal, else behind it.
func (s *screen) show(r *topReport, by string) {
	s.last = r
	r.sort(by)
	var b strings.Builder
	r.print(&b, by)
	text := b.String()
	if isTerminal(s.out) {
		text = "\x1b[H\x1b[2J" + text
	}
	if s.raw != nil {
		text += "\nsort by"
		for _, o := range topOrders {
			text += " " + o.key + ":" + o.name
		}
		text = strings.ReplaceAll(text+"   q:quit\n", "\n", "\r\n")
	}
	fmt.Fprint(s.out, text)
}
