#!/usr/bin/env python3
"""Compares hotpath's linear, svm and tree with scikit-learn's on the same splits of digits and breast cancer.

    python3 bench/peers/sklearn_compare.py --hotpath bin/hotpath

Needs the packages scikit-learn and numpy; the data comes with scikit-learn. Every split is stratified, 80 % training and
20 % test rows, seeds 0 to 4. hotpath trains on the training CSV (--holdout 0) and is judged by `hotpath eval` on the test
CSV. LogisticRegression and LinearSVC get standardised features, as they need; DecisionTreeClassifier, whose ties are
broken at random, counts with the mean of five random states. Accuracies are means over the splits. Exits 1 if hotpath is
worse by more than 1.5 points anywhere.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

MAX_POINTS = 1.5
SPLITS = range(5)
PEERS = {
    "linear": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000)),
    "svm": lambda seed: make_pipeline(StandardScaler(), LinearSVC(max_iter=100_000, random_state=seed)),
    "tree": lambda seed: DecisionTreeClassifier(random_state=seed),
}
RANDOM_STATES = {"linear": 1, "svm": 1, "tree": 5}


def write_csv(path, names, rows, labels):
    with open(path, "w", newline="") as f:
        out = csv.writer(f)
        out.writerow([*names, "label"])
        out.writerows([*(repr(float(v)) for v in row), label] for row, label in zip(rows, labels))


def hotpath(binary, *args):
    done = subprocess.run([binary, *map(str, args), "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"hotpath {' '.join(map(str, args))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hotpath", default="bin/hotpath", help="the binary to judge")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    args = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for data_name, data in (("digits", load_digits()), ("breast_cancer", load_breast_cancer())):
            scores = {model: ([], [], [], []) for model in PEERS}
            for split in SPLITS:
                x_train, x_test, y_train, y_test = train_test_split(
                    data.data, data.target, test_size=0.2, stratify=data.target, random_state=split)
                names = data.feature_names
                write_csv(tmp / "train.csv", names, x_train, y_train)
                write_csv(tmp / "test.csv", names, x_test, y_test)
                for model, peer in PEERS.items():
                    ours, theirs, our_s, their_s = scores[model]
                    fit = hotpath(args.hotpath, "train", "--data", tmp / "train.csv", "--target", "label",
                                  "--model", model, "--holdout", 0, "--seed", 0, "--out", tmp / "m.onnx")
                    our_s.append(fit["seconds"])
                    ours.append(hotpath(args.hotpath, "eval", tmp / "m.onnx", "--data", tmp / "test.csv")["accuracy"])
                    for state in range(RANDOM_STATES[model]):
                        start = time.perf_counter()
                        estimator = peer(state).fit(x_train, y_train)
                        their_s.append(time.perf_counter() - start)
                        theirs.append(estimator.score(x_test, y_test))
            for model, (ours, theirs, our_s, their_s) in scores.items():
                points = 100 * (np.mean(ours) - np.mean(theirs))
                results.append({"data": data_name, "model": model, "hotpath": float(np.mean(ours)),
                                "sklearn": float(np.mean(theirs)), "points": float(points), "hotpath_s": float(np.median(our_s)),
                                "sklearn_s": float(np.median(their_s)), "ok": bool(points >= -MAX_POINTS)})
    ok = all(r["ok"] for r in results)
    if args.json:
        print(json.dumps({"results": results, "max_points": MAX_POINTS, "ok": ok}, indent=2))
    else:
        print(f"{'data':14} {'model':7} {'hotpath':>8} {'sklearn':>8} {'points':>7} {'fit s':>7} {'sklearn':>8}")
        for r in results:
            print(f"{r['data']:14} {r['model']:7} {r['hotpath']:8.4f} {r['sklearn']:8.4f} {r['points']:+7.2f} "
                  f"{r['hotpath_s']:7.3f} {r['sklearn_s']:8.3f}{'' if r['ok'] else '  WORSE'}")
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
