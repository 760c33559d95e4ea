package train

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/hotpath/hotpath/graph"
)

// Spec describes a fit. Zero fields take defaults, which depend on the model and the optimizer where it says so.
type Spec struct {
	Target    string     `yaml:"target" json:"target"`                 // column name, or index from 0; -1 is the last
	Model     string     `yaml:"model" json:"model"`                   // mlp:128,64 | linear | svm | tree; default mlp:128,64
	Task      graph.Task `yaml:"task" json:"task,omitempty"`           // default: from the target's values, see readTarget
	Loss      string     `yaml:"loss" json:"loss,omitempty"`           // a row of the loss table; default from task and model
	Optimizer string     `yaml:"optimizer" json:"optimizer,omitempty"` // a row of the optimizer table, or lbfgs; default adam (mlp), lbfgs (linear, svm)
	Schedule  string     `yaml:"schedule" json:"schedule,omitempty"`   // constant | linear | step; default linear
	LR        float64    `yaml:"lr" json:"lr,omitempty"`               // learning rate; default from the optimizer
	Momentum  float64    `yaml:"momentum" json:"momentum,omitempty"`   // of optimizer momentum; default 0.9
	Epochs    int        `yaml:"epochs" json:"epochs,omitempty"`       // passes over the data; default from the optimizer
	Batch     int        `yaml:"batch" json:"batch,omitempty"`         // rows per step; default 32, gd and lbfgs take all
	L2        *float64   `yaml:"l2" json:"l2,omitempty"`               // weight penalty l2/2·Σw² on the mean loss; default 0 (mlp), 1/rows (linear, svm)
	Seed      uint64     `yaml:"seed" json:"seed"`                     // of split, first weights and order
	Holdout   *float64   `yaml:"holdout" json:"holdout,omitempty"`     // share of rows kept for the final figures; default 0.2
	Scale     string     `yaml:"scale" json:"scale,omitempty"`         // auto | standard | range | none; see chooseScaling
	Impute    string     `yaml:"impute" json:"impute,omitempty"`       // mean | median; default mean
	MaxDepth  int        `yaml:"max_depth" json:"max_depth,omitempty"` // of a tree; default unlimited
	MinLeaf   int        `yaml:"min_leaf" json:"min_leaf,omitempty"`   // least rows in a leaf; default 1
	Drop      []string   `yaml:"drop" json:"drop,omitempty"`           // columns to leave out
	Features  []string   `yaml:"features" json:"features,omitempty"`   // columns to use; default all but target and drop
}

// ReadSpec reads a Spec from YAML. Unknown fields are errors.
func ReadSpec(file string, data []byte) (Spec, error) {
	var s Spec
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("%s: %w: %w", file, err, ErrSpec)
	}
	return s, nil
}

// family is the kind of model.
type family string

const (
	familyMLP    family = "mlp"
	familyLinear family = "linear"
	familySVM    family = "svm"
	familyTree   family = "tree"
)

// Hidden layers beyond these are a mistake rather than a model.
const (
	maxHiddenLayers = 64
	maxHiddenUnits  = 1 << 16
)

// parseModel reads "mlp:128,64", "linear", "svm" or "tree".
func parseModel(text string) (family, []int, error) {
	name, sizes, hasSizes := strings.Cut(text, ":")
	switch f := family(name); {
	case f == familyMLP && hasSizes:
		var hidden []int
		for part := range strings.SplitSeq(sizes, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || n < 1 || n > maxHiddenUnits {
				return "", nil, fmt.Errorf("model %q: expected layer sizes from 1 to %d, found %q: %w", text, maxHiddenUnits, part, ErrSpec)
			}
			hidden = append(hidden, n)
		}
		if len(hidden) > maxHiddenLayers {
			return "", nil, fmt.Errorf("model %q: %d hidden layers, expected at most %d: %w", text, len(hidden), maxHiddenLayers, ErrSpec)
		}
		return f, hidden, nil
	case f == familyMLP:
		return f, []int{128, 64}, nil
	case (f == familyLinear || f == familySVM || f == familyTree) && !hasSizes:
		return f, nil, nil
	}
	return "", nil, fmt.Errorf("model %q: expected mlp:SIZE,…, linear, svm or tree: %w", text, ErrSpec)
}
