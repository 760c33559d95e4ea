package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opTreeRegressor sums, per target, the weights of the leaves that a row of features reaches in every tree.
//
// Nodes are stored in one array; a branch compares one feature with a threshold, a leaf names a range of (target,
// weight) pairs. Trees are visited in the order of their ids, so the f32 sums have one order.
// ONNX ai.onnx.ml TreeEnsembleRegressor, aggregate SUM.
var opTreeRegressor = &Op{
	Name: "tree_ensemble_regressor", Domain: graph.DomainML, Type: "TreeEnsembleRegressor", Since: 1,
	Rows: rowsFeature,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		if len(in[0].Shape) != 2 {
			return nil, modelErr(n, "shape %v, expected a matrix", in[0].Shape)
		}
		targets, err := n.IntAttr("n_targets", 0)
		if err != nil {
			return nil, err
		}
		if targets < 1 || targets > maxTargets {
			return nil, modelErr(n, "n_targets is %d, expected 1 to %d", targets, maxTargets)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: []int{in[0].Shape[0], int(targets)}}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		e, err := readTrees(n, in[0].Shape[1])
		if err != nil {
			return nil, err
		}
		return e, nil
	},
}

const maxTargets = 1 << 16

// treeNode is a branch (feature >= 0) or a leaf (feature < 0, leaves[left:right]).
type treeNode struct {
	feature     int32
	mode        branchMode
	missingTrue bool
	threshold   float32
	left, right int32 // node if the comparison holds, node if not
}

type leafWeight struct {
	target int32
	weight float32
}

type treeEnsemble struct {
	nodes    []treeNode
	leaves   []leafWeight
	roots    []int32
	base     []float32
	targets  int
	logistic bool
}

type branchMode uint8

const (
	branchLEQ branchMode = iota
	branchLT
	branchGTE
	branchGT
	branchEQ
	branchNEQ
)

var branchModes = map[string]branchMode{
	"BRANCH_LEQ": branchLEQ, "BRANCH_LT": branchLT, "BRANCH_GTE": branchGTE,
	"BRANCH_GT": branchGT, "BRANCH_EQ": branchEQ, "BRANCH_NEQ": branchNEQ,
}

func (n *treeNode) holds(v float32) bool {
	if v != v {
		return n.missingTrue
	}
	switch n.mode {
	case branchLEQ:
		return v <= n.threshold
	case branchLT:
		return v < n.threshold
	case branchGTE:
		return v >= n.threshold
	case branchGT:
		return v > n.threshold
	case branchEQ:
		return v == n.threshold
	default:
		return v != n.threshold
	}
}

// Run implements graph.Kernel.
func (e *treeEnsemble) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, y := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	f := in[0].Shape[1]
	for r := range in[0].Shape[0] {
		row, sums := x[r*f:(r+1)*f], y[r*e.targets:(r+1)*e.targets]
		copy(sums, e.base)
		for _, at := range e.roots {
			n := &e.nodes[at]
			for n.feature >= 0 {
				if n.holds(row[n.feature]) {
					n = &e.nodes[n.left]
				} else {
					n = &e.nodes[n.right]
				}
			}
			for _, l := range e.leaves[n.left:n.right] {
				sums[l.target] += l.weight
			}
		}
		if e.logistic {
			kernels.SigmoidF32(sums, sums)
		}
	}
	return nil
}
