package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/train"
	"github.com/hotpath/hotpath/loader/table"
)

// trainCmd holds the flags of train. Those that a YAML description has too are pointers: only a given one overrides it.
type trainCmd struct {
	Data      string    `help:"Table: CSV (comma, semicolon or tab), JSON lines or a 2-D npy." required:"" placeholder:"FILE"`
	Target    columnRef `help:"Column to predict: name, or index from 0; -1 is the last." placeholder:"COL"`
	Out       string    `help:"Where to write the ONNX model." required:"" placeholder:"MODEL.onnx"`
	Model     string    `help:"mlp:SIZE,…, linear, svm, tree, or a YAML file with these flags as fields." default:"mlp:128,64" placeholder:"MODEL"`
	Task      *string   `help:"classification or regression; default from the target's values." placeholder:"TASK"`
	Optimizer *string   `help:"gd, sgd, momentum, adagrad, rmsprop, adam, lbfgs; default adam for mlp, lbfgs for linear and svm." placeholder:"NAME"`
	Loss      *string   `help:"binary_cross_entropy, softmax_cross_entropy, mse, squared_hinge, hinge." placeholder:"NAME"`
	Schedule  *string   `help:"Learning rate over the steps: linear (to 0), constant, step." placeholder:"NAME"`
	Epochs    *int      `help:"Passes over the data." placeholder:"N"`
	Batch     *int      `help:"Rows per step; default 32." placeholder:"N"`
	LR        *float64  `help:"Learning rate; default from the optimizer." name:"lr" placeholder:"RATE"`
	Momentum  *float64  `help:"Of optimizer momentum; default 0.9." placeholder:"M"`
	L2        *float64  `help:"Weight penalty; default 0 for mlp, 1/rows for linear and svm." name:"l2" placeholder:"X"`
	Seed      *uint64   `help:"Seed of split, first weights and order; default 0." placeholder:"N"`
	Holdout   *float64  `help:"Share of rows kept for the final figures; default 0.2." placeholder:"SHARE"`
	Scale     *string   `help:"auto, standard, range or none." xor:"scale" placeholder:"HOW"`
	Standard  bool      `help:"Short for --scale standard." name:"standardize" xor:"scale"`
	Impute    *string   `help:"Fill missing numbers with mean or median." placeholder:"HOW"`
	MaxDepth  *int      `help:"Of a tree; default unlimited." placeholder:"N"`
	MinLeaf   *int      `help:"Least rows in a leaf of a tree; default 1." placeholder:"N"`
	Drop      []string  `help:"Columns to leave out." placeholder:"COL"`
	Features  []string  `help:"Columns to use; default all." placeholder:"COL"`
	Header    string    `help:"Whether the first CSV row names the columns: auto, yes, no." enum:"auto,yes,no" default:"auto"`
	Threads   int       `help:"Threads; default all that this process may use." placeholder:"N"`
	JSON      bool      `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (trainCmd) Help() string {
	return "Fits a model to a table and writes it as ONNX with the preprocessing inside. The same data, flags and seed give the same file, byte for byte, on any number of threads and every instruction set."
}

type trainResult struct {
	*train.Metrics
	SamplesPerS float64  `json:"samples_per_s"`
	Seconds     float64  `json:"seconds"`
	Model       string   `json:"model"`
	Optimizer   string   `json:"optimizer,omitempty"`
	Epochs      int      `json:"epochs,omitempty"`
	Seed        uint64   `json:"seed"`
	TrainRows   int      `json:"train_rows"`
	Features    int      `json:"features"`
	Notes       []string `json:"notes,omitempty"`
	Out         string   `json:"out"`
	Bytes       int      `json:"bytes"`
	SHA256      string   `json:"sha256"`
	Threads     int      `json:"threads"`
}

// Run implements the verb.
func (c *trainCmd) Run(e *env) error {
	spec, err := c.spec()
	if err != nil {
		return trainError(err)
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
	lines := &epochLines{e: e, silent: c.JSON}
	start := time.Now()
	fit, err := train.Fit(t, spec, train.Options{Pool: pool, Progress: lines.show})
	lines.finish()
	if err != nil {
		return trainError(err)
	}
	r := trainResult{Metrics: fit.Holdout, SamplesPerS: fit.RowsPerSecond, Seconds: time.Since(start).Seconds(), Model: fit.Spec.Model,
		Optimizer: fit.Spec.Optimizer, Epochs: fit.Spec.Epochs, Seed: fit.Spec.Seed, TrainRows: fit.TrainRows, Features: fit.Features,
		Notes: fit.Notes, Out: c.Out, Threads: pool.Threads()}
	if r.Bytes, r.SHA256, err = writeModel(c.Out, fit.Model); err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(r)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(e.stdout, "note: %s\n", n)
	}
	fmt.Fprintf(e.stdout, "trained %s on %d rows, %d features, %.0f samples/s\n", r.Model, r.TrainRows, r.Features, r.SamplesPerS)
	if fit.Holdout != nil {
		fmt.Fprintf(e.stdout, "held-out: ")
		printMetrics(e.stdout, fit.Holdout)
	}
	fmt.Fprintf(e.stdout, "%s: %d bytes, sha256 %s\n", r.Out, r.Bytes, r.SHA256)
	return nil
}

// spec puts the YAML description, if --model names one, and the flags together.
func (c *trainCmd) spec() (train.Spec, error) {
	s := train.Spec{Model: c.Model}
	if strings.HasSuffix(c.Model, ".yaml") || strings.HasSuffix(c.Model, ".yml") {
		data, err := os.ReadFile(c.Model)
		if err != nil {
			return s, err
		}
		if s, err = train.ReadSpec(c.Model, data); err != nil {
			return s, err
		}
	}
	if c.Target != "" {
		s.Target = string(c.Target)
	}
	override(&s.Optimizer, c.Optimizer)
	override(&s.Loss, c.Loss)
	override(&s.Schedule, c.Schedule)
	override(&s.Epochs, c.Epochs)
	override(&s.Batch, c.Batch)
	override(&s.LR, c.LR)
	override(&s.Momentum, c.Momentum)
	override(&s.Seed, c.Seed)
	override(&s.Scale, c.Scale)
	override(&s.Impute, c.Impute)
	override(&s.MaxDepth, c.MaxDepth)
	override(&s.MinLeaf, c.MinLeaf)
	if c.Task != nil {
		s.Task = graph.Task(*c.Task)
	}
	if c.L2 != nil {
		s.L2 = c.L2
	}
	if c.Holdout != nil {
		s.Holdout = c.Holdout
	}
	if c.Standard {
		s.Scale = "standard"
	}
	if len(c.Drop) > 0 {
		s.Drop = c.Drop
	}
	if len(c.Features) > 0 {
		s.Features = c.Features
	}
	if s.Target == "" {
		return s, fmt.Errorf("--target: expected a column name or index, found none: %w", train.ErrSpec)
	}
	return s, nil
}

// columnRef is a column by name or index. It reads its value itself, since -1, the last column, looks like a flag.
type columnRef string

// Decode implements kong.MapperValue.
func (c *columnRef) Decode(ctx *kong.DecodeContext) error {
	t := ctx.Scan.Pop()
	text, ok := t.Value.(string)
	if t.IsEOL() || !ok || strings.HasPrefix(text, "--") {
		return errors.New("expected a column name or index")
	}
	*c = columnRef(text)
	return nil
}

func override[T any](to *T, flag *T) {
	if flag != nil {
		*to = *flag
	}
}

// trainError marks a wrong specification, which is flags, and a column that does not exist as errors of usage.
func trainError(err error) error {
	if errors.Is(err, train.ErrSpec) || errors.Is(err, table.ErrColumn) {
		return fmt.Errorf("train: %w: %w", err, errUsage)
	}
	return err
}

// epochLines prints progress: a bar and lines on a terminal, lines alone otherwise.
type epochLines struct {
	e       *env
	silent  bool
	bar     *progress
	printed int
}

// epochLinesShown is about how many lines a long run prints; up to a hundred epochs are all shown.
const epochLinesShown = 25

func (l *epochLines) show(done, total int, note string) {
	if l.bar == nil {
		l.bar = l.e.newProgress("train", total)
	}
	every := 1
	if total > 100 {
		every = total / epochLinesShown
	}
	if !l.silent && (done == total || done >= l.printed+every) {
		l.printed = done
		if l.bar.bar != nil {
			_ = l.bar.bar.Clear()
		}
		fmt.Fprintf(l.e.stdout, "%*d/%d %s\n", len(fmt.Sprint(total)), done, total, note)
	}
	if l.e.terminal || l.silent { // plain lines are there already
		l.bar.step(done, note)
	}
}

func (l *epochLines) finish() {
	if l.bar != nil {
		l.bar.finish()
	}
}

// openTable reads a table; header is auto, yes or no.
func openTable(path, header string) (*table.Table, error) {
	opt := table.Options{}
	switch header {
	case "yes":
		opt.Header = table.HeaderYes
	case "no":
		opt.Header = table.HeaderNo
	}
	return table.Open(path, opt)
}
