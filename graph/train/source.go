package train

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/table"
)

// source fills the inputs of a model from the columns of a table.
type source struct {
	columns [][]*table.Column // by input
}

// newSource finds the columns that the inputs name.
func newSource(t *table.Table, inputs []graph.Input) (*source, error) {
	s := &source{}
	for _, in := range inputs {
		var columns []*table.Column
		for _, name := range in.Columns {
			i, err := t.Find(name)
			if err != nil {
				return nil, fmt.Errorf("input %q of the model: %w", in.Name, err)
			}
			columns = append(columns, &t.Columns[i])
		}
		s.columns = append(s.columns, columns)
	}
	return s, nil
}

// fill writes the given rows into the input tensors and gives them their shape.
func (s *source) fill(in []*tensor.Tensor, rows []int) {
	for i, columns := range s.columns {
		in[i].Resize(len(rows), len(columns))
		if in[i].DType == tensor.String {
			for k, r := range rows {
				in[i].Strings[k] = columns[0].Text[r]
			}
			continue
		}
		x := tensor.Data[float32](in[i])
		for j, c := range columns {
			for k, r := range rows {
				x[k*len(columns)+j] = c.Numbers[r]
			}
		}
	}
}
