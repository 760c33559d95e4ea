package ops

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

type branchMode uint8

// The order of TreeEnsemble's attribute, then leaves.
const (
	branchLEQ branchMode = iota
	branchLT
	branchGTE
	branchGT
	branchEQ
	branchNEQ
	branchMember
	branchLeaf
)

var branchModes = map[string]branchMode{
	"BRANCH_LEQ": branchLEQ, "BRANCH_LT": branchLT, "BRANCH_GTE": branchGTE,
	"BRANCH_GT": branchGT, "BRANCH_EQ": branchEQ, "BRANCH_NEQ": branchNEQ, "LEAF": branchLeaf,
}

// rawTrees is an ensemble as a file has it.
type rawTrees struct {
	nodes   []rawNode
	roots   []int // nodes
	weights []rawWeight
	sets    [][]float64
	base    []float64
	combine aggregate
	post    postTransform
}

// rawNode is a branch or a leaf, which has weights[first:first+count].
type rawNode struct {
	mode         branchMode
	nanTrue      bool
	feature      int64
	value        float64
	yes, no      int // nodes
	set          int
	first, count int
}

type rawWeight struct {
	target int
	value  float64
}

// realsAttr reads a list of floats, or the tensor of the same name with the suffix.
func realsAttr(n *graph.Node, name, suffix string) ([]float64, error) {
	if a, ok := n.Attrs[name+suffix]; ok && a.Kind == graph.AttrTensor && a.Tensor != nil {
		out := make([]float64, a.Tensor.Len())
		switch t := a.Tensor; t.DType {
		case tensor.Float64:
			copy(out, tensor.Data[float64](t))
		case tensor.Float32, tensor.Float16:
			wide := make([]float32, len(out))
			toF32(wide, t)
			doubles(out, wide)
		default:
			return nil, modelErr(n, "attribute %q is %s", name+suffix, t.DType)
		}
		return out, nil
	}
	list, err := n.FloatsAttr(name)
	out := make([]float64, len(list))
	doubles(out, list)
	return out, err
}

func doubles(dst []float64, x []float32) {
	for i, v := range x {
		dst[i] = float64(v)
	}
}

// treeLists are the parallel arrays of a TreeEnsembleRegressor or -Classifier; leaf lists are named after a target or class.
type treeLists struct {
	treeIDs, nodeIDs, features, yes, no, nanTrue []int64
	modes                                        []string
	values                                       []float64
	leafTrees, leafNodes, leafTargets            []int64
	leafWeights                                  []float64
}

func readTreeLists(n *graph.Node, leaf string) (a treeLists, err error) {
	ints := map[string]*[]int64{
		"nodes_treeids": &a.treeIDs, "nodes_nodeids": &a.nodeIDs, "nodes_featureids": &a.features,
		"nodes_truenodeids": &a.yes, "nodes_falsenodeids": &a.no, "nodes_missing_value_tracks_true": &a.nanTrue,
		leaf + "_treeids": &a.leafTrees, leaf + "_nodeids": &a.leafNodes, leaf + "_ids": &a.leafTargets,
	}
	for name, to := range ints {
		if *to, err = n.IntsAttr(name); err != nil {
			return a, err
		}
	}
	if a.values, err = realsAttr(n, "nodes_values", "_as_tensor"); err != nil {
		return a, err
	}
	if a.leafWeights, err = realsAttr(n, leaf+"_weights", "_as_tensor"); err != nil {
		return a, err
	}
	if a.modes, err = n.StringsAttr("nodes_modes"); err != nil {
		return a, err
	}
	count := len(a.nodeIDs)
	if err := nodeCounts(n, count, len(a.nanTrue), len(a.treeIDs), len(a.features), len(a.yes), len(a.no), len(a.modes), len(a.values)); err != nil {
		return a, err
	}
	for _, got := range []int{len(a.leafNodes), len(a.leafTargets), len(a.leafWeights)} {
		if got != len(a.leafTrees) {
			return a, modelErr(n, "leaf arrays have different lengths (%d and %d)", len(a.leafTrees), got)
		}
	}
	return a, nil
}

type nodeKey struct{ tree, node int64 }

// nodeCounts checks the lengths of lists with an entry for each of count nodes; the one of NaN may be empty.
func nodeCounts(n *graph.Node, count, nanTrue int, others ...int) error {
	for _, got := range others {
		if got != count {
			return modelErr(n, "node arrays have different lengths (%d and %d)", count, got)
		}
	}
	if nanTrue != 0 && nanTrue != count {
		return modelErr(n, "nodes_missing_value_tracks_true has %d entries for %d nodes", nanTrue, count)
	}
	return nil
}

