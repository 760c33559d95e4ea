"""Every ONNX file hotpath writes must run in onnxruntime with the same answers.

    python3 bench/peers/ort_compare.py --hotpath bin/hotpath

Trains every model family with the binary on scikit-learn's digits and breast-cancer sets and on a messy table (quoted
fields, byte-order mark, CRLF, missing values, text columns), then optimises and quantises, and runs each file on the
same inputs in both. f32: largest absolute difference of a score <= 1e-5. int8: the same decision on >= 99 % of rows.
int8 must also keep the accuracy within 0.5 points and the weights within 0.30 of the float model's.
Exits 1 if any file fails.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from sklearn.datasets import load_breast_cancer, load_digits

failures = []


def check(ok, text):
    print(("ok    " if ok else "FAIL  ") + text)
    if not ok:
        failures.append(text)


def run(*args):
    p = subprocess.run([str(a) for a in args], capture_output=True, text=True)
    if p.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, args))} exited {p.returncode}: {p.stderr.strip()}")
    return p.stdout


def write_csv(path, header, rows):
    with open(path, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(header)
        w.writerows(rows)


def digits(path):
    d = load_digits()
    write_csv(path, [f"pixel_{i // 8}_{i % 8}" for i in range(64)] + ["label"], np.column_stack([d.data.astype(int), d.target]).tolist())
    return "label", {"input": d.data.astype("f4")}


def breast_cancer(path):
    d = load_breast_cancer()
    rows = [[repr(float(v)) for v in x] + [d.target_names[y]] for x, y in zip(d.data, d.target)]
    write_csv(path, list(d.feature_names) + ["diagnosis"], rows)
    return "diagnosis", {"input": d.data.astype("f4")}


def messy(path):
    """Numbers with gaps, text with quotes, commas, newlines and gaps; BOM and CRLF."""
    r = np.random.default_rng(5)
    n = 600
    size = r.normal(100, 30, n).round(2)
    weight = r.normal(5, 2, n).round(3)
    colours = np.array(["red", 'light "sky" blue', "green, dark", "two\nlines", ""])
    colour = colours[r.integers(0, 5, n)]
    city = np.array(["Zürich", "Köln", "Paris"])[r.integers(0, 3, n)]
    label = np.where(size + 8 * weight + 25 * (colour == "red") - 20 * (city == "Paris") > 140, "yes", "no")
    gap = r.random((n, 2)) < 0.08
    with open(path, "w", newline="", encoding="utf-8-sig") as f:
        w = csv.writer(f, lineterminator="\r\n")
        w.writerow(["size", "weight, kg", "colour", "city", "bought"])
        for i in range(n):
            w.writerow(["" if gap[i, 0] else size[i], "NA" if gap[i, 1] else weight[i], colour[i], city[i], label[i]])
    size = np.where(gap[:, 0], np.nan, size).astype("f4")
    weight = np.where(gap[:, 1], np.nan, weight).astype("f4")
    columns = {"size": size, "weight, kg": weight, "colour": colour.astype(object), "city": city.astype(object)}
    return "bought", {k: v.reshape(-1, 1) for k, v in columns.items()}


def npz(path, inputs):
    np.savez(path, **{k: v.astype("U") if v.dtype == object else v for k, v in inputs.items()})


def answers(hotpath, model, inputs_npz, tmp):
    run(hotpath, "run", model, "--input", inputs_npz, "--output", tmp / "out.npz")
    return dict(np.load(tmp / "out.npz"))["output"]


def decision(scores):
    return scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > 0.5).astype(int)


def constant_bytes(path):
    return sum(onnx.numpy_helper.to_array(t).nbytes for t in onnx.load(path).graph.initializer)


def compare(hotpath, name, model, inputs, tmp):
    """Largest difference of a score and share of equal decisions."""
    onnx.checker.check_model(str(model), full_check=True)
    npz(tmp / "in.npz", inputs)
    ours = answers(hotpath, model, tmp / "in.npz", tmp)
    theirs = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(["output"], inputs)[0]
    if ours.shape != theirs.shape:
        check(False, f"{name}: shapes {ours.shape} and {theirs.shape}")
        return np.inf, 0.0
    return float(np.abs(ours - theirs).max()), float((decision(ours) == decision(theirs)).mean())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    hotpath = pathlib.Path(p.parse_args().hotpath).resolve()
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, numpy {np.__version__}")
    for data in (digits, breast_cancer, messy):
        for family in ("mlp:128,64", "linear", "svm", "tree"):
            with tempfile.TemporaryDirectory() as d:
                tmp = pathlib.Path(d)
                target, inputs = data(tmp / "data.csv")
                name = f"{data.__name__} {family}"
                model = tmp / "model.onnx"
                run(hotpath, "train", "--data", tmp / "data.csv", "--target", target, "--model", family, "--out", model)
                diff, same = compare(hotpath, name, model, inputs, tmp)
                check(diff <= 1e-5, f"{name}: f32 differs by {diff:.2e} at most")
                run(hotpath, "optimize", model, "--out", tmp / "opt.onnx")
                diff, same = compare(hotpath, name, tmp / "opt.onnx", inputs, tmp)
                check(diff <= 1e-5, f"{name} optimised: f32 differs by {diff:.2e} at most")
                if family == "tree":
                    continue  # comparisons, no products: there is nothing to quantise
                q = tmp / "int8.onnx"
                run(hotpath, "quantize", tmp / "opt.onnx", "--scheme", "int8", "--calibrate", tmp / "data.csv", "--out", q)
                diff, same = compare(hotpath, name, q, inputs, tmp)
                check(same >= 0.99, f"{name} int8: same decision on {100 * same:.2f} %, scores differ by {diff:.2e} at most")
                acc = [json.loads(run(hotpath, "eval", m, "--data", tmp / "data.csv", "--json"))["accuracy"] for m in (model, q)]
                check(acc[0] - acc[1] <= 0.005, f"{name} int8: accuracy {acc[1]:.4f}, was {acc[0]:.4f}")
                if data is digits and family.startswith("mlp"):  # small layers are mostly biases and scales
                    ratio = constant_bytes(q) / constant_bytes(model)
                    check(ratio <= 0.30, f"{name} int8: weights {ratio:.3f} of the float model's")
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
