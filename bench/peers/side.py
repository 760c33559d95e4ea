"""Hotpath's kernels side by side with peers, one thread each, in turns: what the *_compare.py of kernels share.

A script names the operations it knows and, for a case of `hotpath bench kernels`, yields peers as (name, call, note):

    import side                      # before numpy: it sets the environment that numpy's BLAS reads

    def peers(case):
        ...
        yield "onnxruntime", side.bound(session, {"x": x}, {"y": y}), ""

    if __name__ == "__main__":
        side.main(__doc__, "softmax", {"softmax_f32": "softmax"}, peers)

hotpath measures on request (bench kernels --serve), every side by the CPU time of its own thread, so a busy neighbour costs all the
same. Ratios are the peer's time over hotpath's, the median of the rounds, with quartiles.
"""
import os

for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # what a machine's setup may pin would not be what its users get
    os.environ.pop(_name, None)
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import statistics
import subprocess
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

COLD = 256 << 20  # where hotpath goes through this much distinct weights, so do the peers
BATCH_NS = 4e6  # of one side before the next has its turn


class Hotpath:
    """A process of bench kernels --serve."""

    def __init__(self, binary, op="", shape=""):
        self.process = subprocess.Popen([binary, "bench", "kernels", "--serve", f"--op={op}", f"--shape={shape}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{binary} bench kernels --serve --op={op} --shape={shape}: no cases")
        self.cases = json.loads(line)

    def time(self, case, runs):
        """Runs done (0: as many as it likes) and nanoseconds of one."""
        self.process.stdin.write(f"{self.cases.index(case)} {runs}\n")
        self.process.stdin.flush()
        runs, _, cpu = map(int, self.process.stdout.readline().split())
        return runs, cpu / runs

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def copies(case, size):
    """How many distinct copies of weights of this many bytes a peer goes through, as hotpath does."""
    return max(2, COLD // size) if case.get("cold") else 1


def model(op, inputs, outputs, constants=None, domain="", opset=None, **attributes):
    """A one-node model. inputs and outputs: name to array, "" for an optional input left out; constants: those of the inputs whose arrays are weights."""
    constants = constants or {}
    value = lambda name, a: helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
    opset = opset or min(21, onnx.defs.onnx_opset_version())
    node = helper.make_node(op, list(inputs), list(outputs), domain=domain, **attributes)
    graph = helper.make_graph([node], "g", [value(n, a) for n, a in inputs.items() if n and n not in constants],
                              [value(n, a) for n, a in outputs.items()], [numpy_helper.from_array(a, n) for n, a in constants.items()])
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def session(m):
    """An onnxruntime session of one thread; constant weights are packed."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(m.SerializeToString(), options, providers=["CPUExecutionProvider"])


def bound(s, inputs, outputs):
    """A function that runs s from and to these arrays, by name, without copies."""
    io = s.io_binding()
    for name, a in inputs.items():
        io.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(a))
    for name, a in outputs.items():
        io.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(a))
    return lambda: s.run_with_iobinding(io)


def in_turn(functions):
    """A function that calls the next of several."""
    i = 0

    def call():
        nonlocal i
        functions[i]()
        i = (i + 1) % len(functions)

    return functions[0] if len(functions) == 1 else call


def timed(f, runs):
    """Nanoseconds of one run on this thread's clock."""
    if runs > 1:
        f()  # caches and branch predictors are still another process's; hotpath does the same
    start = time.thread_time_ns()
    for _ in range(runs):
        f()
    return (time.thread_time_ns() - start) / runs


def compare(ours, case, peers, rounds):
    """One result per peer of a case."""
    runs = max(1, int(BATCH_NS / ours.time(case, 0)[1]))
    sides = [(name, f, note, max(1, int(BATCH_NS / max(1, min(timed(f, 1), timed(f, 1)))))) for name, f, note in peers(case)]
    times = {name: [] for name, *_ in sides}
    mine = []
    for _ in range(rounds):
        mine.append(ours.time(case, runs)[1])
        for name, f, _, n in sides:
            times[name].append(timed(f, n))
    work, unit = (case["flops"], "Gop/s") if case.get("flops") else (case["bytes"], "GB/s")
    for name, _, note, _ in sides:
        low, ratio, high = statistics.quantiles([b / a for a, b in zip(mine, times[name])], n=4)
        us, peer_us = statistics.median(mine) / 1e3, statistics.median(times[name]) / 1e3
        yield {"op": case["op"], "shape": case["shape"], "peer": name, "ratio": ratio, "low": low, "high": high, "hotpath_us": us, "peer_us": peer_us,
               "hotpath_rate": work / us / 1e3, "peer_rate": work / peer_us / 1e3, "unit": unit, "note": note}


def main(doc, prefix, names, peers):
    """Compares every case whose operation is a key of names, which says what it is called in the table; prefix narrows what hotpath lists."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--op", default="", help="only operations whose name starts so")
    p.add_argument("--shape", default="", help="only this size")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    ours = Hotpath(args.hotpath, prefix, args.shape)
    versions = {"numpy": np.__version__, "onnxruntime": ort.__version__}
    if not args.json:
        print(", ".join(f"{k} {v}" for k, v in versions.items()) + "; one thread; ratio = peer's time / hotpath's, quartiles in brackets")
    results = []
    for case in ours.cases:
        if case["op"] not in names or not case["op"].startswith(args.op):
            continue
        for r in compare(ours, case, peers, args.rounds):
            results.append(r)
            if not args.json:
                print(f"{names[r['op']]:16} {r['shape']:18} {r['peer']:14} {r['ratio']:6.2f}x [{r['low']:.2f}, {r['high']:.2f}]  "
                      f"hotpath {r['hotpath_us']:10.2f} us, {r['hotpath_rate']:7.1f}, peer {r['peer_rate']:7.1f} {r['unit']}  {r['note']}", flush=True)
    ours.close()
    if args.json:
        print(json.dumps({**versions, "results": results}, indent=1))
