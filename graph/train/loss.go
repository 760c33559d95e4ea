package train

import (
	"fmt"
	"strings"

	"github.com/hotpath/hotpath/graph"
)

// loss compares scores z [rows, cols] with targets y [rows]: class indices or values. It returns the mean over the rows
// and writes its gradient by z into dz. Losses work on logits, before the sigmoid or softmax that the model ends in.
type loss interface {
	eval(z, y, dz []float32, cols int) float64
}

// lossRow describes a loss; adding one is adding a file and a row.
type lossRow struct {
	name     string
	families []family
	task     graph.Task
	classes  int // 2: two classes only; 3: three or more; 0: any number
	// curvature is the largest second derivative by a logit (hinge, which has none: that of the unit slope).
	curvature float64
	make      func() loss
}

var (
	nets   = []family{familyMLP, familyLinear}
	margin = []family{familySVM}
)

// lossTable: the first row that fits model and task is the default.
var lossTable = []lossRow{
	{"binary_cross_entropy", nets, graph.Classification, 2, 0.25, func() loss { return new(binaryCrossEntropy) }},
	{"softmax_cross_entropy", nets, graph.Classification, 3, 0.5, func() loss { return new(softmaxCrossEntropy) }},
	{"mse", nets, graph.Regression, 0, 1, func() loss { return meanSquaredError{} }},
	{"squared_hinge", margin, graph.Classification, 0, 2, func() loss { return hinge{squared: true} }},
	{"hinge", margin, graph.Classification, 0, 1, func() loss { return hinge{} }},
}

// findLoss finds a loss by name, or the default where name is "".
func findLoss(name string, f family, t *target) (lossRow, error) {
	var fitting []string
	for _, row := range lossTable {
		fits := row.task == t.task && (row.classes == 0 || row.classes == min(len(t.labels), 3))
		has := false
		for _, rf := range row.families {
			has = has || rf == f
		}
		if !fits || !has {
			continue
		}
		if name == "" || name == row.name {
			return row, nil
		}
		fitting = append(fitting, row.name)
	}
	return lossRow{}, fmt.Errorf("loss %q: expected %s for model %s and target %q: %w", name, strings.Join(fitting, " or "), f, t.name, ErrSpec)
}

// grow returns a slice of length n, reusing memory.
func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}