// readTrees reads the arrays; the root of a tree is its first node that no branch leads to, and not a leaf where there are others.
func readTrees(n *graph.Node, leaf string) (*rawTrees, error) {
	a, err := readTreeLists(n, leaf)
	if err != nil {
		return nil, err
	}
	raw := &rawTrees{nodes: make([]rawNode, len(a.nodeIDs))}
	if raw.base, err = realsAttr(n, "base_values", "_as_tensor"); err != nil {
		return nil, err
	}
	index := make(map[nodeKey]int, len(a.nodeIDs))
	for i := range a.nodeIDs {
		k := nodeKey{a.treeIDs[i], a.nodeIDs[i]}
		if _, dup := index[k]; dup {
			return nil, modelErr(n, "tree %d has node %d twice", k.tree, k.node)
		}
		index[k] = i
	}
	ofLeaf := make(map[nodeKey][]rawWeight)
	for i := range a.leafTrees {
		k := nodeKey{a.leafTrees[i], a.leafNodes[i]}
		target := a.leafTargets[i]
		if target < 0 || target >= maxTargets {
			return nil, modelErr(n, "tree %d node %d: target %d", k.tree, k.node, target)
		}
		ofLeaf[k] = append(ofLeaf[k], rawWeight{int(target), a.leafWeights[i]})
	}
	child := make([]bool, len(raw.nodes))
	for i := range raw.nodes {
		node := &raw.nodes[i]
		k := nodeKey{a.treeIDs[i], a.nodeIDs[i]}
		var ok bool
		if node.mode, ok = branchModes[a.modes[i]]; !ok {
			return nil, unsupported(n, "node mode %q", a.modes[i])
		}
		if node.mode == branchLeaf {
			node.first, node.count = len(raw.weights), len(ofLeaf[k])
			raw.weights = append(raw.weights, ofLeaf[k]...)
			continue
		}
		node.feature, node.value, node.nanTrue = a.features[i], a.values[i], len(a.nanTrue) > 0 && a.nanTrue[i] != 0
		var yes, no bool
		node.yes, yes = index[nodeKey{k.tree, a.yes[i]}]
		node.no, no = index[nodeKey{k.tree, a.no[i]}]
		if !yes || !no {
			return nil, modelErr(n, "tree %d node %d: its children %d and %d are not in the tree", k.tree, k.node, a.yes[i], a.no[i])
		}
		child[node.yes], child[node.no] = true, true
	}
	root := map[int64]int{}
	for i, tree := range a.treeIDs {
		if old, ok := root[tree]; !child[i] && (!ok || raw.nodes[old].mode == branchLeaf && raw.nodes[i].mode != branchLeaf) {
			root[tree] = i
		}
	}
	seen := map[int64]bool{}
	for i, tree := range a.treeIDs {
		at, ok := root[tree]
		if !ok {
			return nil, modelErr(n, "tree %d is a cycle around node %d", tree, a.nodeIDs[i])
		}
		if !seen[tree] {
			seen[tree] = true
			raw.roots = append(raw.roots, at)
		}
	}
	return raw, nil
}

func treeRegressorOf(n *graph.Node) (h treeHead, err error) {
	targets, err := n.IntAttr("n_targets", 0)
	if err != nil {
		return h, err
	}
	h.targets = int(min(targets, maxTargets+1))
	combine, err := aggregateOf(n)
	if err != nil {
		return h, err
	}
	post, err := postTransformOf(n)
	h.raw = func() (*rawTrees, error) {
		raw, err := readTrees(n, "target")
		if err != nil {
			return nil, err
		}
		if len(raw.base) != 0 && len(raw.base) != h.targets {
			return nil, modelErr(n, "%d base values for %d targets", len(raw.base), h.targets)
		}
		raw.combine, raw.post = combine, post
		return raw, nil
	}
	return h, err
}

func treeClassifierOf(n *graph.Node) (h treeHead, err error) {
	if h.labels, err = labelsOf(n, "classlabels_int64s", "classlabels_strings"); err != nil {
		return h, err
	}
	h.targets = h.labels.len()
	post, err := postTransformOf(n)
	h.raw = func() (*rawTrees, error) {
		raw, err := readTrees(n, "class")
		if err != nil {
			return nil, err
		}
		if b := len(raw.base); b != 0 && b != h.targets && (b != 1 || h.targets != 2) {
			return nil, modelErr(n, "%d base values for %d classes", b, h.targets)
		}
		raw.combine, raw.post = combineSum, post
		return raw, nil
	}
	return h, err
}

// treeNodeLists are the parallel arrays of a TreeEnsemble.
type treeNodeLists struct {
	roots, features, yes, no, yesLeaf, noLeaf, nanTrue, targets []int64
	modes                                                       []uint8
	splits, weights, members                                    []float64
}

