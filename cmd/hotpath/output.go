package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printJSON writes v as one indented JSON object, the form of every --json flag.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// progress shows work of a known number of steps: a bar with rate and ETA on a terminal, plain lines at most every
// few seconds otherwise, nothing for work that takes less than a second.
type progress struct {
	e       *env
	what    string
	total   int
	started time.Time
	printed time.Time
	bar     *progressbar.ProgressBar
}

const plainLineEvery = 5 * time.Second

func (e *env) newProgress(what string, total int) *progress {
	now := time.Now()
	return &progress{e: e, what: what, total: total, started: now, printed: now}
}

// step reports that done of total steps are finished; note is shown beside them.
func (p *progress) step(done int, note string) {
	if p.e.terminal {
		if p.bar == nil && time.Since(p.started) > 300*time.Millisecond {
			p.bar = progressbar.NewOptions(p.total,
				progressbar.OptionSetWriter(p.e.stderr),
				progressbar.OptionSetDescription(p.what),
				progressbar.OptionShowIts(), progressbar.OptionShowCount(),
				progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		}
		if p.bar != nil {
			p.bar.Describe(p.what + " " + note)
			_ = p.bar.Set(done)
		}
		return
	}
	if now := time.Now(); now.Sub(p.printed) >= plainLineEvery {
		p.printed = now
		fmt.Fprintf(p.e.stderr, "%s %d/%d %s\n", p.what, done, p.total, note)
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
