package graph

import (
	"encoding/json"
	"fmt"

	"github.com/hotpath/hotpath/graph/tensor"
)

// Signature is what a caller must know of a model: every API, page, form and CSV column mapping derives from it.
// It is kept as JSON in the ONNX metadata under SignatureKey; for files without it, it is derived from the graph.
type Signature struct {
	Task    Task     `json:"task,omitempty"`
	Inputs  []Input  `json:"inputs"`
	Outputs []Output `json:"outputs"`
	// RowIndependent says that row i of every output depends on row i of the inputs alone, proven by graph/plan. Rows lie along axis 0.
	RowIndependent bool `json:"-"`
	// RowAxes is where rows lie if the same is proven of other axes too, as of recurrent state; nil: it is not. RowIndependent implies it.
	RowAxes *RowAxes `json:"-"`
}

// RowAxes is the axis that rows lie along, of each input and each output. An input that has NoRows must be the same for rows that are
// computed together.
type RowAxes struct{ Inputs, Outputs []int }

// NoRows is the axis of rows where there are none.
const NoRows = -1

// SignatureKey is the ONNX metadata key of the signature.
const SignatureKey = "hotpath.signature"

// Task is what the model's output means.
type Task string

// The tasks a trained model has; a foreign model has none.
const (
	Classification Task = "classification"
	Regression     Task = "regression"
)

// Input is a graph input. The first dimension of its shape is the row where it is -1.
type Input struct {
	Name  string       `json:"name"`
	DType tensor.DType `json:"-"`
	Shape []int        `json:"-"`
	Type  *Value       `json:"-"` // the declared type in full, with that of the items of a sequence, an optional or a map
	// Columns names the features along the last axis of a numeric table; one entry for an input of one column.
	Columns []string `json:"columns,omitempty"`
	// Missing says that NaN (numbers) or "" (text) stands for a missing value, filled in inside the model.
	Missing bool `json:"missing,omitempty"`
	// Image is the height and width of the picture that the columns are, for a page that lets one be drawn.
	Image []int `json:"image,omitempty"`
	// Max is the value of a full-intensity pixel when Image is set.
	Max float32 `json:"max,omitempty"`
	// Stats is how the values of each column were distributed when the model was trained; nil if that is not known.
	Stats []ColumnStats `json:"stats,omitempty"`
}

// Output is a graph output.
type Output struct {
	Name  string       `json:"name"`
	DType tensor.DType `json:"-"`
	Shape []int        `json:"-"`
	// Labels names the classes: one per column of the scores; two (negative, positive) for a single probability.
	Labels []string `json:"labels,omitempty"`
	// Stats is how predictions were distributed when the model was trained: of each column; where there are labels, of the predicted
	// classes, then of their scores. It is nil if that is not known.
	Stats []ColumnStats `json:"stats,omitempty"`
}

// Signature derives the signature of m: names, dtypes and shapes from the graph, meaning from the metadata.
func (m *Model) Signature() (*Signature, error) {
	var meta Signature
	if text, ok := m.Metadata[SignatureKey]; ok {
		if err := json.Unmarshal([]byte(text), &meta); err != nil {
			return nil, fmt.Errorf("metadata %q: %w: %w", SignatureKey, err, ErrModel)
		}
	}
	s := &Signature{Task: meta.Task}
	for i, v := range m.Graph.Inputs {
		in := Input{Name: v.Name}
		if i < len(meta.Inputs) && meta.Inputs[i].Name == v.Name {
			in = meta.Inputs[i]
		}
		for c := range in.Stats {
			if err := in.Stats[c].check(); err != nil {
				return nil, fmt.Errorf("metadata %q: input %q, column %d: %w", SignatureKey, in.Name, c, err)
			}
		}
		in.DType, in.Shape, in.Type = v.DType, v.Shape, &m.Graph.Inputs[i]
		s.Inputs = append(s.Inputs, in)
	}
	for i, v := range m.Graph.Outputs {
		out := Output{Name: v.Name}
		if i < len(meta.Outputs) && meta.Outputs[i].Name == v.Name {
			out = meta.Outputs[i]
		}
		for c := range out.Stats {
			if err := out.Stats[c].check(); err != nil {
				return nil, fmt.Errorf("metadata %q: output %q, column %d: %w", SignatureKey, out.Name, c, err)
			}
		}
		out.DType, out.Shape = v.DType, v.Shape
		s.Outputs = append(s.Outputs, out)
	}
	return s, nil
}

// Answer is the output that a caller means who asks for none: the one named output, as in models that hotpath trains,
// else the first with floating-point scores, else the first.
func (s *Signature) Answer() int {
	best := 0
	for i := len(s.Outputs) - 1; i >= 0; i-- {
		if d := s.Outputs[i].DType; d == tensor.Float32 || d == tensor.Float64 {
			best = i
		}
	}
	for i, out := range s.Outputs {
		if out.Name == "output" {
			best = i
		}
	}
	return best
}

// SetSignature writes the meaning of inputs and outputs into the metadata of m.
func (m *Model) SetSignature(s *Signature) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	if m.Metadata == nil {
		m.Metadata = map[string]string{}
	}
	m.Metadata[SignatureKey] = string(text)
	return nil
}
