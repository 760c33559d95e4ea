package train

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/table"
)

// Batches cuts a table into complete inputs of a model, at most size rows each: columns by name where both have names,
// else by position (a model that names no columns has one matrix as input). Errors wrap ErrData or table.ErrColumn.
func Batches(m *graph.Model, t *table.Table, size int) ([][]*tensor.Tensor, error) {
	s, err := m.Signature()
	if err != nil {
		return nil, err
	}
	inputs := slices.Clone(s.Inputs)
	src, err := newSource(t, inputs)
	if unnamed := len(inputs) == 1 && len(inputs[0].Columns) == 0; err != nil && !t.Named || unnamed {
		var columns int
		if t, columns, err = byPosition(m, s, t); err != nil {
			return nil, err
		}
		if unnamed {
			for _, c := range t.Columns[:columns] {
				inputs[0].Columns = append(inputs[0].Columns, c.Name)
			}
		}
		src, err = newSource(t, inputs)
	}
	if err != nil {
		return nil, err
	}
	rows := make([]int, t.Rows)
	for i := range rows {
		rows[i] = i
	}
	if src, err = src.checked(t, inputs, rows); err != nil {
		return nil, err
	}
	var batches [][]*tensor.Tensor
	for part := range slices.Chunk(rows, size) {
		in := make([]*tensor.Tensor, len(inputs))
		for i := range in {
			in[i] = &tensor.Tensor{DType: inputs[i].DType}
		}
		src.fill(in, part)
		batches = append(batches, in)
	}
	if len(batches) == 0 {
		return nil, fmt.Errorf("%s: expected rows, found none: %w", t.File, ErrData)
	}
	return batches, nil
}

// byPosition gives the columns of t the names the model knows, in order; a table with one column more holds the target
// as well. It returns how many columns are features.
func byPosition(m *graph.Model, s *graph.Signature, t *table.Table) (*table.Table, int, error) {
	var names []string
	features := 0
	for _, in := range s.Inputs {
		names = append(names, in.Columns...)
		if len(in.Columns) == 0 && len(in.Shape) == 2 {
			features += in.Shape[1]
		}
	}
	if features += len(names); len(t.Columns) != features {
		renamed, _, err := align(m, s, t, "")
		return renamed, features, err
	}
	renamed := *t
	renamed.Columns = slices.Clone(t.Columns)
	for i, name := range names {
		renamed.Columns[i].Name = name
	}
	return &renamed, features, nil
}
