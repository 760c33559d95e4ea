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
// few seconds otherwise. The bar is gone when the work is done.
type progress struct {
	e       *env
	what    string
	total   int
	printed time.Time
	bar     *progressbar.ProgressBar
}

const plainLineEvery = 5 * time.Second

func (e *env) newProgress(what string, total int) *progress {
	p := &progress{e: e, what: what, total: total, printed: time.Now()}
	if e.terminal {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(e.stderr),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowIts(), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	}
	return p
}

// step reports that done of total steps are finished; note is shown beside them.
func (p *progress) step(done int, note string) {
	if p.bar != nil {
		p.bar.Describe(p.what + " " + note)
		_ = p.bar.Set(done)
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
