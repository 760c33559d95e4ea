package train

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/table"
)

// Options of Fit that do not change the model.
type Options struct {
	Pool     *kernels.Pool                      // nil: the caller alone
	Progress func(done, total int, note string) // after every epoch, iteration or percent of a tree; nil: silent
}

// Result is a fitted model with what is to be said about it.
type Result struct {
	Model         *graph.Model
	Spec          Spec     // with all defaults filled in
	Holdout       *Metrics // of the held-out rows, computed by the finished model; nil without any
	TrainRows     int
	Features      int // width of the feature matrix
	Notes         []string
	RowsPerSecond float64 // rows seen by the fit per second
}

// Metadata keys of a trained model, beside the signature.
const (
	MetaSpec        = "hotpath.train.spec"         // the Spec as JSON
	MetaDataSHA256  = "hotpath.train.data_sha256"  // of the table's file
	MetaTarget      = "hotpath.train.target"       // name of the target column
	MetaTargetIndex = "hotpath.train.target_index" // its position in the table
	MetaSeed        = "hotpath.train.seed"
	MetaTrainRows   = "hotpath.train.rows"
	MetaHoldout     = "hotpath.train.holdout" // Metrics of the held-out rows as JSON
)

// Fit trains a model. Errors wrap ErrSpec, ErrData, ErrDiverged or table.ErrColumn.
func Fit(t *table.Table, spec Spec, o Options) (*Result, error) {
	c, err := spec.resolve()
	if err != nil {
		return nil, err
	}
	column, err := t.Find(c.Target)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	goal, err := readTarget(&t.Columns[column], c.Task)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.File, err)
	}
	rows, held := splitRows(goal, c.holdout, c.Seed)
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s: expected at least 2 rows with a target to train on, found %d: %w", t.File, len(rows), ErrData)
	}
	if err := c.resolveTask(goal, len(rows)); err != nil {
		return nil, err
	}
	features, notes, err := chooseFeatures(t, column, &c.Spec, rows)
	if err != nil {
		return nil, err
	}
	notes = append(c.notes, notes...)
	if n := t.Rows - len(rows) - len(held); n > 0 {
		notes = append(notes, fmt.Sprintf("%d rows without a target are left out", n))
	}
	p := newPreprocess(features, c, rows)
	x, err := p.features(t, rows, o.Pool)
	if err != nil {
		return nil, err
	}
	y := make([]float32, len(rows))
	for i, r := range rows {
		y[i] = goal.values[r]
	}
	r := &Result{Model: p.m, TrainRows: len(rows), Features: p.width, Notes: notes}
	start := time.Now()
	if c.family == familyTree {
		appendTree(p, growTree(c, goal, x, y, p.width, o.Pool, o.Progress))
		r.RowsPerSecond = float64(len(rows)) / time.Since(start).Seconds()
	} else if r.RowsPerSecond, err = fitNetwork(p, c, goal, x, y, o); err != nil {
		return nil, err
	}
	r.Spec = c.Spec
	if err := describe(p, c, goal, t, column, len(rows)); err != nil {
		return nil, err
	}
	if len(held) > 0 {
		if r.Holdout, err = evaluateRows(p.m, t, goal, held, o.Pool); err != nil {
			return nil, fmt.Errorf("held-out rows: %w", err)
		}
		text, err := json.Marshal(r.Holdout)
		if err != nil {
			return nil, fmt.Errorf("held-out figures: %w", err)
		}
		p.m.Metadata[MetaHoldout] = string(text)
	}
	if err := describePredictions(p.m, t, goal, rows, held, o.Pool); err != nil {
		return nil, fmt.Errorf("distribution of predictions: %w", err)
	}
	return r, nil
}

// fitNetwork trains the graphs that end in a matrix product: mlp, linear and svm.
func fitNetwork(p *preprocess, c *config, goal *target, x, y []float32, o Options) (rowsPerSecond float64, err error) {
	cols := goal.outputs()
	logits := network(p, c.hidden, cols, c.Seed)
	tape, err := newTape(&p.m.Graph, p.value, logits, o.Pool)
	if err != nil {
		return 0, err
	}
	pr := &problem{config: c, tape: tape, loss: c.loss.make(), x: x, y: y, width: p.width, cols: cols, unit: 1, progress: o.Progress}
	var mean, deviation float32
	if goal.task == graph.Regression { // learn the target standardised, whatever its unit
		pr.y, mean, deviation = standardised(y)
		pr.unit = float64(deviation)
	}
	switch {
	case c.Optimizer == optimizerLBFGS:
		rowsPerSecond, err = newLBFGS(pr, lbfgsHistory).minimise()
	case c.opt.full && c.LR == 0:
		rowsPerSecond, err = newLBFGS(pr, 0).minimise()
	default:
		if c.LR == 0 {
			c.LR = defaultRate(c, x, p.width)
		}
		rowsPerSecond, err = descend(pr)
	}
	if err != nil {
		return 0, err
	}
	switch {
	case goal.task == graph.Regression:
		rescale(p, deviation, mean)
	case c.family == familySVM:
		z, err := pr.scores()
		if err != nil {
			return 0, err
		}
		rescale(p, temperature(z, y, cols), 0)
	}
	head(p, logits, goal)
	return rowsPerSecond, nil
}

// scores computes the logits of all training rows.
func (p *problem) scores() ([]float32, error) {
	if err := p.tape.resize(len(p.y), p.width); err != nil {
		return nil, err
	}
	copy(p.tape.x(), p.x)
	return p.tape.forward(), nil
}

// standardised returns (y - mean)/deviation; deviation is 1 for a constant y.
func standardised(y []float32) (z []float32, mean, deviation float32) {
	rows := make([]int, len(y))
	for i := range rows {
		rows[i] = i
	}
	m, d := moments(y, nil, 0, rows)
	if d == 0 {
		d = 1
	}
	mean, deviation = float32(m), float32(d)
	z = make([]float32, len(y))
	for i, v := range y {
		z[i] = (v - mean) / deviation
	}
	return z, mean, deviation
}

// describe writes signature and provenance into the metadata. Nothing in it depends on time, place or threads.
func describe(p *preprocess, c *config, goal *target, t *table.Table, column, rows int) error {
	s := &graph.Signature{Task: goal.task, Inputs: p.inputs, Outputs: []graph.Output{{Name: nameOutput, DType: tensor.Float32, Labels: goal.labels}}}
	if err := p.m.SetSignature(s); err != nil {
		return err
	}
	spec, err := json.Marshal(c.Spec)
	if err != nil {
		return fmt.Errorf("specification: %w", err)
	}
	for key, value := range map[string]string{
		MetaSpec: string(spec), MetaDataSHA256: t.Digest, MetaTarget: goal.name, MetaTargetIndex: strconv.Itoa(column),
		MetaSeed: strconv.FormatUint(c.Seed, 10), MetaTrainRows: strconv.Itoa(rows),
	} {
		p.m.Metadata[key] = value
	}
	return p.m.Graph.Check()
}
