package jsontensor

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// maxRank is the largest number of axes of an input.
const maxRank = 8

// Layout maps the positions and keys of JSON rows to the inputs of one model.
type Layout struct {
	inputs  []graph.Input
	columns []column          // one per scalar of a row where Tabular
	names   map[string]target // every key that a row object may have
	// Tabular says that a row is a list of scalars: every input has one axis, or two of which the last is known.
	Tabular bool
	plain   bool // one float32 input without missing values: the fast path
}

// column is one scalar of a tabular row.
type column struct {
	name   string
	input  int
	offset int // within the row of its input
	width  int // of that row
}

// target is what a key of a row object names: a column, or a whole input where column is -1.
type target struct {
	input, column int
}

// NewLayout derives the layout from a signature. Errors wrap graph.ErrUnsupported.
func NewLayout(s *graph.Signature) (*Layout, error) {
	l := &Layout{inputs: s.Inputs, names: map[string]target{}, Tabular: true}
	for _, in := range s.Inputs {
		if len(in.Shape) == 0 || len(in.Shape) > maxRank {
			return nil, fmt.Errorf("input %q has %d axes, expected 1 to %d: %w", in.Name, len(in.Shape), maxRank, graph.ErrUnsupported)
		}
		if len(in.Shape) > 2 || len(in.Shape) == 2 && in.Shape[1] < 1 {
			l.Tabular = false
		}
	}
	for i, in := range s.Inputs {
		width := 1
		if len(in.Shape) == 2 {
			width = in.Shape[1]
		}
		for c := 0; l.Tabular && c < width; c++ {
			col := column{input: i, offset: c, width: width}
			switch {
			case c < len(in.Columns):
				col.name = in.Columns[c]
			case width == 1:
				col.name = in.Name
			}
			if col.name != "" {
				if _, taken := l.names[col.name]; !taken {
					l.names[col.name] = target{i, len(l.columns)}
				}
			}
			l.columns = append(l.columns, col)
		}
		if t, taken := l.names[in.Name]; !taken || t.input != i {
			l.names[in.Name] = target{i, -1}
		}
	}
	l.plain = l.Tabular && len(s.Inputs) == 1 && s.Inputs[0].DType == tensor.Float32
	return l, nil
}

// columnName names column c in errors: its name, or nothing where the position says it all.
func (l *Layout) columnName(c int) string {
	return l.columns[c].name
}

// Codec is a layout with a decoder, kept with the state of a request so that nothing is allocated per request.
type Codec struct {
	Decoder
	layout *Layout
	counts []int    // elements read, per input
	dims   [][]int  // axes of an instance, per input; -1 until the first instance tells
	order  []target // columns of the split form
	seen   []int    // row+1 in which a column or (behind them) a whole input was read last
}

// Use returns the codec kept in slot, making it on the first call.
func Use(slot *any, s *graph.Signature) (*Codec, error) {
	if c, ok := (*slot).(*Codec); ok {
		return c, nil
	}
	l, err := NewLayout(s)
	if err != nil {
		return nil, err
	}
	c := &Codec{layout: l, counts: make([]int, len(l.inputs)), dims: make([][]int, len(l.inputs)),
		seen: make([]int, len(l.columns)+len(l.inputs))}
	for i, in := range l.inputs {
		c.dims[i] = make([]int, len(in.Shape))
	}
	*slot = c
	return c, nil
}
