package ops

import (
	"sort"

	"github.com/hotpath/hotpath/graph"
)

// treeAttrs are the parallel arrays of a TreeEnsembleRegressor.
type treeAttrs struct {
	treeIDs, nodeIDs, features, trueIDs, falseIDs, missing []int64
	modes                                                  []string
	values                                                 []float32
	leafTrees, leafNodes, leafTargets                      []int64
	leafWeights                                            []float32
	base                                                   []float32
}

func readTreeAttrs(n *graph.Node) (a treeAttrs, err error) {
	ints := map[string]*[]int64{
		"nodes_treeids": &a.treeIDs, "nodes_nodeids": &a.nodeIDs, "nodes_featureids": &a.features,
		"nodes_truenodeids": &a.trueIDs, "nodes_falsenodeids": &a.falseIDs, "nodes_missing_value_tracks_true": &a.missing,
		"target_treeids": &a.leafTrees, "target_nodeids": &a.leafNodes, "target_ids": &a.leafTargets,
	}
	for name, to := range ints {
		if *to, err = n.IntsAttr(name); err != nil {
			return a, err
		}
	}
	floats := map[string]*[]float32{"nodes_values": &a.values, "target_weights": &a.leafWeights, "base_values": &a.base}
	for name, to := range floats {
		if *to, err = n.FloatsAttr(name); err != nil {
			return a, err
		}
	}
	if a.modes, err = n.StringsAttr("nodes_modes"); err != nil {
		return a, err
	}
	count := len(a.nodeIDs)
	for _, got := range []int{len(a.treeIDs), len(a.features), len(a.trueIDs), len(a.falseIDs), len(a.modes), len(a.values)} {
		if got != count {
			return a, modelErr(n, "node arrays have different lengths (%d and %d)", count, got)
		}
	}
	if len(a.missing) != 0 && len(a.missing) != count {
		return a, modelErr(n, "nodes_missing_value_tracks_true has %d entries for %d nodes", len(a.missing), count)
	}
	for _, got := range []int{len(a.leafNodes), len(a.leafTargets), len(a.leafWeights)} {
		if got != len(a.leafTrees) {
			return a, modelErr(n, "target arrays have different lengths (%d and %d)", len(a.leafTrees), got)
		}
	}
	return a, nil
}

type nodeKey struct{ tree, node int64 }

// readTrees checks the ensemble once, so that running needs no checks: every branch leads forward in its tree to
// existing nodes without a cycle, features and targets are in range.
func readTrees(n *graph.Node, featureCount int) (*treeEnsemble, error) {
	a, err := readTreeAttrs(n)
	if err != nil {
		return nil, err
	}
	targets, err := n.IntAttr("n_targets", 0)
	if err != nil {
		return nil, err
	}
	e := &treeEnsemble{targets: int(targets), base: make([]float32, targets)}
	if len(a.base) != 0 && len(a.base) != int(targets) {
		return nil, modelErr(n, "base_values has %d entries for %d targets", len(a.base), targets)
	}
	copy(e.base, a.base)
	if agg, err := n.StringAttr("aggregate_function", "SUM"); err != nil || agg != "SUM" {
		return nil, unsupported(n, "aggregate_function %q", agg)
	}
	switch post, err := n.StringAttr("post_transform", "NONE"); {
	case err != nil:
		return nil, err
	case post == "LOGISTIC":
		e.logistic = true
	case post != "NONE":
		return nil, unsupported(n, "post_transform %q", post)
	}

	index := make(map[nodeKey]int32, len(a.nodeIDs))
	for i := range a.nodeIDs {
		k := nodeKey{a.treeIDs[i], a.nodeIDs[i]}
		if _, dup := index[k]; dup {
			return nil, modelErr(n, "tree %d has node %d twice", k.tree, k.node)
		}
		index[k] = int32(i)
	}
	byLeaf := make(map[nodeKey][]leafWeight)
	for i := range a.leafTrees {
		if t := a.leafTargets[i]; t < 0 || t >= targets {
			return nil, modelErr(n, "target id %d, expected 0 to %d", t, targets-1)
		}
		k := nodeKey{a.leafTrees[i], a.leafNodes[i]}
		byLeaf[k] = append(byLeaf[k], leafWeight{int32(a.leafTargets[i]), a.leafWeights[i]})
	}

	isChild := make([]bool, len(a.nodeIDs))
	e.nodes = make([]treeNode, len(a.nodeIDs))
	for i := range e.nodes {
		k := nodeKey{a.treeIDs[i], a.nodeIDs[i]}
		if a.modes[i] == "LEAF" {
			start := len(e.leaves)
			e.leaves = append(e.leaves, byLeaf[k]...)
			e.nodes[i] = treeNode{feature: -1, left: int32(start), right: int32(len(e.leaves))}
			continue
		}
		mode, ok := branchModes[a.modes[i]]
		if !ok {
			return nil, unsupported(n, "node mode %q", a.modes[i])
		}
		if f := a.features[i]; f < 0 || f >= int64(featureCount) {
			return nil, modelErr(n, "tree %d node %d reads feature %d of %d", k.tree, k.node, f, featureCount)
		}
		left, okL := index[nodeKey{k.tree, a.trueIDs[i]}]
		right, okR := index[nodeKey{k.tree, a.falseIDs[i]}]
		if !okL || !okR || isChild[left] || isChild[right] || left == right {
			return nil, modelErr(n, "tree %d node %d: its children %d and %d are not two nodes of their own", k.tree, k.node, a.trueIDs[i], a.falseIDs[i])
		}
		isChild[left], isChild[right] = true, true
		e.nodes[i] = treeNode{feature: int32(a.features[i]), mode: mode, threshold: a.values[i], left: left, right: right}
		if a.missing != nil {
			e.nodes[i].missingTrue = a.missing[i] != 0
		}
	}
	// Every node has at most one parent, so what hangs below a node without a parent is a tree; a cycle would be a
	// component without such a node.
	reached := 0
	for i := range e.nodes {
		if !isChild[i] {
			e.roots = append(e.roots, int32(i))
			reached += e.count(int32(i))
		}
	}
	if reached != len(e.nodes) {
		return nil, modelErr(n, "its nodes contain a cycle")
	}
	sort.SliceStable(e.roots, func(i, j int) bool { return a.treeIDs[e.roots[i]] < a.treeIDs[e.roots[j]] })
	return e, nil
}

// count is the number of nodes below and including one, without recursion: depth is the model's to choose.
func (e *treeEnsemble) count(root int32) int {
	total := 0
	for stack := []int32{root}; len(stack) > 0; {
		n := e.nodes[stack[len(stack)-1]]
		stack = stack[:len(stack)-1]
		total++
		if n.feature >= 0 {
			stack = append(stack, n.left, n.right)
		}
	}
	return total
}
