package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/train"
	"github.com/hotpath/hotpath/loader/table"
)

type evalCmd struct {
	Model   string    `arg:"" help:"Model file that hotpath trained." type:"existingfile"`
	Data    string    `help:"Table with the target column: CSV, JSON lines or a 2-D npy." required:"" placeholder:"FILE"`
	Target  columnRef `help:"Target column; default the one the model was trained on." placeholder:"COL"`
	Header  string    `help:"Whether the first CSV row names the columns: auto, yes, no." enum:"auto,yes,no" default:"auto"`
	Threads int       `help:"Threads; default all that this process may use." placeholder:"N"`
	JSON    bool      `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (evalCmd) Help() string {
	return "Runs a model over a table and compares its answers with the target column: accuracy, precision, recall, F1 and the confusion matrix, or RMSE, MAE and R²."
}

type evalResult struct {
	*train.Metrics
	SamplesPerS float64 `json:"samples_per_s"`
	Model       string  `json:"model"`
	Data        string  `json:"data"`
	Threads     int     `json:"threads"`
}

// Run implements the verb.
func (c *evalCmd) Run(e *env) error {
	m, err := e.models.Open(c.Model)
	if err != nil {
		return err
	}
	t, err := openTable(c.Data, c.Header)
	if err != nil {
		return err
	}
	pool, err := newPool(c.Threads)
	if err != nil {
		return err
	}
	defer pool.Close()
	start := time.Now()
	metrics, err := train.Evaluate(m, t, string(c.Target), pool)
	if errors.Is(err, table.ErrColumn) {
		return fmt.Errorf("eval: %w: %w", err, errUsage)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	r := evalResult{Metrics: metrics, SamplesPerS: float64(metrics.Rows) / time.Since(start).Seconds(), Model: c.Model, Data: c.Data, Threads: pool.Threads()}
	if c.JSON {
		return e.printJSON(r)
	}
	printMetrics(e.stdout, metrics)
	fmt.Fprintf(e.stdout, "%.0f samples/s\n", r.SamplesPerS)
	return nil
}

// printMetrics writes the figures and, for a classification, the confusion matrix: true classes down, predicted across.
func printMetrics(w io.Writer, m *train.Metrics) {
	if m.Task == graph.Regression {
		fmt.Fprintf(w, "rmse %.6g  mae %.6g  r2 %.4f  (%d rows)\n", m.RMSE, m.MAE, m.R2, m.Rows)
		return
	}
	fmt.Fprintf(w, "accuracy %.4f  precision %.4f  recall %.4f  f1 %.4f  (%d rows)\n", m.Accuracy, m.Precision, m.Recall, m.F1, m.Rows)
	if len(m.Labels) > maxConfusion {
		fmt.Fprintf(w, "confusion matrix of %d classes: see --json\n", len(m.Labels))
		return
	}
	width := len("true")
	for i, l := range m.Labels {
		width = max(width, len([]rune(l)), len(fmt.Sprint(slices.Max(m.Confusion[i]))))
	}
	fmt.Fprintf(w, "%*s", width, "true")
	for _, l := range m.Labels {
		fmt.Fprintf(w, " %*s", width, l)
	}
	fmt.Fprintln(w, "  <- predicted")
	for i, row := range m.Confusion {
		fmt.Fprintf(w, "%*s", width, m.Labels[i])
		for _, n := range row {
			fmt.Fprintf(w, " %*d", width, n)
		}
		fmt.Fprintln(w)
	}
}

// maxConfusion is how many classes fit across a terminal.
const maxConfusion = 30
