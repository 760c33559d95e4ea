"""Time to the first answer against onnxruntime: a fresh process each time, both in turns, one thread.

    python3 bench/peers/cold_compare.py [--hotpath bin/hotpath] [--rounds 5] MODEL=IN.npz...

hotpath's time is that of the whole process of `hotpath run`, from exec to exit, the reading of the inputs and the writing of the outputs
included; cold without a plan cache, and warm with one (--cache) that an earlier start has filled. onnxruntime's is that of making the
session and of the first call alone: Python, its imports and the inputs are not counted. Prints medians in ms, hotpath's own split
(bench model), and the ratios.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PEER = """
import sys, time
import numpy as np, onnxruntime as ort
inputs = dict(np.load(sys.argv[2]))
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
start = time.perf_counter()
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
loaded = time.perf_counter()
session.run(None, inputs)
print((loaded - start) * 1e3, (time.perf_counter() - loaded) * 1e3)
"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("models", nargs="+", metavar="MODEL=IN.npz")
    args = p.parse_args()
    print(f"{'model':16} {'':4} {'hotpath':>8} {'load':>7} {'compile':>7} {'first':>7}   {'ort load + first':>18} {'ratio':>6}")
    for pair in args.models:
        model, inputs = pair.split("=")
        ours, split, peer = {}, {}, []
        with tempfile.TemporaryDirectory() as d:
            starts = {"cold": [], "warm": ["--cache", f"{d}/cache"]}
            run = [args.hotpath, "run", model, "--input", inputs, "--output", f"{d}/out.npz", "--threads", "1"]
            subprocess.run(run + starts["warm"], check=True)
            for _ in range(args.rounds):
                for name, cache in starts.items():
                    start = time.perf_counter()
                    subprocess.run(run + cache, check=True)
                    ours.setdefault(name, []).append((time.perf_counter() - start) * 1e3)
                    bench = [args.hotpath, "bench", "model", model, "--input", inputs, "--seconds", "0.01", "--json"] + cache
                    done = json.loads(subprocess.run(bench, check=True, capture_output=True, text=True).stdout)
                    if done["cached"] != bool(cache):
                        sys.exit(f"{model}: {name}, and cached is {done['cached']}")
                    split.setdefault(name, []).append([done["cold"][k] for k in ("load_ms", "compile_ms", "first_run_ms")])
                out = subprocess.run([sys.executable, "-c", PEER, model, inputs], check=True, capture_output=True, text=True).stdout
                peer.append([float(v) for v in out.split()])
        theirs = [statistics.median(c) for c in zip(*peer)]
        for name in starts:
            mine, (load, plan, first) = statistics.median(ours[name]), (statistics.median(c) for c in zip(*split[name]))
            print(f"{pathlib.Path(model).stem:16} {name} {mine:8.1f} {load:7.1f} {plan:7.1f} {first:7.1f}   {theirs[0]:9.1f} + {theirs[1]:6.1f} "
                  f"{mine / sum(theirs):6.2f}", flush=True)


if __name__ == "__main__":
    main()
