"""Latency of the reference network, 100-128-64-1, against onnxruntime on one thread, interleaved in one run.

    python3 bench/peers/model_compare.py --hotpath bin/hotpath [--rounds 5]

Prints the median over the rounds of both and their ratio, f32 and int8, for 1, 8 and 32 rows. Measures; judges nothing.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import onnxruntime as ort


def run(*args):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True).stdout


def session(model):
    o = ort.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    return ort.InferenceSession(str(model), o, providers=["CPUExecutionProvider"])


def peer_p50(s, rows, seconds):
    """Median of one run in microseconds, inputs and outputs bound once so that Python's share is small."""
    x = (np.arange(rows * 100, dtype="f4").reshape(rows, 100) % 37) / 16 - 1
    b = s.io_binding()
    b.bind_cpu_input("input", x)
    b.bind_output("output", "cpu")
    samples, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        t = time.perf_counter_ns()
        s.run_with_iobinding(b)
        samples.append(time.perf_counter_ns() - t)
    return np.median(samples) / 1e3


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    hotpath = pathlib.Path(a.hotpath).resolve()
    print(run(hotpath, "--version").strip(), "| onnxruntime", ort.__version__)
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        r = np.random.default_rng(1)
        x = r.random((640, 100))
        header = ",".join(f"x{i}" for i in range(100)) + ",y"
        np.savetxt(tmp / "data.csv", np.column_stack([x, x.sum(1) > 50]), fmt="%.6g", delimiter=",", header=header, comments="")
        run(hotpath, "train", "--data", tmp / "data.csv", "--target", "y", "--model", "mlp:128,64", "--epochs", 2, "--scale", "none", "--out", tmp / "f32.onnx")
        run(hotpath, "quantize", tmp / "f32.onnx", "--calibrate", tmp / "data.csv", "--out", tmp / "int8.onnx")
        for kind in ("f32", "int8"):
            s = session(tmp / f"{kind}.onnx")
            for rows in (1, 8, 32):
                ours, theirs = [], []
                for _ in range(a.rounds):
                    out = run(hotpath, "bench", "model", tmp / f"{kind}.onnx", "--shape", f"input={rows}x100", "--seconds", 0.5, "--json")
                    ours.append(json.loads(out)["p50_us"])
                    theirs.append(peer_p50(s, rows, 0.5))
                ratio = np.median(np.array(theirs) / np.array(ours))
                print(f"{kind:5} rows {rows:3}  hotpath {np.median(ours):7.2f} us  onnxruntime {np.median(theirs):7.2f} us  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
