"""Operators, one node at a time: hotpath and onnxruntime on the same random inputs, NaN and infinities among them.

    python3 bench/peers/ops_compare.py --hotpath bin/hotpath

Builds a one-node model per case of opcases/, runs both, and compares shapes, dtypes, where NaN is, and values: |difference| <= 2e-5 + 2e-5 |value|,
float64 within 5e-6 of the largest, other dtypes exactly, save where a case allows integers a quantum. Exits 1 if any case fails.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx.reference import ReferenceEvaluator

from opcases import cases

ort.set_default_logger_severity(4)


def difference(ours, theirs, quantum):
    if theirs.dtype == object:  # text
        ours, theirs = ours.astype(str), theirs.astype(str)
    elif ours.dtype != theirs.dtype:
        return f"{ours.dtype}, onnxruntime {theirs.dtype}"
    if ours.shape != theirs.shape:
        return f"{ours.dtype}{ours.shape}, onnxruntime {theirs.dtype}{theirs.shape}"
    if quantum:
        worst = np.abs(ours.astype("i8") - theirs.astype("i8")).max()
        return "" if worst <= quantum else f"elements differ by {worst}, at most {quantum} allowed"
    if ours.dtype == np.float64 and np.allclose(ours, theirs, rtol=0, atol=5e-6 * np.abs(theirs).max(initial=0), equal_nan=True):
        return ""
    if ours.dtype != np.float32:
        return "" if np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f") else f"{(ours != theirs).sum()} elements differ"
    if not np.allclose(ours, theirs, rtol=2e-5, atol=2e-5, equal_nan=True):
        bad = ~np.isclose(ours, theirs, rtol=2e-5, atol=2e-5, equal_nan=True)
        return f"{bad.sum()} elements differ, {ours[bad][:3]} and {theirs[bad][:3]}"
    return ""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    hotpath = pathlib.Path(p.parse_args().hotpath).resolve()
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, numpy {np.__version__}")
    failed = total = 0
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        for c in cases():
            total += 1
            m = c.model()
            onnx.save(m, tmp / "m.onnx")
            np.savez(tmp / "in.npz", **c.feed())
            run = subprocess.run([hotpath, "run", tmp / "m.onnx", "--input", tmp / "in.npz", "--output", tmp / "out.npz"], capture_output=True, text=True)
            if run.returncode != 0:
                failed += 1
                print(f"FAIL  {c.name}: {run.stderr.strip()}")
                continue
            try:
                theirs = ort.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, c.feed())
            except Exception as e:  # onnxruntime has no kernel for it
                if not c.reference:
                    print(f"skip  {c.name}: {str(e).splitlines()[0][:120]}")
                    continue
                theirs = ReferenceEvaluator(m).run(None, c.feed())
            ours = dict(np.load(tmp / "out.npz"))
            problems = [t for k, v in enumerate(theirs) if (t := difference(ours[f"y{k}"], np.asarray(v), c.quantum))]
            if problems:
                failed += 1
                print(f"FAIL  {c.name}: {'; '.join(problems)}")
    print(f"{total} cases, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
