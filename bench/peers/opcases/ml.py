"""ai.onnx.ml: random models of every operator with a tensor as result."""
import numpy as np
from onnx import numpy_helper

from . import Case

r = np.random.default_rng(11)  # of its own: a case that onnxruntime gets wrong must not appear when another module changes
DOMAIN = "ai.onnx.ml"
POSTS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
LABELS = {"classlabels_int64s": [5, 7, 9, 11], "classlabels_strings": ["a", "b", "c", "d"]}


def ml(op, inputs, name="", version=3, **attrs):
    return Case(op, inputs, domain=DOMAIN, version=version, name=name, **attrs)


def x(*shape, scale=3.0):
    return np.asarray(r.standard_normal(shape) * scale, "f4")


def reals(*shape):
    return [float(v) for v in x(*shape, scale=1.0).reshape(-1)]


def forest(leaf, targets, features, modes, trees=7, depth=5, positive=False, double=False):
    """Random trees of one shape: attributes of a TreeEnsembleRegressor (leaf = "target") or -Classifier ("class")."""
    a = {f"nodes_{k}": [] for k in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    w = {f"{leaf}_{k}": [] for k in ("treeids", "nodeids", "ids", "weights")}
    inner = 2**depth - 1
    for tree in range(trees):
        for node in range(2 * inner + 1):
            stays = node < inner and (node == 0 or r.random() < 0.9)
            row = [tree, node, int(r.integers(features)), str(r.choice(modes)) if stays else "LEAF", float(np.float32(r.integers(-6, 7) / 2)),
                   2 * node + 1 if stays else 0, 2 * node + 2 if stays else 0, int(r.integers(2))]
            parent = (node - 1) // 2
            if node and a["nodes_modes"][tree * (2 * inner + 1) + parent] == "LEAF":
                row[3] = "LEAF"  # below a leaf that came early: never reached
            for k, v in zip(a, row):
                a[k].append(v)
            if row[3] == "LEAF":
                for t in range(targets) if leaf == "target" else [int(r.integers(targets))]:
                    # PROBIT of sums near a half is ill-conditioned
                    v = float(np.float32(0.4 * r.random() if positive and leaf == "target" else r.random() if positive else r.standard_normal()))
                    for k, u in zip(w, (tree, node, t, v / trees if positive else v)):
                        w[k].append(u)
    a |= w
    if double:
        for k in ("nodes_values", f"{leaf}_weights"):
            a[k + "_as_tensor"] = numpy_helper.from_array(np.array(a.pop(k), "f8"), k)
    return a


def features(rows, cols, dtype="f4"):
    v = np.round(2 * x(rows, cols)) / 2
    if np.dtype(dtype).kind == "f":
        v[r.random(v.shape) < 0.05] = np.nan
    return v.astype(dtype) if np.dtype(dtype).kind == "f" else np.nan_to_num(v).astype(dtype)


def trees():
    simple, all_modes = ["BRANCH_LEQ"], [f"BRANCH_{m}" for m in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ")]
    for targets in (1, 3):
        for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
            base = {"base_values": reals(targets)}
            yield ml("TreeEnsembleRegressor", [features(70, 5)], n_targets=targets, aggregate_function=aggregate, name=f"{targets} {aggregate}", **base, **forest("target", targets, 5, all_modes))
        for post in POSTS:
            yield ml("TreeEnsembleRegressor", [features(9, 5)], n_targets=targets, post_transform=post, name=f"{targets} {post}", **forest("target", targets, 5, simple, positive=True))
        yield ml("TreeEnsembleRegressor", [features(70, 5, "f8")], n_targets=targets, name=f"{targets} double", **forest("target", targets, 5, simple, double=True))
    for post in POSTS:
        for labels in LABELS:
            yield ml("TreeEnsembleClassifier", [features(33, 4)], outputs=2, post_transform=post, name=f"4 {post} {labels}", **{labels: LABELS[labels]}, **forest("class", 4, 4, all_modes))
            for positive in (False, True):
                if post == "PROBIT":
                    continue  # of two classes onnxruntime leaves one score as it finds it
                yield ml("TreeEnsembleClassifier", [features(33, 4)], outputs=2, post_transform=post, name=f"2 {post} {labels} {positive}", **{labels: LABELS[labels][:2]}, **forest("class", 1, 4, simple, positive=positive))
    for dtype in ("f8", "i8", "i4"):
        yield ml("TreeEnsembleClassifier", [features(33, 4, dtype)], outputs=2, name=dtype, classlabels_int64s=[1, 2, 3], **forest("class", 3, 4, all_modes, double=dtype == "f8"))
    yield ml("TreeEnsembleClassifier", [features(33, 4)], outputs=2, name="base of one", base_values=[0.25], classlabels_int64s=[0, 1], post_transform="LOGISTIC", **forest("class", 1, 4, simple))
    yield ml("TreeEnsembleClassifier", [features(33, 4)], outputs=2, name="base of three", base_values=reals(3), classlabels_int64s=[0, 1, 2], post_transform="SOFTMAX", **forest("class", 3, 4, simple))


def ensembles():
    for dtype in ("f4", "f8"):
        # onnxruntime takes 1 for LOGISTIC and 2 for SOFTMAX, which is not what ONNX says
        for post in (0, 3, 4) if dtype == "f4" else (0,):
            nodes, leaves, members = 15, 16, []
            modes = r.integers(0, 7, nodes).astype("u1")
            for m in modes:
                if m == 6:  # onnxruntime has sets of integers alone
                    members += [float(v) for v in r.choice(np.arange(-3, 4), 4, replace=False)] + [np.nan]
            last = np.arange(nodes) >= 7
            child = lambda k: [int(2 * i + k if not l else 2 * (i - 7) + k - 1) for i, l in enumerate(last)]
            tensors = {"nodes_splits": r.integers(-6, 7, nodes) / 2, "leaf_weights": r.random(leaves) / 2.5, "membership_values": np.array(members)}
            yield ml("TreeEnsemble", [np.round(features(40, 3, dtype))], version=5, name=f"{dtype} {post}", n_targets=2, post_transform=post, aggregate_function=1,
                     nodes_featureids=[int(v) for v in r.integers(0, 3, nodes)], tree_roots=[0], nodes_modes=numpy_helper.from_array(modes, "m"), nodes_truenodeids=child(1),
                     nodes_falsenodeids=child(2), nodes_trueleafs=[int(v) for v in last], nodes_falseleafs=[int(v) for v in last], leaf_targetids=[int(v) for v in r.integers(0, 2, leaves)],
                     nodes_missing_value_tracks_true=[int(v) for v in r.integers(0, 2, nodes)], **{k: numpy_helper.from_array(v.astype(dtype), k) for k, v in tensors.items() if v.size})


def linear():
    for post in POSTS:
        for classes in (1, 2, 3):
            labels = {"classlabels_ints": [5, 7, 9][: max(2, classes)]}
            if post == "PROBIT" and classes == 1:
                continue
            yield ml("LinearClassifier", [x(19, 6, scale=1)], outputs=2, name=f"{classes} {post}", post_transform=post, coefficients=reals(classes, 6), intercepts=reals(classes), **labels)
        yield ml("LinearRegressor", [x(19, 6, scale=1)], name=f"3 {post}", targets=3, post_transform=post, coefficients=reals(3, 6), intercepts=reals(3))
        yield ml("LinearRegressor", [x(19, 6, scale=1)], name=f"1 {post}", post_transform=post, coefficients=reals(6))
    for dtype in ("f8", "i4", "i8"):
        yield ml("LinearClassifier", [features(19, 6, dtype)], outputs=2, name=dtype, coefficients=reals(2, 6), intercepts=reals(2), classlabels_strings=["a", "b"])
    yield ml("LinearClassifier", [x(6)], outputs=2, name="a vector", coefficients=reals(2, 6), intercepts=reals(2), classlabels_strings=["a", "b"])


def machines():
    kernels = {"LINEAR": [0.0, 0, 0], "POLY": [0.25, 0.5, 3], "RBF": [0.25, 0, 0], "SIGMOID": [0.25, 0.125, 0]}
    for kernel, params in kernels.items():
        common = dict(kernel_type=kernel, kernel_params=[float(v) for v in params])
        yield ml("SVMRegressor", [x(80, 5, scale=1)], name=kernel, n_supports=9, support_vectors=reals(9, 5), coefficients=reals(9), rho=[0.5], **common)
        yield ml("SVMRegressor", [x(80, 5, scale=1)], name=f"{kernel} one class", n_supports=9, support_vectors=reals(9, 5), coefficients=reals(9), rho=[0.5], one_class=1, **common)
        for classes in (2, 3, 4):
            per = [int(v) for v in r.integers(1, 5, classes)]
            pairs = classes * (classes - 1) // 2
            model = dict(vectors_per_class=per, support_vectors=reals(sum(per), 5), coefficients=reals(classes - 1, sum(per)), rho=reals(pairs), classlabels_ints=[5, 7, 9, 11][:classes])
            yield ml("SVMClassifier", [x(80, 5, scale=1)], outputs=2, name=f"{kernel} {classes}", **model, **common)
            yield ml("SVMClassifier", [x(80, 5, scale=1)], outputs=2, name=f"{kernel} {classes} probabilities", prob_a=[-abs(v) for v in reals(pairs)], prob_b=reals(pairs), **model, **common)
            if kernel == "RBF":
                for post in POSTS[1:4]:
                    yield ml("SVMClassifier", [x(80, 5, scale=1)], outputs=2, name=f"{kernel} {classes} {post}", post_transform=post, **model, **common)
    yield ml("SVMRegressor", [x(7, 5)], name="linear", coefficients=reals(5), rho=[0.5], kernel_params=[0.0, 0.0, 0.0], n_supports=0)
    for classes in (2, 3):
        yield ml("SVMClassifier", [features(7, 5, "f8")], outputs=2, name=f"linear {classes}", coefficients=reals(classes, 5), rho=[0.5], kernel_params=[0.0, 0.0, 0.0], classlabels_strings=["a", "b", "c"][:classes])


def preprocessing():
    v = x(5, 4)
    for dtype in ("f4", "f8", "i4", "i8"):
        yield ml("Scaler", [v.astype(dtype)], name=dtype, offset=reals(4), scale=reals(4))
        for norm in ("MAX", "L1", "L2"):
            yield ml("Normalizer", [v.astype(dtype)], name=f"{norm} {dtype}", norm=norm)
        yield ml("FeatureVectorizer", [v.astype(dtype), v[:, :2].astype(dtype)], name=dtype, inputdimensions=[4, 3])
        yield ml("ArrayFeatureExtractor", [v.astype(dtype), np.array([[3, 0, 3]])], name=dtype)
    yield ml("Binarizer", [v], threshold=0.5)
    yield ml("Imputer", [features(9, 3)], imputed_value_floats=reals(3), replaced_value_float=float("nan"))
    yield ml("Imputer", [features(9, 3, "i8")], imputed_value_int64s=[7], replaced_value_int64=1)
    for dtype in ("f4", "f8", "i8"):
        yield ml("OneHotEncoder", [features(9, 2, dtype)], name=dtype, cats_int64s=[-1, 3, 0, 2])
    yield ml("OneHotEncoder", [np.array([["b", "?"], ["a", ""]])], name="text", cats_strings=["a", "b", "c"])
    keys = {"strings": ["a", "b"], "int64s": [3, 4], "floats": [0.5, float("nan")]}
    inputs = {"strings": np.array(["b", "a", "?"]), "int64s": np.array([4, 3, 0]), "floats": np.array([np.nan, 0.5, 1], "f4")}
    for k in keys:
        for value in keys:
            if k != value or k != "floats":
                yield ml("LabelEncoder", [inputs[k]], version=4, name=f"{k} {value}", **{f"keys_{k}": keys[k], f"values_{value}": keys[value][::-1]})
    tensor = lambda v: numpy_helper.from_array(v, "v")
    yield ml("LabelEncoder", [np.array([1.5, np.nan, 3])], version=4, name="tensors", keys_tensor=tensor(np.array([np.nan, 1.5])), values_tensor=tensor(np.array([4.0, 5])), default_tensor=tensor(np.array([-1.0])))
    for inp in (np.array([2, 1, 9]), np.array(["b", "a", "?"])):
        yield ml("CategoryMapper", [inp], name=inp.dtype.kind, cats_int64s=[1, 2], cats_strings=["a", "b"])
        yield ml("LabelEncoder", [inp], version=1, name=f"classes {inp.dtype.kind}", classes_strings=["a", "b", "c"])


def cases():
    for family in (trees, ensembles, linear, machines, preprocessing):
        yield from family()
