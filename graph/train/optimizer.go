package train

import (
	"fmt"
	"math"
	"strings"
)

// param is one trained tensor with its gradient.
type param struct {
	name  string
	w, g  []float32
	decay bool // takes part in the L2 penalty: weights, not biases
}

// optimizer moves parameters along their gradients; it keeps its state per parameter, in the order given. All
// arithmetic is float32, one rounding per operation.
type optimizer interface {
	step(params []param, lr float32)
}

// optimizerRow describes an optimizer; adding one is adding a file and a row.
type optimizerRow struct {
	name     string
	lr       float64 // default learning rate of an mlp
	linearLR float64 // of linear models; see defaultRate
	raw      bool    // steps along the raw gradient: linearLR is relative to the curvature
	full     bool    // one step per pass over all rows, its length searched where no rate is given
	make     func(params []param, momentum float32) optimizer
}

// optimizerTable: rates chosen on digits and breast cancer, so that every optimizer gets within 1.5 points
// of the best one.
var optimizerTable = []optimizerRow{
	{"gd", 0, 0, true, true, func([]param, float32) optimizer { return sgd{} }},
	{"sgd", 0.05, 1, true, false, func([]param, float32) optimizer { return sgd{} }},
	{"momentum", 0.01, 0.2, true, false, newMomentum},
	{"adagrad", 0.02, 0.1, false, false, newAdagrad},
	{"rmsprop", 0.001, 0.005, false, false, newRMSProp},
	{"adam", 0.001, 0.01, false, false, newAdam},
}

// defaultEpochs is the number of passes where none is given: a step of full descent costs a whole pass, and linear models,
// whose passes are cheap, run closer to their optimum.
func defaultEpochs(full bool, f family) int {
	switch {
	case full:
		return 300
	case f == familyMLP:
		return 30
	}
	return 100
}

func findOptimizer(name string) (optimizerRow, error) {
	for _, row := range optimizerTable {
		if row.name == name {
			return row, nil
		}
	}
	return optimizerRow{}, fmt.Errorf("optimizer %q: expected one of %s, %s: %w", name, optimizerNames(), optimizerLBFGS, ErrSpec)
}

func optimizerNames() string {
	var names []string
	for _, row := range optimizerTable {
		names = append(names, row.name)
	}
	return strings.Join(names, ", ")
}

// state is one zeroed slice per parameter.
func state(params []param) [][]float32 {
	s := make([][]float32, len(params))
	for i, p := range params {
		s[i] = make([]float32, len(p.w))
	}
	return s
}

// sqrt32 is the correctly rounded float32 square root.
func sqrt32(v float32) float32 { return float32(math.Sqrt(float64(v))) }
