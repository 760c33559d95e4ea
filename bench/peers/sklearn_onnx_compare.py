#!/usr/bin/env python3
"""scikit-learn models as skl2onnx exports them: hotpath and onnxruntime on the same rows.

    python3 bench/peers/sklearn_onnx_compare.py --hotpath bin/hotpath [--only REGEXP] [--verbose]

Fits each estimator on a small data set, exports it for float and double inputs, classifiers with and without ZipMap, and compares what
`hotpath run` answers with onnxruntime: labels and text exactly, numbers to 1e-5 of their magnitude, or of 1 where they are smaller.
Needs scikit-learn and skl2onnx; the data comes with scikit-learn. Exits 1 if a model fails that onnxruntime runs.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnxruntime as ort
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn import (cluster, compose, decomposition, discriminant_analysis, ensemble, feature_extraction, feature_selection, impute,
                     isotonic, linear_model, mixture, multiclass, multioutput, naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm, tree)
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes, load_iris

ort.set_default_logger_severity(4)
warnings.filterwarnings("ignore")
TOLERANCE = 1e-5
ROWS = 40

IRIS = load_iris()
DIABETES = load_diabetes()
COLOURS = np.array(["red", "green", "blue", "grey"])
WORDS = np.array(["the quick brown fox jumps over the lazy dog", "a red car and a blue car", "the dog sleeps", "green grass and blue sky",
                  "the fox and the dog", "quick cars, lazy drivers", "no word of it", "red red red fox"])


class Data:
    """Rows to fit on and to answer for: a matrix, or named columns. classes is the number of labels, 0 for a number as target."""

    def __init__(self, classes=3, text=False, integers=False, labels=False, missing=False, positive=False, centred=False):
        rng = np.random.default_rng(5)
        source = IRIS if classes else DIABETES
        self.x, self.y = source.data.copy(), source.target.copy()
        if not classes:
            self.x = self.x * 20
        if classes == 2:
            self.y = (self.y > 0).astype("i8")
        if labels:
            self.y = COLOURS[self.y]
        order = rng.permutation(len(self.x))[:120]
        self.x, self.y = self.x[order], self.y[order]
        if centred:  # distances from cluster centres are differences of squares
            self.x -= self.x.mean(axis=0)
        if integers:
            self.x = np.round(self.x)
        if positive:
            self.x = np.abs(self.x)
        if missing:
            self.x[rng.random(self.x.shape) < 0.1] = np.nan
        if text:
            self.x = COLOURS[rng.integers(0, 4, (len(self.y), 2))].astype(object)


class Mixed:
    """Two columns of numbers, one with missing values, and one of text, each an input."""

    def __init__(self):
        rng = np.random.default_rng(5)
        n = 120
        a, b = rng.standard_normal(n), rng.standard_normal(n)
        b[rng.random(n) < 0.2] = np.nan
        c = COLOURS[rng.integers(0, 4, n)]
        self.y = ((a + (c == "red")) > 0.3).astype("i8")
        self.x = np.array([a, b, c], object).T


def mixed(model):
    numbers = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler())
    columns = compose.ColumnTransformer([("n", numbers, [0, 1]), ("t", preprocessing.OneHotEncoder(handle_unknown="ignore"), [2])])
    return pipeline.make_pipeline(columns, model)


def estimators():
    """(name, estimator, data)."""
    r, c, two, named = Data(0), Data(3), Data(2), Data(3, labels=True)
    gaps, whole, positive, text = Data(3, missing=True), Data(3, integers=True), Data(3, positive=True), Data(2, text=True)
    centred = Data(3, centred=True)
    p = preprocessing
    for e in (p.StandardScaler(), p.StandardScaler(with_mean=False), p.MinMaxScaler(), p.MinMaxScaler(clip=True), p.MaxAbsScaler(), p.RobustScaler(), p.Normalizer("l1"), p.Normalizer("l2"), p.Normalizer("max"),
              p.Binarizer(threshold=2.5), p.PolynomialFeatures(2), p.PolynomialFeatures(3, interaction_only=True), p.PowerTransformer(), p.QuantileTransformer(n_quantiles=20),
              p.KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"), p.KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), p.FunctionTransformer(),
              decomposition.PCA(2), decomposition.PCA(3, whiten=True), decomposition.TruncatedSVD(2), decomposition.KernelPCA(2, kernel="rbf"), decomposition.IncrementalPCA(2),
              feature_selection.SelectKBest(k=2), feature_selection.VarianceThreshold(0.3), cluster.KMeans(4, n_init=2, random_state=0), cluster.MiniBatchKMeans(4, n_init=2, random_state=0),
              mixture.GaussianMixture(2, random_state=0), mixture.GaussianMixture(2, covariance_type="diag", random_state=0), neighbors.NearestNeighbors(n_neighbors=3, radius=None)):
        yield None, e, centred if isinstance(e, (cluster.KMeans, cluster.MiniBatchKMeans)) else c
    for e in (impute.SimpleImputer(), impute.SimpleImputer(strategy="median"), impute.SimpleImputer(strategy="constant", fill_value=-1.0), impute.KNNImputer()):
        yield None, e, gaps
    yield "integers", p.OneHotEncoder(handle_unknown="ignore"), whole
    for e in (p.OneHotEncoder(), p.OneHotEncoder(drop="first"), p.OneHotEncoder(sparse_output=False), p.OrdinalEncoder()):
        yield "text", e, text
    fe = feature_extraction.text
    for e in (fe.CountVectorizer(), fe.CountVectorizer(ngram_range=(1, 2)), fe.CountVectorizer(binary=True), fe.CountVectorizer(stop_words=["the", "and"]), fe.TfidfVectorizer(), fe.TfidfVectorizer(norm=None, sublinear_tf=True),
              fe.CountVectorizer(analyzer="char", ngram_range=(1, 2)), pipeline.make_pipeline(fe.CountVectorizer(), fe.TfidfTransformer(), linear_model.LogisticRegression())):
        yield None, e, WORDS
    lm = linear_model
    regressors = [lm.LinearRegression(), lm.Ridge(), lm.Lasso(), lm.ElasticNet(), lm.BayesianRidge(), lm.HuberRegressor(max_iter=1000), lm.SGDRegressor(random_state=0), lm.PoissonRegressor(), lm.TheilSenRegressor(random_state=0),
                  svm.SVR(), svm.SVR(kernel="linear"), svm.SVR(kernel="poly", degree=2), svm.SVR(kernel="sigmoid"), svm.NuSVR(), svm.LinearSVR(random_state=0), tree.DecisionTreeRegressor(max_depth=6, random_state=0),
                  tree.ExtraTreeRegressor(max_depth=6, random_state=0), ensemble.RandomForestRegressor(20, random_state=0), ensemble.ExtraTreesRegressor(20, random_state=0), ensemble.GradientBoostingRegressor(n_estimators=20, random_state=0),
                  ensemble.HistGradientBoostingRegressor(max_iter=20), ensemble.AdaBoostRegressor(n_estimators=5, random_state=0), ensemble.BaggingRegressor(n_estimators=4, random_state=0),
                  ensemble.VotingRegressor([("a", lm.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]), ensemble.StackingRegressor([("a", lm.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]),
                  neighbors.KNeighborsRegressor(), neighbors.KNeighborsRegressor(weights="distance"), neural_network.MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=300, random_state=0), neural_network.MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", max_iter=300, random_state=0)]
    for e in regressors:
        yield None, e, r
    yield "gaps", ensemble.HistGradientBoostingRegressor(max_iter=20), gaps
    classifiers = [lm.LogisticRegression(max_iter=500), multiclass.OneVsRestClassifier(lm.LogisticRegression()), lm.SGDClassifier(random_state=0), lm.SGDClassifier(loss="log_loss", random_state=0), lm.Perceptron(), lm.RidgeClassifier(), lm.PassiveAggressiveClassifier(random_state=0),
                   svm.SVC(), svm.SVC(probability=True, random_state=0), svm.SVC(kernel="linear", probability=True, random_state=0), svm.SVC(kernel="poly"), svm.SVC(kernel="sigmoid"), svm.SVC(decision_function_shape="ovo"), svm.NuSVC(nu=0.3), svm.NuSVC(nu=0.3, probability=True, random_state=0),
                   svm.LinearSVC(), tree.DecisionTreeClassifier(random_state=0), tree.ExtraTreeClassifier(random_state=0), ensemble.RandomForestClassifier(20, random_state=0), ensemble.ExtraTreesClassifier(20, random_state=0), ensemble.GradientBoostingClassifier(n_estimators=10, random_state=0),
                   ensemble.HistGradientBoostingClassifier(max_iter=10), ensemble.AdaBoostClassifier(n_estimators=5, random_state=0), ensemble.BaggingClassifier(n_estimators=4, random_state=0),
                   ensemble.VotingClassifier([("a", lm.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3, random_state=0))], voting="soft", flatten_transform=False), ensemble.StackingClassifier([("a", lm.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3, random_state=0))]),
                   neighbors.KNeighborsClassifier(), naive_bayes.GaussianNB(), naive_bayes.BernoulliNB(binarize=2.0), discriminant_analysis.LinearDiscriminantAnalysis(), discriminant_analysis.QuadraticDiscriminantAnalysis(),
                   neural_network.MLPClassifier((16, 8), max_iter=300, random_state=0), neural_network.MLPClassifier((8,), activation="logistic", max_iter=300, random_state=0), pipeline.make_pipeline(p.StandardScaler(), lm.LogisticRegression()),
                   pipeline.make_pipeline(p.MinMaxScaler(), p.PolynomialFeatures(2), decomposition.PCA(3), svm.SVC(probability=True, random_state=0))]
    for e in classifiers:
        yield "three", e, c
        yield "two", e, two
    for e in (lm.LogisticRegression(max_iter=500), svm.SVC(probability=True, random_state=0), ensemble.RandomForestClassifier(5, random_state=0), neighbors.KNeighborsClassifier(), neural_network.MLPClassifier((8,), max_iter=300, random_state=0)):
        yield "text labels", e, named
    for e in (naive_bayes.MultinomialNB(), naive_bayes.ComplementNB()):
        yield None, e, positive
    for e in (svm.OneClassSVM(), ensemble.IsolationForest(n_estimators=5, random_state=0), neighbors.LocalOutlierFactor(novelty=True)):
        yield None, e, c
    for e in (lm.LogisticRegression(), ensemble.RandomForestClassifier(5, random_state=0), ensemble.GradientBoostingClassifier(n_estimators=5), svm.SVC(probability=True, random_state=0)):
        yield "columns", mixed(e), Mixed()


def export(estimator, data, double, zipmap):
    """The model and its feed for the last rows."""
    kind, dtype = (DoubleTensorType, "f8") if double else (FloatTensorType, "f4")
    if isinstance(data, np.ndarray):
        y = np.arange(len(data)) % 2
        estimator.fit(data, y)
        types, feed = [("x", StringTensorType([None, 1]))], {"x": data.reshape(-1, 1)}
        feed["x"] = np.concatenate([feed["x"], np.array([["an unknown word"], ["DOG dog Dog"]])])
    elif isinstance(data, Mixed):
        estimator.fit(data.x, data.y)
        types = [("a", kind([None, 1])), ("b", kind([None, 1])), ("c", StringTensorType([None, 1]))]
        feed = {k: data.x[-ROWS:, i : i + 1].astype(dtype if k != "c" else str) for i, k in enumerate("abc")}
    else:
        estimator.fit(data.x, data.y)
        text = data.x.dtype == object
        types = [("x", (StringTensorType if text else kind)([None, data.x.shape[1]]))]
        feed = {"x": data.x[-ROWS:].astype(str if text else dtype)}
    options = {} if zipmap is None else {id(estimator): {"zipmap": zipmap}}
    for step in [estimator] + [s for _, s in getattr(estimator, "steps", [])]:
        if isinstance(step, feature_extraction.text.CountVectorizer):
            options[id(step)] = {"locale": "C"}  # the one that every machine has
    return to_onnx(estimator, initial_types=types, options=options, target_opset={"": 21, "ai.onnx.ml": 3}), feed


def difference(name, ours, theirs):
    if isinstance(theirs, list):  # ZipMap
        if len(ours) != len(theirs) or any(set(a) != {str(k) for k in b} for a, b in zip(ours, theirs)):
            return f"{name}: other maps than onnxruntime's"
        keys = list(theirs[0])
        ours, theirs = np.array([[a[str(k)] for k in keys] for a in ours]), np.array([[b[k] for k in keys] for b in theirs])
    theirs = np.asarray(theirs)
    ours = np.asarray(ours)
    if ours.shape != theirs.shape:
        return f"{name}: shape {ours.shape}, onnxruntime {theirs.shape}"
    if theirs.dtype == object:
        bad = ours.astype(str) != theirs.astype(str)
    elif theirs.dtype.kind in "biu":
        bad = ours != theirs
    else:
        bad = ~np.isclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    if not bad.any():
        return ""
    return f"{name}: {bad.sum()} of {bad.size} differ: {ours[bad][:3]}, onnxruntime {theirs[bad][:3]}"


def compare(hotpath, model, feed, tmp):
    """The outcome ("", or what is wrong), None where onnxruntime does not run the model."""
    (tmp / "m.onnx").write_bytes(model.SerializeToString())
    try:
        theirs = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)
    except Exception:
        return None
    np.savez(tmp / "in.npz", **feed)
    maps = any(isinstance(t, list) for t in theirs)
    out = tmp / ("out.json" if maps else "out.npz")
    run = subprocess.run([hotpath, "run", tmp / "m.onnx", "--input", tmp / "in.npz", "--output", out], capture_output=True, text=True)
    if run.returncode != 0:
        return run.stderr.strip().split("m.onnx: ")[-1]
    ours = json.loads(out.read_text()) if maps else dict(np.load(out))
    names = [o.name for o in model.graph.output]
    return "; ".join(t for n, v in zip(names, theirs) if (t := difference(n, ours[n], v)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hotpath", default="bin/hotpath", help="the binary to judge")
    parser.add_argument("--only", default="", help="run the cases whose name this regular expression finds")
    parser.add_argument("--verbose", action="store_true", help="print the cases that pass, and those without a peer")
    args = parser.parse_args()
    hotpath = pathlib.Path(args.hotpath).resolve()
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as tmp:
        for note, estimator, data in estimators():
            classifier = is_classifier(estimator) and not isinstance(estimator, svm.LinearSVC)
            for double in (False, True):
                for zipmap in (False, True) if classifier else (None,):
                    name = " ".join(str(v) for v in (re.sub(r"\s+", " ", str(estimator))[:90], note or "", "double" if double else "", "zipmap" if zipmap else "") if v)
                    if not re.search(args.only, name):
                        continue
                    try:
                        model, feed = export(estimator, data, double, zipmap)
                    except Exception as e:
                        skipped += 1
                        if args.verbose:
                            print(f"no export  {name}: {str(e).splitlines()[0][:100]}")
                        continue
                    outcome = compare(hotpath, model, feed, pathlib.Path(tmp))
                    if outcome is None:
                        skipped += 1
                        if args.verbose:
                            print(f"no peer    {name}")
                    elif outcome:
                        failed += 1
                        print(f"FAIL  {name}: {outcome}")
                    else:
                        passed += 1
                        if args.verbose:
                            print(f"ok    {name}")
    print(f"{passed} pass, {failed} fail, {skipped} have no export or no peer")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
