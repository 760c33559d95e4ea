package ops_test

import (
	"maps"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func reals(v ...float32) graph.Attr { return graph.Floats(v) }

func tensorAttr(t *tensor.Tensor) graph.Attr { return graph.Attr{Kind: graph.AttrTensor, Tensor: t} }

func also(a map[string]graph.Attr, more map[string]graph.Attr) map[string]graph.Attr {
	a = maps.Clone(a)
	maps.Copy(a, more)
	return a
}

// mode is stump with another comparison, x0 ? 1 : 10 and 20, and the side of NaN.
func mode(m string, nanTrue int64) map[string]graph.Attr {
	return also(stump(), attrs("nodes_modes", strs(m, "LEAF", "LEAF"), "nodes_missing_value_tracks_true", graph.Ints(nanTrue, 0, 0)))
}

// voteTree is x0 <= 0 ? leaf 1 : leaf 2, whose weights of classes are given.
func voteTree(labels graph.Attr, ids []int64, first, second []float32, more ...any) map[string]graph.Attr {
	n := len(ids)
	nodes := make([]int64, 2*n)
	for i := range nodes {
		nodes[i] = int64(1 + i/n)
	}
	a := attrs("nodes_treeids", graph.Ints(0, 0, 0), "nodes_nodeids", graph.Ints(0, 1, 2), "nodes_featureids", graph.Ints(0, 0, 0),
		"nodes_modes", strs("BRANCH_LEQ", "LEAF", "LEAF"), "nodes_values", reals(0, 0, 0), "nodes_truenodeids", graph.Ints(1, 0, 0),
		"nodes_falsenodeids", graph.Ints(2, 0, 0), "class_treeids", graph.Ints(make([]int64, 2*n)...), "class_nodeids", graph.Ints(nodes...),
		"class_ids", graph.Ints(append(append([]int64(nil), ids...), ids...)...), "class_weights", reals(append(append([]float32(nil), first...), second...)...))
	if labels.Kind == graph.AttrInts {
		a["classlabels_int64s"] = labels
	} else {
		a["classlabels_strings"] = labels
	}
	return also(a, attrs(more...))
}

// ensemble is a TreeEnsemble of one node and two leaves of target 0.
func ensemble(mode uint8, split float64, more ...any) map[string]graph.Attr {
	a := attrs("n_targets", graph.Int(1), "tree_roots", graph.Ints(0), "nodes_featureids", graph.Ints(0), "nodes_modes", tensorAttr(list(mode)),
		"nodes_splits", tensorAttr(list(split)), "nodes_truenodeids", graph.Ints(0), "nodes_trueleafs", graph.Ints(1), "nodes_falsenodeids", graph.Ints(1),
		"nodes_falseleafs", graph.Ints(1), "leaf_targetids", graph.Ints(0, 0), "leaf_weights", tensorAttr(list(10.0, 20.0)))
	return also(a, attrs(more...))
}

// twoTrees is x0 <= 0 ? {t0: 1} : {t0: 2, t1: -3} and a leaf {t0: 5}.
func twoTrees(more ...any) map[string]graph.Attr {
	a := attrs("n_targets", graph.Int(2), "nodes_treeids", graph.Ints(0, 0, 0, 1), "nodes_nodeids", graph.Ints(0, 1, 2, 0), "nodes_featureids", graph.Ints(0, 0, 0, 0),
		"nodes_modes", strs("BRANCH_LEQ", "LEAF", "LEAF", "LEAF"), "nodes_values", reals(0, 0, 0, 0), "nodes_truenodeids", graph.Ints(1, 0, 0, 0),
		"nodes_falsenodeids", graph.Ints(2, 0, 0, 0), "target_treeids", graph.Ints(0, 0, 0, 1), "target_nodeids", graph.Ints(1, 2, 2, 0),
		"target_ids", graph.Ints(0, 0, 1, 0), "target_weights", reals(1, 2, -3, 5))
	return also(a, attrs(more...))
}

func ml(op, name string, a map[string]graph.Attr, in []*tensor.Tensor, want ...*tensor.Tensor) opCase {
	return opCase{domain: graph.DomainML, op: op, name: name, attrs: a, in: in, want: want}
}

func mlErr(op, name string, a map[string]graph.Attr, in []*tensor.Tensor, err error) opCase {
	return opCase{domain: graph.DomainML, op: op, name: name, attrs: a, in: in, wantErr: err}
}

var (
	signs   = f32([]float32{-1, 1}, 2, 1)
	numbers = graph.Ints(5, 7)
	around1 = f32([]float32{0.5, 1, 1.5, nan}, 4, 1)
	table   = f32([]float32{1, -4, 2, 0, 0, 0}, 2, 3)
	dict    = tensor.Compose(tensor.Map, textLine("b", "a", "x"), vec(1, 2, 3))
	sparse  = tensor.Compose(tensor.Map, list[int64](3, 0), vec(1.5, -2))
)

func column(v ...float32) *tensor.Tensor { return f32(v, len(v), 1) }

// mlCases: ai.onnx.ml. Scores of classifiers are those of ONNX Runtime 1.32.
var mlCases = []opCase{
	ml("Scaler", "float64", attrs("offset", reals(1), "scale", reals(10)), ts(list(1.0, 3)), vec(0, 20)),
	ml("Scaler", "int64", attrs("offset", reals(1, 2), "scale", reals(10, 1)), ts(list[int64](1, 3)), vec(0, 1)),
	ml("Imputer", "float64", attrs("imputed_value_floats", reals(7), "replaced_value_float", graph.Float32(2)), ts(list(1.0, 2)), list(1.0, 7)),
	ml("Imputer", "int32", attrs("imputed_value_int64s", graph.Ints(7, 8), "replaced_value_int64", graph.Int(-1)), ts(list[int32](-1, -1)), list[int32](7, 8)),
	ml("Binarizer", "", attrs("threshold", graph.Float32(1)), ts(vec(1, 1.5, nan, inf)), vec(0, 1, 0, 1)),
	ml("Binarizer", "int64", attrs(), ts(list[int64](0, 3)), list[int64](0, 1)),
	ml("Normalizer", "max", attrs(), ts(table), f32([]float32{0.5, -2, 1, 0, 0, 0}, 2, 3)),
	ml("Normalizer", "L1", attrs("norm", graph.Str("L1")), ts(tensor.Of([]int64{1, -1, 2}, 1, 3)), f32([]float32{0.25, -0.25, 0.5}, 1, 3)),
	ml("Normalizer", "L2", attrs("norm", graph.Str("L2")), ts(list(3.0, -4)), vec(0.6, -0.8)),
	mlErr("Normalizer", "norm", attrs("norm", graph.Str("L3")), ts(table), graph.ErrModel),
	ml("OneHotEncoder", "truncates", attrs("cats_int64s", graph.Ints(1, 0)), ts(vec(1.7, -0.5, nan)), f32([]float32{1, 0, 0, 1, 0, 0}, 3, 2)),
	ml("LabelEncoder", "classes", attrs("classes_strings", strs("a", "b")), ts(list[int64](1, 5)), textLine("b", "_Unused")),
	ml("LabelEncoder", "classes back", attrs("classes_strings", strs("a", "b")), ts(textLine("b", "c")), list[int64](1, -1)),
	ml("LabelEncoder", "NaN and zeros", attrs("keys_floats", reals(nan, 0), "values_strings", strs("n", "z"), "default_string", graph.Str("?")), ts(vec(nan, float32(math.Copysign(0, -1)), 1)), textLine("n", "z", "?")),
	ml("LabelEncoder", "last of equals", attrs("keys_int64s", graph.Ints(1, 1), "values_int64s", graph.Ints(5, 6)), ts(list[int64](1)), list[int64](6)),
	ml("LabelEncoder", "tensors", attrs("keys_tensor", tensorAttr(list[int16](3)), "values_tensor", tensorAttr(list(2.5)), "default_tensor", tensorAttr(list(-1.0))), ts(list[int16](3, 4)), list(2.5, -1)),
	mlErr("LabelEncoder", "lengths", attrs("keys_int64s", graph.Ints(1, 1), "values_int64s", graph.Ints(5)), ts(list[int64](1)), graph.ErrModel),
	mlErr("LabelEncoder", "dtype", attrs("keys_int64s", graph.Ints(1), "values_int64s", graph.Ints(5)), ts(textLine("1")), graph.ErrModel),
	ml("CategoryMapper", "", attrs("cats_int64s", graph.Ints(1, 2), "cats_strings", strs("a", "b")), ts(list[int64](2, 3)), textLine("b", "_Unused")),
	ml("CategoryMapper", "back", attrs("cats_int64s", graph.Ints(1, 2), "cats_strings", strs("a", "b"), "default_int64", graph.Int(9)), ts(textLine("b", "c")), list[int64](2, 9)),
	ml("ArrayFeatureExtractor", "", attrs(), ts(table, list[int64](2, 0)), f32([]float32{2, 1, 0, 0}, 2, 2)),
	ml("ArrayFeatureExtractor", "vector of text", attrs(), ts(textLine("a", "b"), list[int64](1)), tensor.OfStrings([]string{"b"}, 1, 1)),
	mlErr("ArrayFeatureExtractor", "beyond", attrs(), ts(table, list[int64](3)), graph.ErrInput),
	ml("FeatureVectorizer", "", attrs("inputdimensions", graph.Ints(1, 3)), ts(tensor.Of([]int64{1, 2, 3, 4}, 2, 2), tensor.Of([]float64{5, 6, 7, 8}, 2, 2)), f32([]float32{1, 5, 6, 0, 3, 7, 8, 0}, 2, 4)),
	mlErr("FeatureVectorizer", "rows", attrs("inputdimensions", graph.Ints(1, 3)), ts(table, vec(1)), graph.ErrModel),
	ml("ZipMap", "", attrs("classlabels_int64s", numbers), ts(f32([]float32{1, 2, 3, 4}, 2, 2)), tensor.Compose(tensor.Sequence,
		tensor.Compose(tensor.Map, list[int64](5, 7), vec(1, 2)), tensor.Compose(tensor.Map, list[int64](5, 7), vec(3, 4)))),
	mlErr("ZipMap", "labels", attrs("classlabels_int64s", numbers), ts(table), graph.ErrModel),
	{domain: graph.DomainML, op: "DictVectorizer", consts: []int{0}, attrs: attrs("string_vocabulary", strs("a", "c", "b")), in: ts(dict), want: ts(f32([]float32{2, 0, 1}, 1, 3))},
	mlErr("DictVectorizer", "unknown", attrs("string_vocabulary", strs("a", "c", "b")), ts(dict), graph.ErrNeedsValue),
	{domain: graph.DomainML, op: "CastMap", consts: []int{0}, attrs: attrs(), in: ts(sparse), want: ts(f32([]float32{-2, 1.5}, 1, 2))},
	ml("CastMap", "sparse", attrs("map_form", graph.Str("SPARSE"), "max_map", graph.Int(3), "cast_to", graph.Str("TO_INT64")), ts(sparse), tensor.Of([]int64{-2, 0, 0}, 1, 3)),
	ml("CastMap", "text", attrs("map_form", graph.Str("SPARSE"), "max_map", graph.Int(2), "cast_to", graph.Str("TO_STRING")), ts(sparse), tensor.OfStrings([]string{"-2.000000", "0.f"}, 1, 2)),

	ml("LinearRegressor", "", attrs("coefficients", reals(1, 2, 3, 4), "intercepts", reals(10, 20), "targets", graph.Int(2)), ts(f32([]float32{1, -1}, 1, 2)), f32([]float32{9, 19}, 1, 2)),
	ml("LinearRegressor", "int64", attrs("coefficients", reals(1, 2)), ts(tensor.Of([]int64{1, 3}, 1, 2)), column(7)),
	mlErr("LinearRegressor", "lengths", attrs("coefficients", reals(1, 2, 3)), ts(f32([]float32{1, -1}, 1, 2)), graph.ErrModel),
	ml("LinearClassifier", "two of one score", attrs("coefficients", reals(1), "intercepts", reals(0.5), "classlabels_ints", numbers), ts(signs), list[int64](5, 7), f32([]float32{1.5, -0.5, -0.5, 1.5}, 2, 2)),
	ml("LinearClassifier", "three", attrs("coefficients", reals(1, 0, -1), "intercepts", reals(0, 0, 0), "classlabels_strings", strs("a", "b", "c"), "post_transform", graph.Str("SOFTMAX_ZERO")), ts(f32([]float32{0}, 1, 1)), textLine("a"), f32([]float32{nan, nan, nan}, 1, 3)),
	ml("LinearClassifier", "softmax", attrs("coefficients", reals(0, 0), "intercepts", reals(3, 3), "classlabels_ints", numbers, "post_transform", graph.Str("SOFTMAX")), ts(signs), list[int64](5, 5), f32([]float32{0.5, 0.5, 0.5, 0.5}, 2, 2)),
	mlErr("LinearClassifier", "labels", attrs("coefficients", reals(0, 0, 1), "intercepts", reals(3, 3, 1), "classlabels_ints", numbers), ts(signs), graph.ErrModel),

	ml("SVMRegressor", "linear", attrs("coefficients", reals(2), "rho", reals(1)), ts(signs), column(-1, 3)),
	ml("SVMRegressor", "poly", attrs("kernel_type", graph.Str("POLY"), "kernel_params", reals(1, 1, 2), "coefficients", reals(1, -1), "support_vectors", reals(1, 3), "n_supports", graph.Int(2), "rho", reals(0.5)), ts(signs), column(-3.5, -11.5)),
	ml("SVMRegressor", "one class", attrs("kernel_type", graph.Str("RBF"), "kernel_params", reals(1, 0, 0), "coefficients", reals(1), "support_vectors", reals(1), "n_supports", graph.Int(1), "rho", reals(-0.5), "one_class", graph.Int(1)), ts(tensor.Of([]float64{-1, 1}, 2, 1)), column(-1, 1)),
	mlErr("SVMRegressor", "vectors", attrs("coefficients", reals(1), "support_vectors", reals(1), "n_supports", graph.Int(1<<31-1), "rho", reals(-0.5)), ts(signs), graph.ErrModel),
	ml("SVMClassifier", "pair", attrs("coefficients", reals(1, -1), "support_vectors", reals(1, -1), "vectors_per_class", graph.Ints(1, 1), "rho", reals(0.5), "classlabels_ints", numbers), ts(signs), list[int64](7, 5), f32([]float32{1.5, -1.5, -2.5, 2.5}, 2, 2)),
	ml("SVMClassifier", "sigmoid of three", attrs("kernel_type", graph.Str("SIGMOID"), "coefficients", reals(1, 1, 1, 1, 1, 1), "support_vectors", reals(1, 2, 3), "vectors_per_class", graph.Ints(1, 1, 1), "rho", reals(1, -1, 1), "classlabels_strings", strs("a", "b", "c")),
		ts(signs), textLine("a", "a"), f32([]float32{1, -1, 1, 1, -1, 1}, 2, 3)),
	ml("SVMClassifier", "probabilities", attrs("coefficients", reals(0, 0), "support_vectors", reals(1, -1), "vectors_per_class", graph.Ints(1, 1), "rho", reals(0), "prob_a", reals(1), "prob_b", reals(0), "classlabels_ints", numbers), ts(signs), list[int64](7, 7), f32([]float32{0.5, 0.5, 0.5, 0.5}, 2, 2)),
	ml("SVMClassifier", "linear", attrs("coefficients", reals(1, -1), "rho", reals(0.25), "classlabels_ints", numbers), ts(signs), list[int64](7, 7), f32([]float32{-0.75, 1.25, 1.25, -0.75}, 2, 2)),
	mlErr("SVMClassifier", "vectors", attrs("coefficients", reals(1, -1), "support_vectors", reals(1, -1), "vectors_per_class", graph.Ints(1<<62, 1<<62), "rho", reals(0.5), "classlabels_ints", numbers), ts(signs), graph.ErrModel),
	mlErr("SVMClassifier", "offsets", attrs("coefficients", reals(1, 1, 1, 1, 1, 1), "support_vectors", reals(1, 2, 3), "vectors_per_class", graph.Ints(1, 1, 1), "rho", reals(1), "classlabels_ints", graph.Ints(1, 2, 3)), ts(signs), graph.ErrModel),

	ml("TreeEnsembleRegressor", "LT", mode("BRANCH_LT", 0), ts(around1), column(10, 20, 20, 20)),
	ml("TreeEnsembleRegressor", "LT, NaN", mode("BRANCH_LT", 1), ts(around1), column(10, 20, 20, 10)),
	ml("TreeEnsembleRegressor", "GTE", mode("BRANCH_GTE", 0), ts(around1), column(20, 10, 10, 20)),
	ml("TreeEnsembleRegressor", "GTE, NaN", mode("BRANCH_GTE", 1), ts(around1), column(20, 10, 10, 10)),
	ml("TreeEnsembleRegressor", "GT", mode("BRANCH_GT", 0), ts(around1), column(20, 20, 10, 20)),
	ml("TreeEnsembleRegressor", "EQ", mode("BRANCH_EQ", 0), ts(around1), column(20, 10, 20, 20)),
	ml("TreeEnsembleRegressor", "NEQ", mode("BRANCH_NEQ", 0), ts(around1), column(10, 20, 10, 10)),
	ml("TreeEnsembleRegressor", "GTE of −∞", also(mode("BRANCH_GTE", 0), attrs("nodes_values", reals(-inf, 0, 0))), ts(column(-inf, 0, nan)), column(10, 10, 20)),
	ml("TreeEnsembleRegressor", "GT of NaN", also(mode("BRANCH_GT", 1), attrs("nodes_values", reals(nan, 0, 0))), ts(column(-inf, 0, nan)), column(20, 20, 10)),
	ml("TreeEnsembleRegressor", "integers", mode("BRANCH_LEQ", 0), ts(tensor.Of([]int64{1, 2}, 2, 1)), column(10, 20)),
	ml("TreeEnsembleRegressor", "a threshold between floats", also(mode("BRANCH_LEQ", 0), attrs("nodes_values_as_tensor", tensorAttr(list(1-1e-12, 0, 0)))), ts(around1), column(10, 20, 20, 20)),
	ml("TreeEnsembleRegressor", "sum", twoTrees("base_values", reals(0.5, 1)), ts(signs), f32([]float32{6.5, 1, 7.5, -2}, 2, 2)),
	ml("TreeEnsembleRegressor", "average", twoTrees("aggregate_function", graph.Str("AVERAGE")), ts(signs), f32([]float32{3, 0, 3.5, -1.5}, 2, 2)),
	ml("TreeEnsembleRegressor", "least", twoTrees("aggregate_function", graph.Str("MIN")), ts(signs), f32([]float32{1, 0, 2, -3}, 2, 2)),
	ml("TreeEnsembleRegressor", "largest", twoTrees("aggregate_function", graph.Str("MAX")), ts(signs), f32([]float32{5, 0, 5, -3}, 2, 2)),
	ml("TreeEnsembleRegressor", "logistic", twoTrees("post_transform", graph.Str("LOGISTIC"), "base_values", reals(-inf, 0)), ts(f32([]float32{-1}, 1, 1)), f32([]float32{0, 0.5}, 1, 2)),
	mlErr("TreeEnsembleRegressor", "target", twoTrees("n_targets", graph.Int(1)), ts(signs), graph.ErrModel),
	ml("TreeEnsembleRegressor", "a leaf without a parent", twoTrees("nodes_treeids", graph.Ints(0, 0, 0, 0), "nodes_nodeids", graph.Ints(1, 2, 3, 0), "nodes_truenodeids", graph.Ints(2, 0, 0, 0),
		"nodes_falsenodeids", graph.Ints(3, 0, 0, 0), "target_nodeids", graph.Ints(2, 3, 3, 0), "target_treeids", graph.Ints(0, 0, 0, 0)), ts(signs), f32([]float32{1, 0, 2, -3}, 2, 2)),
	mlErr("TreeEnsembleRegressor", "two parents", twoTrees("nodes_modes", strs("BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF"), "nodes_truenodeids", graph.Ints(1, 0, 0, 0), "nodes_falsenodeids", graph.Ints(1, 2, 0, 0)), ts(signs), graph.ErrModel),

	ml("TreeEnsembleClassifier", "one class, positive", voteTree(numbers, []int64{0}, []float32{0.25}, []float32{0.75}), ts(signs), list[int64](5, 7), f32([]float32{0.75, 0.25, 0.25, 0.75}, 2, 2)),
	ml("TreeEnsembleClassifier", "one class, signed", voteTree(strs("a", "b"), []int64{0}, []float32{-0.25}, []float32{0.75}), ts(signs), textLine("a", "b"), f32([]float32{0.25, -0.25, -0.75, 0.75}, 2, 2)),
	ml("TreeEnsembleClassifier", "the second class", voteTree(numbers, []int64{1}, []float32{0.25}, []float32{0.75}), ts(signs), list[int64](5, 7), f32([]float32{0, 0.25, 0, 0.75}, 2, 2)),
	ml("TreeEnsembleClassifier", "base", voteTree(numbers, []int64{0}, []float32{-0.25}, []float32{0.75}, "base_values", reals(0.5)), ts(signs), list[int64](7, 7), f32([]float32{-0.25, 0.25, -1.25, 1.25}, 2, 2)),
	ml("TreeEnsembleClassifier", "both classes", voteTree(numbers, []int64{0, 1}, []float32{0.75, 0.25}, []float32{0.25, 0.75}), ts(tensor.Of([]float64{-1, 1}, 2, 1)), list[int64](5, 7), f32([]float32{0.75, 0.25, 0.25, 0.75}, 2, 2)),
	ml("TreeEnsembleClassifier", "unseen classes lose", voteTree(graph.Ints(1, 2, 3), []int64{1}, []float32{-1}, []float32{-2}), ts(signs), list[int64](2, 2), f32([]float32{0, -1, 0, 0, -2, 0}, 2, 3)),
	ml("TreeEnsembleClassifier", "softmax in float64", voteTree(graph.Ints(1, 2, 3), []int64{0, 1, 2}, []float32{1, 1, -200}, []float32{-200, 1, 1}, "post_transform", graph.Str("SOFTMAX")), ts(tensor.Of([]float64{-1, 1}, 2, 1)), list[int64](1, 2), f32([]float32{0.5, 0.5, 0, 0, 0.5, 0.5}, 2, 3)),
	mlErr("TreeEnsembleClassifier", "base", voteTree(graph.Ints(1, 2, 3), []int64{1}, []float32{-1}, []float32{-2}, "base_values", reals(1)), ts(signs), graph.ErrModel),
	mlErr("TreeEnsembleClassifier", "labels", voteTree(graph.Ints(), []int64{1}, []float32{-1}, []float32{-2}), ts(signs), graph.ErrModel),

	ml("TreeEnsemble", "float64", ensemble(0, 1.5), ts(tensor.Of([]float64{1.5, 1.6}, 2, 1)), tensor.Of([]float64{10, 20}, 2, 1)),
	ml("TreeEnsemble", "float16", ensemble(3, 1), ts(tensor.Of([]tensor.F16{halfOne, halfTwo}, 2, 1)), tensor.Of([]tensor.F16{tensor.ToF16(20), tensor.ToF16(10)}, 2, 1)),
	ml("TreeEnsemble", "members", ensemble(6, 0, "membership_values", tensorAttr(list(2.5, -1, float64(nan), 7))), ts(column(-1, 0, 2.5, 7, nan)), column(10, 20, 10, 20, 20)),
	ml("TreeEnsemble", "no members", ensemble(6, 0, "nodes_missing_value_tracks_true", graph.Ints(1)), ts(column(0, nan)), column(20, 10)),
	mlErr("TreeEnsemble", "leaf", ensemble(0, 1, "nodes_falsenodeids", graph.Ints(2)), ts(signs), graph.ErrModel),
	mlErr("TreeEnsemble", "itself", ensemble(0, 1, "nodes_falsenodeids", graph.Ints(0), "nodes_falseleafs", graph.Ints(0)), ts(signs), graph.ErrModel),
	mlErr("TreeEnsemble", "root", ensemble(0, 1, "tree_roots", graph.Ints(1)), ts(signs), graph.ErrModel),
}
