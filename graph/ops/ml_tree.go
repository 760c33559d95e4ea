package ops

import (
	"slices"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The tree ensembles of ai.onnx.ml combine, per target or class, the weights of the leaves that a row of features reaches in every tree:
// their sum, average, least or largest. float64 features are compared and summed as such, all others as float32; trees count in the order
// of the file, so that a sum has one order.
//
// A single score takes no transform but PROBIT, as in ONNX Runtime. A classifier of two classes whose weights all belong to one of them
// has its special cases; any other gives the label of the largest score.
var (
	opTreeEnsemble   = &Op{Name: "tree_ensemble", Domain: graph.DomainML, Type: "TreeEnsemble", Since: 5, Rows: rowsFeature, Infer: inferTrees(treesOf), Build: buildTrees(treesOf)}
	opTreeRegressor  = &Op{Name: "tree_ensemble_regressor", Domain: graph.DomainML, Type: "TreeEnsembleRegressor", Since: 1, Rows: rowsFeature, Infer: inferTrees(treeRegressorOf), Build: buildTrees(treeRegressorOf)}
	opTreeClassifier = &Op{Name: "tree_ensemble_classifier", Domain: graph.DomainML, Type: "TreeEnsembleClassifier", Since: 1, Rows: rowsFeature, Infer: inferTrees(treeClassifierOf), Build: buildTrees(treeClassifierOf)}
)

const maxTargets = 1 << 16

// treeHead is what shapes follow from.
type treeHead struct {
	targets int
	labels  classLabels // of a classifier
	wide    bool        // the scores have the features' dtype, else float32
	raw     func() (*rawTrees, error)
}

// inferTrees is the shape rule of an operator that head reads.
func inferTrees(head func(*graph.Node) (treeHead, error)) func(*graph.Node, []graph.Arg) ([]graph.Arg, error) {
	return func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		h, err := head(n)
		if err != nil {
			return nil, err
		}
		dtypes := mlNumbers
		if h.wide {
			dtypes = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16}
		}
		if err := wantDType(n, in, 0, dtypes...); err != nil {
			return nil, err
		}
		if h.targets < 1 || h.targets > maxTargets {
			return nil, modelErr(n, "%d targets, expected 1 to %d", h.targets, maxTargets)
		}
		rows, _, err := matrixOf(n, in[0].Shape)
		if err != nil {
			return nil, err
		}
		scores := graph.Arg{DType: tensor.Float32, Shape: []int{rows, h.targets}}
		if h.wide {
			scores.DType = in[0].DType
		}
		if h.labels.len() == 0 {
			return []graph.Arg{scores}, nil
		}
		return []graph.Arg{{DType: h.labels.dtype(), Shape: []int{rows}}, scores}, nil
	}
}

func buildTrees(head func(*graph.Node) (treeHead, error)) func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
	return func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		h, err := head(n)
		if err != nil {
			return nil, err
		}
		raw, err := h.raw()
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return newTrees[float64](n, in, &h, raw, pool)
		}
		return newTrees[float32](n, in, &h, raw, pool)
	}
}

// treeNode is a branch, whose true child follows it, or a leaf: a branch that never holds and is its own false child, so that a walk may
// stay there while others go on.
type treeNode[T floating] struct {
	value   T // the threshold, NaN of a leaf
	feature int32
	other   int32 // the false child
}

// nodeInfo is what a walk of simple branches does not look at.
type nodeInfo[T floating] struct {
	weight       T     // of a leaf of a single target
	first, count int32 // of a leaf: its weights; of membership: count is the set
	mode         branchMode
	nanTrue      bool
}

type leafWeight[T floating] struct {
	value  T
	target int32
}

// trees is the kernel of all three operators. Branches are normalised to x <= value with a side for NaN, except for equality and
// membership.
type trees[T floating] struct {
	nodes   []treeNode[T]
	info    []nodeInfo[T] // of the same node
	roots   []int32
	weights []leafWeight[T]
	sets    [][]T // ascending
	base    []T
	simple  bool // all branches are x <= value with NaN on the false side
	combine aggregate
	post    postTransform
	targets int
	labels  classLabels
	binary  binaryCase
	scored  int // the class that has weights where binary
	name    string
	cols    int // features that are looked at; a leaf looks at the first one
	pool    *kernels.Pool
	jobs    sync.Pool // of *treeJob[T]
}

// holds reports whether the comparison of a branch is true.
func (e *trees[T]) holds(at int32, v T) bool {
	n, i := &e.nodes[at], &e.info[at]
	if v != v && i.nanTrue {
		return true
	}
	switch i.mode {
	case branchLEQ:
		return v <= n.value
	case branchEQ:
		return v == n.value
	case branchNEQ:
		return v != n.value
	}
	_, found := slices.BinarySearch(e.sets[i.count], v)
	return found && v == v
}

// step is the node behind one of a tree of simple branches; a leaf is behind itself.
func (e *trees[T]) step(at int32, row []T) int32 {
	n := &e.nodes[at]
	var holds int32
	if row[n.feature] <= n.value { // a flag, not a jump: half of these would be mispredicted
		holds = 1
	}
	return n.other ^ (n.other^(at+1))&-holds
}

