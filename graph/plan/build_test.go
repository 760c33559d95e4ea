package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
)

// broken is a backend whose kernels cannot be made from the second on.
type broken struct{ panics bool }

func (broken) Name() string { return "broken" }

func (b broken) Kernel(n *graph.Node, _ []graph.Arg) (graph.Kernel, error) {
	switch {
	case n.Outputs[0] == "y0":
		return nil, nil
	case b.panics:
		panic("kernel of " + n.Outputs[0])
	}
	return nil, fmt.Errorf("kernel of %s: %w", n.Outputs[0], graph.ErrModel)
}

// TestFirstKernelError: kernels are made side by side, and the error is the first step's all the same, also where a later node has
// another one.
func TestFirstKernelError(t *testing.T) {
	for _, panics := range []bool{false, true} {
		for range 50 {
			_, err := plan.Compile(mlp(), plan.Options{Backend: broken{panics}})
			if !errors.Is(err, graph.ErrModel) || !strings.Contains(err.Error(), "kernel of y1") {
				t.Fatalf("panics %v: error %v, expected that of y1", panics, err)
			}
		}
	}
	m := mlp()
	m.Graph.Initializers["w2"].Shape = []int{1, 64}
	if _, err := plan.Compile(m, plan.Options{Backend: broken{}}); err == nil || !strings.Contains(err.Error(), "kernel of y1") {
		t.Fatalf("error %v, expected that of y1", err)
	}
}
