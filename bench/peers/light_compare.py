"""The nine networks of images that the onnx wheel brings (onnx/backend/test/data/light) against onnxruntime.

    python3 bench/peers/light_compare.py --hotpath bin/hotpath [--model NAME]

Their weights are filled by ConstantOfShape when they run. Both sides get the same random image. Prints the largest difference of an
answer, absolute and relative to the largest answer; fails where the absolute one is over 1e-4.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx.backend.test
import onnxruntime as ort

LIMIT = 1e-4


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--model", default="", help="only models whose name starts with this")
    args = p.parse_args()
    files = sorted((pathlib.Path(onnx.backend.test.__file__).parent / "data" / "light").glob(f"light_{args.model}*.onnx"))
    if not files:
        sys.exit(f"no model of the wheel has a name that starts with {args.model!r}")
    failed = 0
    for file in files:
        name = file.stem.removeprefix("light_")
        session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        inputs = {i.name: np.random.default_rng(1).random(i.shape, dtype="f4") for i in session.get_inputs()}
        want = session.run(None, inputs)
        with tempfile.TemporaryDirectory() as d:
            path = pathlib.Path(d)
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
        verdict = "" if difference <= LIMIT and all(g.shape == w.shape for g, w in zip(got, want)) else "  FAILED"
        failed += verdict != ""
        print(f"{name}: {difference:.2g} of {largest:.3g} ({difference / largest:.1g}){verdict}", flush=True)
    if failed:
        sys.exit(f"{failed} of {len(files)} models differ or fail")


if __name__ == "__main__":
    main()
