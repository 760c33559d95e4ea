package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
)

// leafOf walks the tree as the operator does.
func leafOf(tr *tree, x []float32) []float32 {
	i := 0
	for tr.nodes[i].left != 0 {
		if x[tr.nodes[i].feature] <= tr.nodes[i].threshold {
			i = tr.nodes[i].left
		} else {
			i = tr.nodes[i].right
		}
	}
	return tr.values[i*tr.width : (i+1)*tr.width]
}

func treeOf(c *config, labels []string, x, y []float32, features int) *tree {
	t := &target{task: graph.Regression}
	if labels != nil {
		t = &target{task: graph.Classification, labels: labels}
	}
	c.MinLeaf = max(c.MinLeaf, 1)
	return growTree(c, t, x, y, features, nil, nil)
}

// TestTreeLearnsXOR: neither feature alone gains anything, so the first split has to be taken without gain.
func TestTreeLearnsXOR(t *testing.T) {
	x, y := []float32{0, 0, 0, 1, 1, 0, 1, 1}, []float32{0, 1, 1, 0}
	tr := treeOf(&config{}, []string{"0", "1"}, x, y, 2)
	for i, want := range y {
		if got := leafOf(tr, x[2*i:2*i+2])[0]; got != want {
			t.Errorf("row %d: %v, expected %v", i, got, want)
		}
	}
	if len(tr.nodes) != 7 || tr.nodes[0].feature != 0 || tr.nodes[0].threshold != 0.5 {
		t.Errorf("%d nodes, first split %+v; expected 7 and feature 0 at 0.5", len(tr.nodes), tr.nodes[0])
	}
}

// TestTreeSplit checks the first split against all possible ones by the definition of Gini impurity.
func TestTreeSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const rows, features, classes = 60, 3, 3
	for range 20 {
		x, y := make([]float32, rows*features), make([]float32, rows)
		for i := range x {
			x[i] = float32(r.IntN(12))
		}
		for i := range y {
			y[i] = float32(r.IntN(classes))
		}
		tr := treeOf(&config{Spec: Spec{MaxDepth: 1}}, []string{"a", "b", "c"}, x, y, features)
		best, feature, at := math.Inf(1), -1, 0.0
		for f := range features {
			for cut := 0.5; cut < 11; cut++ {
				if g := gini(x, y, features, classes, f, cut); g < best-1e-12 {
					best, feature, at = g, f, cut
				}
			}
		}
		got := tr.nodes[0]
		if g := gini(x, y, features, classes, got.feature, float64(got.threshold)); math.Abs(g-best) > 1e-12 || got.feature != feature {
			t.Errorf("split %+v with impurity %v, expected feature %d near %v with %v", got, g, feature, at, best)
		}
	}
}

// gini is the weighted impurity of the two sides of a cut.
func gini(x, y []float32, features, classes, f int, cut float64) float64 {
	counts := [2][]float64{make([]float64, classes), make([]float64, classes)}
	sizes := [2]float64{}
	for i, class := range y {
		side := 1
		if float64(x[i*features+f]) <= cut {
			side = 0
		}
		counts[side][int(class)]++
		sizes[side]++
	}
	if sizes[0] == 0 || sizes[1] == 0 {
		return math.Inf(1)
	}
	var sum float64
	for side, c := range counts {
		g := 1.0
		for _, n := range c {
			g -= n / sizes[side] * n / sizes[side]
		}
		sum += g * sizes[side] / float64(len(y))
	}
	return sum
}

func TestTreeLimitsAndRegression(t *testing.T) {
	x, y := make([]float32, 100), make([]float32, 100)
	for i := range x {
		x[i] = float32(i)
		if y[i] = 1; i >= 30 {
			y[i] = 5
		}
	}
	tr := treeOf(&config{}, nil, x, y, 1)
	if len(tr.nodes) != 3 || tr.nodes[0].threshold != 29.5 || leafOf(tr, x[:1])[0] != 1 || leafOf(tr, x[99:])[0] != 5 {
		t.Errorf("a step: %+v %v", tr.nodes, tr.values)
	}
	tr = treeOf(&config{Spec: Spec{MinLeaf: 40}}, nil, x, y, 1)
	if len(tr.nodes) != 3 || tr.nodes[0].threshold != 39.5 {
		t.Errorf("min_leaf 40: %+v", tr.nodes)
	}
	for i := range y {
		y[i] = float32(i * i)
	}
	if tr = treeOf(&config{Spec: Spec{MaxDepth: 3}}, nil, x, y, 1); len(tr.nodes) != 15 {
		t.Errorf("max_depth 3: %d nodes, expected 15", len(tr.nodes))
	}
}

// TestThreshold: the cut between two neighbouring floats keeps them apart.
func TestThreshold(t *testing.T) {
	for _, a := range []float32{0, 1, -1, 1e-45, 3e38, 16777216} {
		b := math.Nextafter32(a, math.MaxFloat32)
		if th := threshold(a, b); th < a || th >= b {
			t.Errorf("threshold(%v, %v) = %v", a, b, th)
		}
	}
}

// TestTreeThreads: searching on two threads gives the same tree.
func TestTreeThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const rows, features = 2000, 9
	x, y := make([]float32, rows*features), make([]float32, rows)
	for i := range x {
		x[i] = float32(r.IntN(50))
	}
	for i := range y {
		y[i] = x[i*features]*x[i*features+1] + float32(r.IntN(100))
	}
	pool := kernels.NewPool(2)
	defer pool.Close()
	c := &config{Spec: Spec{MinLeaf: 1}}
	a := growTree(c, &target{task: graph.Regression}, x, y, features, nil, nil)
	b := growTree(c, &target{task: graph.Regression}, x, y, features, pool, nil)
	if len(a.nodes) != len(b.nodes) {
		t.Fatalf("%d nodes on one thread, %d on two", len(a.nodes), len(b.nodes))
	}
	for i := range a.nodes {
		if a.nodes[i] != b.nodes[i] || a.values[i] != b.values[i] {
			t.Fatalf("node %d differs", i)
		}
	}
}