// walk is all steps of one row, with jumps, which a row alone is faster by.
func (e *trees[T]) walk(at int32, row []T) int32 {
	for {
		n := &e.nodes[at]
		switch {
		case row[n.feature] <= n.value:
			at++
		case n.other == at:
			return at
		default:
			at = n.other
		}
	}
}

// leaf walks a tree of any branches.
func (e *trees[T]) leaf(at int32, row []T) int32 {
	for e.info[at].mode != branchLeaf {
		if e.holds(at, row[e.nodes[at].feature]) {
			at++
		} else {
			at = e.nodes[at].other
		}
	}
	return at
}

// treeWalks is the number of rows that walk a tree of simple branches side by side: a step waits for the memory and the comparison of the
// one before, so one row alone leaves the processor idle. A forest of 100 trees for digits takes 9.5 ms for 1,000 rows, one row after the
// other with jumps 15 (one core of a Xeon with AVX-512).
const treeWalks = 4

// leaves walks a tree for rows of x that lie cols apart and writes the leaves they end in.
func (e *trees[T]) leaves(to []int32, root int32, x []T, cols int) {
	if !e.simple {
		for r := range to {
			to[r] = e.leaf(root, x[r*cols:(r+1)*cols])
		}
		return
	}
	for ; len(to) >= treeWalks; to, x = to[treeWalks:], x[treeWalks*cols:] {
		a, b, c, d := root, root, root, root
		ra, rb, rc, rd := x[:cols], x[cols:2*cols], x[2*cols:3*cols], x[3*cols:4*cols]
		for {
			na, nb, nc, nd := e.step(a, ra), e.step(b, rb), e.step(c, rc), e.step(d, rd)
			if na == a && nb == b && nc == c && nd == d {
				break
			}
			a, b, c, d = na, nb, nc, nd
		}
		to[0], to[1], to[2], to[3] = a, b, c, d
	}
	for r := range to {
		to[r] = e.walk(root, x[r*cols:(r+1)*cols])
	}
}

// treeRows is the number of rows that walk a tree before the next one is touched: the nodes of a tree stay in the first-level cache.
const treeRows = 64

// treeJob is one run, cut into blocks of rows.
type treeJob[T floating] struct {
	e      *trees[T]
	x, sum []T
	seen   []bool // the target has a weight
	cols   int
	out    []*tensor.Tensor
}

// Chunk implements kernels.Task.
func (j *treeJob[T]) Chunk(i int) {
	e := j.e
	width := e.targets
	first, last := i*treeRows, min((i+1)*treeRows, len(j.sum)/width)
	single := width == 1 && (e.combine == combineSum || e.combine == combineAverage)
	var ends [treeRows]int32
	for _, root := range e.roots {
		e.leaves(ends[:last-first], root, j.x[first*j.cols:last*j.cols], j.cols)
		for k, at := range ends[:last-first] {
			leaf, r := &e.info[at], first+k
			if single {
				j.sum[r] += leaf.weight
				continue
			}
			sum, seen := j.sum[r*width:(r+1)*width], j.seen[r*width:(r+1)*width]
			for _, w := range e.weights[leaf.first : leaf.first+leaf.count] {
				sum[w.target] = aggregated(e.combine, sum[w.target], w.value, seen[w.target])
				seen[w.target] = true
			}
		}
	}
	for r := first; r < last; r++ {
		e.finish(j.out, r, j.sum[r*width:(r+1)*width], j.seen[r*width:(r+1)*width])
	}
}

// ScratchBytes implements graph.ScratchKernel: the features as T, a sum and a mark for each score.
func (e *trees[T]) ScratchBytes(args []graph.Arg) int {
	rows := 1
	if len(args[0].Shape) == 2 {
		rows = args[0].Shape[0]
	}
	var zero T
	size := 4
	if _, double := any(zero).(float64); double {
		size = 8
	}
	scores, ok := tensor.Elements([]int{rows, e.targets, size + 1})
	if !ok {
		return halfBytes([]int{-1}) // beyond every limit; the plan refuses it
	}
	return scores + halfBytes([]int{rows, e.targets}) + e.featureBytes(args[0])
}

func (e *trees[T]) featureBytes(a graph.Arg) int {
	if a.DType == tensor.Float64 {
		return 0
	}
	return featuresBytes(a)
}

// Run implements graph.Kernel.
func (e *trees[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	if cols := features(in[0].Shape); cols < e.cols {
		return inputErr(e.name, "%d features, expected at least %d", cols, e.cols)
	}
	j := e.jobs.Get().(*treeJob[T])
	defer e.jobs.Put(j)
	scores := out[len(out)-1]
	j.e, j.out, j.cols = e, out, features(in[0].Shape)
	n := scores.Shape[0] * e.targets
	switch j := any(j).(type) {
	case *treeJob[float64]:
		j.x = tensor.Data[float64](in[0])
		j.sum, scratch = words[float64](scratch[:8*n]), scratch[8*n:]
	case *treeJob[float32]:
		j.x, scratch = featuresF32(in[0], scratch)
		j.sum, scratch = floats(scratch[:4*n]), scratch[4*n:]
	}
	j.seen = words[bool](scratch[:n])
	clear(j.sum)
	clear(j.seen)
	if n > 0 {
		e.pool.Run((scores.Shape[0]+treeRows-1)/treeRows, j)
	}
	j.x, j.sum, j.seen, j.out = nil, nil, nil, nil
	return nil
}
