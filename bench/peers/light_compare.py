"""The nine networks of images that the onnx wheel brings (onnx/backend/test/data/light) against onnxruntime.

    python3 bench/peers/light_compare.py --hotpath bin/hotpath [--model NAME]

Their weights are filled by ConstantOfShape when they run, so that all classes get the same answer; --random writes weights of a random
kind in their place. Both sides get the same random image. Prints the largest difference of an answer and the largest answer; fails where
their quotient is over 1e-4.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnx.backend.test
import onnxruntime as ort
from onnx import numpy_helper

LIMIT = 1e-4


def randomised(model):
    """The model with random weights instead of filled ones: matrices and filters as He et al. start them, vectors from 0.5 to 1.5."""
    r = np.random.default_rng(1)
    shapes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for n in nodes:
        if n.op_type != "ConstantOfShape":
            model.graph.node.append(n)
            continue
        shape = tuple(shapes[n.input[0]])
        value = r.uniform(0.5, 1.5, shape) if len(shape) < 2 else r.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        model.graph.initializer.append(numpy_helper.from_array(value.astype("f4"), n.output[0]))
    return model


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--model", default="", help="only models whose name starts with this")
    p.add_argument("--random", action="store_true", help="with random weights")
    args = p.parse_args()
    files = sorted((pathlib.Path(onnx.backend.test.__file__).parent / "data" / "light").glob(f"light_{args.model}*.onnx"))
    if not files:
        sys.exit(f"no model of the wheel has a name that starts with {args.model!r}")
    failed = 0
    options = ort.SessionOptions()
    options.log_severity_level = 3  # not what of the models is unused
    for file in files:
        name = file.stem.removeprefix("light_")
        with tempfile.TemporaryDirectory() as d:
            path = pathlib.Path(d)
            if args.random:
                onnx.save(randomised(onnx.load(file)), path / "m.onnx")
                file = path / "m.onnx"
            session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
            inputs = {i.name: np.random.default_rng(1).random(i.shape, dtype="f4") for i in session.get_inputs()}
            want = session.run(None, inputs)
            np.savez(path / "in.npz", **inputs)
            done = subprocess.run([args.hotpath, "run", str(file), "--input", str(path / "in.npz"), "--output", str(path / "out.npz")],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                print(f"{name}: FAILED: {done.stderr.strip()}", flush=True)
                failed += 1
                continue
            with np.load(path / "out.npz") as out:
                got = [out[o.name] for o in session.get_outputs()]
        difference = max(float(np.abs(g - w).max()) for g, w in zip(got, want))
        largest = max(float(np.abs(w).max()) for w in want)
        bad = difference > LIMIT * largest or any(g.shape != w.shape for g, w in zip(got, want))
        failed += bad
        print(f"{name}: {difference:.2g} of {largest:.3g}{'  FAILED' if bad else ''}", flush=True)
    if failed:
        sys.exit(f"{failed} of {len(files)} models differ or fail")


if __name__ == "__main__":
    main()