func readTreeNodeLists(n *graph.Node) (a treeNodeLists, err error) {
	ints := map[string]*[]int64{
		"tree_roots": &a.roots, "nodes_featureids": &a.features, "nodes_truenodeids": &a.yes, "nodes_falsenodeids": &a.no,
		"nodes_trueleafs": &a.yesLeaf, "nodes_falseleafs": &a.noLeaf, "nodes_missing_value_tracks_true": &a.nanTrue, "leaf_targetids": &a.targets,
	}
	for name, to := range ints {
		if *to, err = n.IntsAttr(name); err != nil {
			return a, err
		}
	}
	for name, to := range map[string]*[]float64{"nodes_splits": &a.splits, "leaf_weights": &a.weights, "membership_values": &a.members} {
		if *to, err = realsAttr(n, name, ""); err != nil {
			return a, err
		}
	}
	if m, ok := n.Attrs["nodes_modes"]; ok && m.Kind == graph.AttrTensor && m.Tensor != nil && m.Tensor.DType == tensor.Uint8 {
		a.modes = tensor.Data[uint8](m.Tensor)
	}
	count := len(a.features)
	if err := nodeCounts(n, count, len(a.nanTrue), len(a.yes), len(a.no), len(a.yesLeaf), len(a.noLeaf), len(a.modes), len(a.splits)); err != nil {
		return a, err
	}
	if len(a.targets) != len(a.weights) {
		return a, modelErr(n, "%d leaf targets for %d leaf weights", len(a.targets), len(a.weights))
	}
	return a, nil
}

// treesOf reads a TreeEnsemble: its leaves follow the nodes in rawTrees.
func treesOf(n *graph.Node) (h treeHead, err error) {
	targets, err := n.IntAttr("n_targets", 1)
	if err != nil {
		return h, err
	}
	h.targets, h.wide = int(min(targets, maxTargets+1)), true
	combine, err := n.IntAttr("aggregate_function", int64(combineSum))
	if err != nil {
		return h, err
	}
	post, err := n.IntAttr("post_transform", int64(postNone))
	if err != nil {
		return h, err
	}
	if combine < 0 || combine > int64(combineMax) || post < 0 || post > int64(postProbit) {
		return h, modelErr(n, "aggregate function %d and post transform %d", combine, post)
	}
	h.raw = func() (*rawTrees, error) {
		a, err := readTreeNodeLists(n)
		if err != nil {
			return nil, err
		}
		raw, err := a.trees()
		if err != nil {
			return nil, modelErr(n, "%v", err)
		}
		raw.combine, raw.post = aggregate(combine), postTransform(post)
		return raw, nil
	}
	return h, nil
}

func (a *treeNodeLists) trees() (*rawTrees, error) {
	count, leaves := len(a.features), len(a.weights)
	raw := &rawTrees{nodes: make([]rawNode, count, count+leaves)}
	at := func(i int, to []int64, leaf []int64) (int, error) {
		if v := to[i]; leaf[i] != 0 && v >= 0 && v < int64(leaves) {
			return count + int(v), nil
		} else if leaf[i] == 0 && v >= 0 && v < int64(count) {
			return int(v), nil
		}
		return 0, fmt.Errorf("node %d: its child %d is none of %d nodes and %d leaves", i, to[i], count, leaves)
	}
	members := a.members
	for i := range raw.nodes {
		node := &raw.nodes[i]
		node.mode, node.feature, node.value = branchMode(a.modes[i]), a.features[i], a.splits[i]
		node.nanTrue = len(a.nanTrue) > 0 && a.nanTrue[i] != 0
		if node.mode > branchMember {
			return nil, fmt.Errorf("node %d has mode %d", i, a.modes[i])
		}
		if node.mode == branchMember {
			node.set = len(raw.sets)
			end := 0
			for end < len(members) && members[end] == members[end] {
				end++
			}
			raw.sets = append(raw.sets, members[:end])
			members = members[min(end+1, len(members)):]
		}
		var err error
		if node.yes, err = at(i, a.yes, a.yesLeaf); err != nil {
			return nil, err
		}
		if node.no, err = at(i, a.no, a.noLeaf); err != nil {
			return nil, err
		}
	}
	for i, w := range a.weights {
		target := a.targets[i]
		if target < 0 || target >= maxTargets {
			return nil, fmt.Errorf("leaf %d has target %d", i, target)
		}
		raw.nodes = append(raw.nodes, rawNode{mode: branchLeaf, first: i, count: 1})
		raw.weights = append(raw.weights, rawWeight{int(target), w})
	}
	for _, root := range a.roots {
		if root < 0 || root >= int64(count) {
			return nil, fmt.Errorf("root %d of %d nodes", root, count)
		}
		raw.roots = append(raw.roots, int(root))
	}
	return raw, nil
}
