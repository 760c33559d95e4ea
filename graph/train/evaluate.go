package train

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/table"
)

// Evaluate runs a model over a table and compares its scores with the target column; targetRef "" takes the one the model
// was trained on. Rows without a target are left out. Errors wrap ErrData, table.ErrColumn or those of graph.
func Evaluate(m *graph.Model, t *table.Table, targetRef string, pool *kernels.Pool) (*Metrics, error) {
	s, err := m.Signature()
	if err != nil {
		return nil, err
	}
	if len(s.Outputs) == 0 || s.Task == "" {
		return nil, fmt.Errorf("the model does not say what its output means (no %s in its metadata), expected one that hotpath trained: %w", graph.SignatureKey, ErrData)
	}
	t, column, err := align(m, s, t, targetRef)
	if err != nil {
		return nil, err
	}
	c := &t.Columns[column]
	goal := &target{name: c.Name, task: s.Task, labels: s.Outputs[0].Labels}
	if s.Task == graph.Classification {
		if goal.values, err = classIndices(c, goal.labels); err != nil {
			return nil, fmt.Errorf("%s: %w", t.File, err)
		}
	} else if goal.values = c.Numbers; !c.Numeric() {
		return nil, fmt.Errorf("%s: target %q: expected numbers, found text: %w", t.File, c.Name, ErrData)
	}
	var rows []int
	for i, v := range goal.values {
		if v == v {
			rows = append(rows, i)
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: target %q: expected values, all are missing: %w", t.File, c.Name, ErrData)
	}
	return evaluateRows(m, t, goal, rows, pool)
}

// align finds the target and gives the columns of a table without a header the names that the model knows: by position
// in the training table if the widths agree.
func align(m *graph.Model, s *graph.Signature, t *table.Table, targetRef string) (*table.Table, int, error) {
	name := m.Metadata[MetaTarget]
	if targetRef != "" {
		name = targetRef
	}
	if name == "" {
		return nil, 0, fmt.Errorf("the model does not name its target, expected --target: %w", ErrData)
	}
	column, err := t.Find(name)
	if err == nil && (targetRef != "" || t.Columns[column].Name == name) {
		if _, lacks := newSource(t, s.Inputs); lacks == nil || t.Named {
			return t, column, nil
		}
	}
	if t.Named {
		return nil, 0, err
	}
	var names []string
	for _, in := range s.Inputs {
		names = append(names, in.Columns...)
	}
	if column, err = strconv.Atoi(m.Metadata[MetaTargetIndex]); err != nil || len(t.Columns) != len(names)+1 || column > len(names) {
		return nil, 0, fmt.Errorf("%s has no header and %d columns, expected the %d features of the model and its target: %w", t.File, len(t.Columns), len(names), ErrData)
	}
	renamed := *t
	renamed.Columns = append([]table.Column(nil), t.Columns...)
	k := 0
	for i := range renamed.Columns {
		if i == column {
			renamed.Columns[i].Name = name
			continue
		}
		renamed.Columns[i].Name = names[k]
		k++
	}
	return &renamed, column, nil
}

// scoresOf runs m over rows of t and gives cols scores for each.
func scoresOf(m *graph.Model, t *table.Table, rows []int, cols int, pool *kernels.Pool) ([]float32, error) {
	s, err := m.Signature()
	if err != nil {
		return nil, err
	}
	src, err := newSource(t, s.Inputs)
	if err != nil {
		return nil, err
	}
	if src, err = src.checked(t, s.Inputs, rows); err != nil {
		return nil, err
	}
	pl, err := plan.Compile(m, plan.Options{Pool: pool})
	if err != nil {
		return nil, err
	}
	scores := make([]float32, 0, len(rows)*cols)
	if err := runRows(pl, src, rows, func(out []float32) { scores = append(scores, out...) }); err != nil {
		return nil, err
	}
	if len(scores) != len(rows)*cols {
		return nil, fmt.Errorf("the model gives %d scores for %d rows, expected %d each: %w", len(scores), len(rows), cols, ErrData)
	}
	return scores, nil
}

// evaluateRows computes the figures of the given rows, whose target is present.
func evaluateRows(m *graph.Model, t *table.Table, goal *target, rows []int, pool *kernels.Pool) (*Metrics, error) {
	cols := goal.outputs()
	scores, err := scoresOf(m, t, rows, cols, pool)
	if err != nil {
		return nil, err
	}
	for i, v := range scores {
		if v-v != 0 {
			return nil, fmt.Errorf("%s: the model answers %v for row %d, expected a finite number: %w", t.File, v, rows[i/cols]+1, ErrData)
		}
	}
	out := &Metrics{Task: goal.task, Rows: len(rows)}
	if goal.task == graph.Regression {
		truth := make([]float32, len(rows))
		for i, r := range rows {
			truth[i] = goal.values[r]
		}
		out.RegressionMetrics = newRegressionMetrics(truth, scores)
		return out, nil
	}
	truth, said := make([]int, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		truth[i] = int(goal.values[r])
		said[i] = Classify(scores[i*cols : (i+1)*cols])
	}
	out.ClassMetrics = newClassMetrics(truth, said, goal.labels)
	return out, nil
}

var errMissing = errors.New("missing value")

// checked makes sure that every column has the type its input wants and no missing value that the model cannot fill in.
func (s *source) checked(t *table.Table, inputs []graph.Input, rows []int) (*source, error) {
	for i, in := range inputs {
		for j, c := range s.columns[i] {
			wantText := in.DType == tensor.String
			switch {
			case wantText && c.Numeric():
				s.columns[i][j] = asText(c)
			case !wantText && !c.Numeric():
				return nil, fmt.Errorf("%s: column %q: expected numbers, found text: %w", t.File, c.Name, ErrData)
			case in.Missing || wantText:
			default:
				for _, r := range rows {
					if c.Missing(r) {
						return nil, fmt.Errorf("%s: column %q row %d: %w, and the model was trained without any: %w", t.File, c.Name, r+1, errMissing, ErrData)
					}
				}
			}
		}
	}
	return s, nil
}

// asText turns numbers back into text for a column that held text in training.
func asText(c *table.Column) *table.Column {
	text := make([]string, len(c.Numbers))
	for i, v := range c.Numbers {
		if v == v {
			text[i] = numberLabel(v)
		}
	}
	return &table.Column{Name: c.Name, Text: text}
}
