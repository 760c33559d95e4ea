package train

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/loader/table"
)

// target is the column to predict as numbers: class indices (classification) or values (regression).
type target struct {
	name   string
	task   graph.Task
	labels []string  // classes, sorted; nil for regression
	values []float32 // one per table row; NaN where the target is missing
}

const (
	// maxIntegerClasses: a column of integers with at most so many different ones holds classes.
	maxIntegerClasses = 20
	// maxClasses bounds what is accepted as a classification target; more is an identifier.
	maxClasses = 1000
	// maxExactInteger: float32 tells all integers up to here apart.
	maxExactInteger = 1 << 24
)

// readTarget decides the task unless it is given: text, and integers with at most 20 different values, are classes;
// any other column of numbers is a regression target.
func readTarget(c *table.Column, task graph.Task) (*target, error) {
	t := &target{name: c.Name, task: task}
	if task == "" {
		t.task = guessTask(c)
	}
	if t.task == graph.Regression {
		if !c.Numeric() {
			return nil, fmt.Errorf("target %q: expected numbers for a regression, found text: %w", c.Name, ErrData)
		}
		t.values = slices.Clone(c.Numbers)
		return t, nil
	}
	if t.labels = classLabels(c); len(t.labels) < 2 || len(t.labels) > maxClasses {
		return nil, fmt.Errorf("target %q: expected 2 to %d classes, found %d: %w", c.Name, maxClasses, len(t.labels), ErrData)
	}
	var err error
	t.values, err = classIndices(c, t.labels)
	return t, err
}

func guessTask(c *table.Column) graph.Task {
	if !c.Numeric() {
		return graph.Classification
	}
	distinct := map[float32]bool{}
	for _, v := range c.Numbers {
		if v != v {
			continue
		}
		if v != float32(math.Trunc(float64(v))) || math.Abs(float64(v)) > maxExactInteger {
			return graph.Regression
		}
		if distinct[v] = true; len(distinct) > maxIntegerClasses {
			return graph.Regression
		}
	}
	return graph.Classification
}

// classLabels lists the different values, numbers in numeric and text in lexical order.
func classLabels(c *table.Column) []string {
	if !c.Numeric() {
		seen := map[string]bool{"": true}
		var labels []string
		for _, v := range c.Text {
			if !seen[v] {
				seen[v] = true
				labels = append(labels, v)
			}
		}
		slices.Sort(labels)
		return labels
	}
	seen := map[float32]bool{}
	var numbers []float32
	for _, v := range c.Numbers {
		if v == v && !seen[v] {
			seen[v] = true
			numbers = append(numbers, v)
		}
	}
	slices.Sort(numbers)
	labels := make([]string, len(numbers))
	for i, v := range numbers {
		labels[i] = numberLabel(v)
	}
	return labels
}

// numberLabel writes a number as its label: "3", "0.5".
func numberLabel(v float32) string {
	return strconv.FormatFloat(float64(v+0), 'f', -1, 32) // +0 makes -0 the same label as 0
}

// classIndices maps the cells of a column to positions in labels; NaN where a cell is missing.
func classIndices(c *table.Column, labels []string) ([]float32, error) {
	index := make(map[string]float32, len(labels))
	for i, l := range labels {
		index[l] = float32(i)
	}
	n := max(len(c.Text), len(c.Numbers))
	values := make([]float32, n)
	for i := range values {
		if c.Missing(i) {
			values[i] = float32(math.NaN())
			continue
		}
		label := ""
		if c.Numeric() {
			label = numberLabel(c.Numbers[i])
		} else {
			label = c.Text[i]
		}
		at, ok := index[label]
		if !ok {
			return nil, fmt.Errorf("column %q row %d: expected one of the %d classes of the model, found %q: %w", c.Name, i+1, len(labels), label, ErrData)
		}
		values[i] = at
	}
	return values, nil
}

// outputs is the number of scores per row: one for two classes and for regression.
func (t *target) outputs() int {
	if len(t.labels) > 2 {
		return len(t.labels)
	}
	return 1
}
