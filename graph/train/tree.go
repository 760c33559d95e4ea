package train

import (
	"cmp"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
)

// tree is a CART decision tree (Breiman, Friedman, Olshen and Stone 1984): binary splits x[feature] <= threshold that
// reduce Gini impurity (classification) or squared error (regression) the most, exact over all thresholds. Of equal splits
// the one on the lower feature, then at the lower threshold, wins.
type tree struct {
	nodes  []treeNode
	values []float32 // leaf values, width per node
	width  int       // 1, or the number of classes beyond two
}

// treeNode is a split, or a leaf where left is 0: the root is nobody's child.
type treeNode struct {
	feature     int
	threshold   float32
	left, right int
}

// grower holds the training rows while a tree grows. Every feature keeps the rows sorted by its value (then by row); a
// split partitions each of these orders stably, so nothing is sorted twice.
type grower struct {
	x        []float32 // [rows, features]
	y        []float32
	features int
	classes  int // 0: regression
	maxDepth int
	minLeaf  int
	order    [][]int32 // by feature
	goesLeft []bool    // by row, for the split in hand
	spare    [][]int32 // by feature: scratch of the partition
	found    []split   // by feature
	scan     []scanner // by feature: scratch of the search
	from, to int       // segment of the orders in hand
	pool     *kernels.Pool
	progress func(done, total int, note string)
}

// growTree fits a tree to rows of features x and targets y: class indices below classes, or values where classes is 0.
func growTree(c *config, t *target, x, y []float32, features int, pool *kernels.Pool, progress func(done, total int, note string)) *tree {
	rows := len(y)
	g := &grower{x: x, y: y, features: features, maxDepth: c.MaxDepth, minLeaf: c.MinLeaf, pool: pool, progress: progress,
		order: make([][]int32, features), spare: make([][]int32, features), goesLeft: make([]bool, rows),
		found: make([]split, features), scan: make([]scanner, features)}
	if t.task == graph.Classification {
		g.classes = len(t.labels)
	}
	pool.Run(features, sortTask{g})
	return g.grow(t.outputs())
}

// sortTask sorts the rows by one feature per chunk.
type sortTask struct{ *grower }

func (g sortTask) Chunk(f int) {
	order := make([]int32, len(g.y))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if d := cmp.Compare(g.at(a, f), g.at(b, f)); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	g.order[f], g.spare[f] = order, make([]int32, len(g.y))
	g.scan[f] = newScanner(g.classes)
}

func (g *grower) at(row int32, f int) float32 { return g.x[int(row)*g.features+f] }

// pending is a node that waits to be split: a segment of the orders.
type pending struct{ node, from, to, depth int }

func (g *grower) grow(width int) *tree {
	t := &tree{width: width, nodes: []treeNode{{}}, values: make([]float32, width)}
	done, shown := 0, 0
	for stack := []pending{{0, 0, len(g.y), 0}}; len(stack) > 0; {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		g.from, g.to = p.from, p.to
		s := g.best(p.depth)
		if s.feature < 0 {
			g.leaf(t.values[p.node*width : (p.node+1)*width])
			done += p.to - p.from
			if percent := done * 100 / len(g.y); g.progress != nil && percent > shown {
				shown = percent
				g.progress(percent, 100, "rows settled")
			}
			continue
		}
		mid := g.part(s)
		left := len(t.nodes)
		t.nodes[p.node] = treeNode{s.feature, s.threshold, left, left + 1}
		t.nodes = append(t.nodes, treeNode{}, treeNode{})
		t.values = append(t.values, make([]float32, 2*width)...)
		stack = append(stack, pending{left + 1, mid, p.to, p.depth + 1}, pending{left, p.from, mid, p.depth + 1})
	}
	return t
}

// best finds the split of the segment in hand; feature -1 says that it is a leaf.
func (g *grower) best(depth int) split {
	none := split{feature: -1}
	if g.maxDepth > 0 && depth >= g.maxDepth || g.to-g.from < 2*g.minLeaf || g.pure() {
		return none
	}
	if g.to-g.from >= parallelRows {
		g.pool.Run(g.features, searchTask{g})
	} else {
		for f := range g.features {
			g.search(f)
		}
	}
	best := none
	for _, s := range g.found {
		if s.feature >= 0 && (best.feature < 0 || s.score > best.score) {
			best = s
		}
	}
	return best
}

// parallelRows is the segment length from which handing features to other threads beats searching alone.
const parallelRows = 256

type searchTask struct{ *grower }

func (g searchTask) Chunk(f int) { g.search(f) }

// pure reports whether all targets of the segment are equal.
func (g *grower) pure() bool {
	rows := g.order[0][g.from:g.to]
	for _, r := range rows {
		if g.y[r] != g.y[rows[0]] {
			return false
		}
	}
	return true
}

// part moves the rows of the left side to the front of the segment in every order, and returns where the right side begins.
func (g *grower) part(s split) int {
	left := 0
	for _, r := range g.order[s.feature][g.from:g.to] {
		g.goesLeft[r] = g.at(r, s.feature) <= s.threshold
		if g.goesLeft[r] {
			left++
		}
	}
	if g.to-g.from >= parallelRows {
		g.pool.Run(g.features, partTask{g})
	} else {
		for f := range g.features {
			partTask{g}.Chunk(f)
		}
	}
	return g.from + left
}

type partTask struct{ *grower }

func (g partTask) Chunk(f int) {
	rows, spare := g.order[f][g.from:g.to], g.spare[f]
	left, right := 0, 0
	for _, r := range rows {
		if g.goesLeft[r] {
			rows[left] = r
			left++
		} else {
			spare[right] = r
			right++
		}
	}
	copy(rows[left:], spare[:right])
}

// leaf writes the value of the segment: the mean, the share of class 1, or the shares of all classes.
func (g *grower) leaf(value []float32) {
	rows := g.order[0][g.from:g.to]
	n := float64(len(rows))
	if g.classes == 0 {
		var sum float64
		for _, r := range rows {
			sum += float64(g.y[r])
		}
		value[0] = float32(sum / n)
		return
	}
	counts := make([]int, g.classes)
	for _, r := range rows {
		counts[int(g.y[r])]++
	}
	if len(value) == 1 {
		value[0] = float32(float64(counts[1]) / n)
		return
	}
	for i, c := range counts {
		value[i] = float32(float64(c) / n)
	}
}
