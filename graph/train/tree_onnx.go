package train

import "github.com/hotpath/hotpath/graph"

// appendTree writes the tree as a TreeEnsembleRegressor of ai.onnx.ml whose targets are the scores, so that regression,
// two and many classes have the same output as every other model: [rows, 1] or [rows, classes].
func appendTree(p *preprocess, t *tree) {
	n := len(t.nodes)
	ids, zeros := make([]int64, n), make([]int64, n)
	features, yes, no := make([]int64, n), make([]int64, n), make([]int64, n)
	thresholds, modes := make([]float32, n), make([]string, n)
	var leafNodes, leafTargets []int64
	var leafWeights []float32
	for i, node := range t.nodes {
		ids[i] = int64(i)
		if node.left == 0 {
			modes[i] = "LEAF"
			for k, v := range t.values[i*t.width : (i+1)*t.width] {
				leafNodes, leafTargets, leafWeights = append(leafNodes, int64(i)), append(leafTargets, int64(k)), append(leafWeights, v)
			}
			continue
		}
		modes[i] = "BRANCH_LEQ"
		features[i], thresholds[i] = int64(node.feature), node.threshold
		yes[i], no[i] = int64(node.left), int64(node.right)
	}
	p.node(graph.DomainML, "TreeEnsembleRegressor", "tree", map[string]graph.Attr{
		"n_targets":          graph.Int(int64(t.width)),
		"aggregate_function": graph.Str("SUM"),
		"post_transform":     graph.Str("NONE"),
		"nodes_treeids":      graph.Ints(zeros...),
		"nodes_nodeids":      graph.Ints(ids...),
		"nodes_featureids":   graph.Ints(features...),
		"nodes_values":       graph.Floats(thresholds),
		"nodes_modes":        graph.Strs(modes),
		"nodes_truenodeids":  graph.Ints(yes...),
		"nodes_falsenodeids": graph.Ints(no...),
		"target_treeids":     graph.Ints(make([]int64, len(leafNodes))...),
		"target_nodeids":     graph.Ints(leafNodes...),
		"target_ids":         graph.Ints(leafTargets...),
		"target_weights":     graph.Floats(leafWeights),
	}, p.value)
	p.output(t.width)
}
