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

// treeNode is a branch, whose true child follows it, or a leaf, which has a range of weights.
type treeNode[T floating] struct {
	value   T // threshold of a branch; weight of a leaf of a single target
	feature int32
	other   int32 // of a branch: the false child; of a leaf: its first weight
	count   int32 // of a leaf: its number of weights; of membership: the set
	mode    branchMode
	nanTrue bool
}

type leafWeight[T floating] struct {
	value  T
	target int32
}

// trees is the kernel of all three operators. Branches are normalised to x <= value with a side for NaN, except for equality and
// membership.
type trees[T floating] struct {
	nodes   []treeNode[T]
	roots   []int32
	leaves  []leafWeight[T]
	sets    [][]T // ascending
	base    []T
	simple  bool // all branches are x <= value with NaN on the false side
	combine aggregate
	post    postTransform
	targets int
	labels  classLabels
	binary  binaryCase
	scored  int // the class that has weights where binary
	pool    *kernels.Pool
	jobs    sync.Pool // of *treeJob[T]
}

// holds reports whether the comparison of a branch is true.
func (e *trees[T]) holds(n *treeNode[T], v T) bool {
	if v != v && n.nanTrue {
		return true
	}
	switch n.mode {
	case branchLEQ:
		return v <= n.value
	case branchEQ:
		return v == n.value
	case branchNEQ:
		return v != n.value
	}
	_, found := slices.BinarySearch(e.sets[n.count], v)
	return found && v == v
}

// leaf walks a tree.
func (e *trees[T]) leaf(at int32, row []T) *treeNode[T] {
	n := &e.nodes[at]
	if e.simple {
		for n.mode != branchLeaf {
			if row[n.feature] <= n.value {
				at++
			} else {
				at = n.other
			}
			n = &e.nodes[at]
		}
		return n
	}
	for n.mode != branchLeaf {
		if e.holds(n, row[n.feature]) {
			at++
		} else {
			at = n.other
		}
		n = &e.nodes[at]
	}
	return n
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
	if width == 1 && (e.combine == combineSum || e.combine == combineAverage) {
		j.sumSingle(first, last)
	} else {
		for _, root := range e.roots {
			for r := first; r < last; r++ {
				leaf := e.leaf(root, j.x[r*j.cols:(r+1)*j.cols])
				sum, seen := j.sum[r*width:(r+1)*width], j.seen[r*width:(r+1)*width]
				for _, w := range e.leaves[leaf.other : leaf.other+leaf.count] {
					sum[w.target] = aggregated(e.combine, sum[w.target], w.value, seen[w.target])
					seen[w.target] = true
				}
			}
		}
	}
	for r := first; r < last; r++ {
		e.finish(j.out, r, j.sum[r*width:(r+1)*width], j.seen[r*width:(r+1)*width])
	}
}

// sumSingle adds the weights of leaves of one target.
func (j *treeJob[T]) sumSingle(first, last int) {
	e := j.e
	for _, root := range e.roots {
		for r := first; r < last; r++ {
			j.sum[r] += e.leaf(root, j.x[r*j.cols:(r+1)*j.cols]).value
		}
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
	j := e.jobs.Get().(*treeJob[T])
	defer e.jobs.Put(j)
	scores := out[len(out)-1]
	j.e, j.out, j.cols = e, out, features(in[0].Shape)
	n := scores.Shape[0] * e.targets
	switch j := any(j).(type) {
	case *treeJob[float64]:
		j.x = tensor.Data[float64](in[0])
		j.sum, scratch = tensor.Data[float64](&tensor.Tensor{DType: tensor.Float64, Bytes: scratch[:8*n]}), scratch[8*n:]
	case *treeJob[float32]:
		j.x, scratch = featuresF32(in[0], scratch)
		j.sum, scratch = floats(scratch[:4*n]), scratch[4*n:]
	}
	j.seen = tensor.Data[bool](&tensor.Tensor{DType: tensor.Bool, Bytes: scratch[:n]})
	clear(j.sum)
	clear(j.seen)
	if n > 0 {
		e.pool.Run((scores.Shape[0]+treeRows-1)/treeRows, j)
	}
	j.x, j.sum, j.seen, j.out = nil, nil, nil, nil
	return nil
}
