"""Matrix products against OpenBLAS (through numpy) and onnxruntime with packed weights: one thread each, in turns.

    python3 bench/peers/gemm_compare.py --hotpath bin/hotpath [--rounds 15] [--json]

hotpath measures on request (bench kernels --serve), every side by the CPU time of its own thread, so a busy neighbour costs all the
same. Where hotpath goes through 256 MiB of distinct weights, so do the peers. int8 is u8 times s8 to s32: "paired" weights are as
hotpath's quantiser makes them, on which onnxruntime's MatMulInteger is exact too; on the others it saturates without VNNI, and the
share of wrong outputs is printed beside its time. Ratios are the peer's time over hotpath's, the median of the rounds.
"""
import os

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # what a machine's setup may pin would not be what its users get
    os.environ.pop(name, None)
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import subprocess
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

COLD = 256 << 20
BATCH_NS = 4e6  # of one side before the next has its turn
OPS = {"gemm_f32": "f32", "gemm_u8s8s32_paired": "u8 paired", "gemm_u8s8s32": "u8"}


class Hotpath:
    def __init__(self, binary, op="gemm"):
        self.process = subprocess.Popen([binary, "bench", "kernels", "--serve", "--op", op], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.cases = json.loads(self.process.stdout.readline())

    def time(self, case, runs):
        """Runs done and nanoseconds of one."""
        self.process.stdin.write(f"{self.cases.index(case)} {runs}\n")
        self.process.stdin.flush()
        runs, _, cpu = map(int, self.process.stdout.readline().split())
        return runs, cpu / runs

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def session(op, b):
    """A one-node model with constant weights, which onnxruntime packs."""
    wide = b.dtype == np.float32
    a = helper.make_tensor_value_info("a", TensorProto.FLOAT if wide else TensorProto.UINT8, ["m", b.shape[0]])
    c = helper.make_tensor_value_info("c", TensorProto.FLOAT if wide else TensorProto.INT32, ["m", b.shape[1]])
    graph = helper.make_graph([helper.make_node(op, ["a", "b"], ["c"])], "g", [a], [c], [numpy_helper.from_array(b, "b")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def bound(s, a, c):
    """A function that runs s from a to c without copies."""
    io = s.io_binding()
    io.bind_ortvalue_input("a", ort.OrtValue.ortvalue_from_numpy(a))
    io.bind_ortvalue_output("c", ort.OrtValue.ortvalue_from_numpy(c))
    return lambda: s.run_with_iobinding(io)


def in_turn(functions):
    """A function that calls the next of several."""
    i = 0

    def call():
        nonlocal i
        functions[i]()
        i = (i + 1) % len(functions)

    return functions[0] if len(functions) == 1 else call


def peers(case):
    m, n, k = map(int, case["shape"].split("x"))
    r = np.random.default_rng(1)
    kind = OPS[case["op"]]
    size = n * k * (4 if kind == "f32" else 1)
    copies = max(2, COLD // size) if case.get("cold") else 1
    if kind == "f32":
        a, c = r.standard_normal((m, k), "f4"), np.empty((m, n), "f4")
        weights = [r.standard_normal((k, n), "f4") for _ in range(copies)]
        yield "OpenBLAS", in_turn([lambda b=b: np.matmul(a, b, out=c) for b in weights]), ""
        yield "onnxruntime", in_turn([bound(session("MatMul", b), a, c) for b in weights]), ""
        return
    limit = 63 if kind == "u8 paired" else 127
    a, c = r.integers(0, 256, (m, k), "u1"), np.empty((m, n), "i4")
    weights = [r.integers(-limit, limit + 1, (k, n), "i1") for _ in range(copies)]
    sessions = [session("MatMulInteger", b) for b in weights]
    rows = min(m, 16)
    wrong = (sessions[0].run(["c"], {"a": a[:rows]})[0] != a[:rows].astype("i4") @ weights[0].astype("i4")).mean()
    yield "onnxruntime", in_turn([bound(s, a, c) for s in sessions]), f"{100 * wrong:.0f} % of its outputs wrong" if wrong else "exact"


def timed(f, runs):
    if runs > 1:
        f()  # caches and branch predictors are still another process's; hotpath does the same
    start = time.thread_time_ns()
    for _ in range(runs):
        f()
    return (time.thread_time_ns() - start) / runs


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--op", default="", help="only operations whose name starts so")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    ours = Hotpath(args.hotpath)
    results = []
    if not args.json:
        print(f"numpy {np.__version__}, onnxruntime {ort.__version__}; one thread; ratio = peer's time / hotpath's, quartiles in brackets")
    for case in ours.cases:
        if case["op"] not in OPS or not case["op"].startswith(args.op):
            continue
        runs, ns = ours.time(case, 0)
        runs = max(1, int(BATCH_NS / ns))
        sides = [(name, f, note, max(1, int(BATCH_NS / min(timed(f, 1), timed(f, 1))))) for name, f, note in peers(case)]
        times = {name: [] for name, *_ in sides}
        times["hotpath"] = []
        for _ in range(args.rounds):
            times["hotpath"].append(ours.time(case, runs)[1])
            for name, f, _, n in sides:
                times[name].append(timed(f, n))
        for name, _, note, _ in sides:
            q = statistics.quantiles([b / a for a, b in zip(times["hotpath"], times[name])], n=4)
            rate = {s: case["flops"] / statistics.median(times[s]) for s in ("hotpath", name)}
            results.append({"kind": OPS[case["op"]], "shape": case["shape"], "peer": name, "ratio": q[1], "low": q[0], "high": q[2],
                            "hotpath_gflops": rate["hotpath"], "peer_gflops": rate[name], "note": note})
            if not args.json:
                print(f"{OPS[case['op']]:10} {case['shape']:15} {name:12} {q[1]:6.2f}x [{q[0]:.2f}, {q[2]:.2f}]  hotpath {rate['hotpath']:7.1f}, peer {rate[name]:7.1f} Gop/s  {note}", flush=True)
    ours.close()
    if args.json:
        print(json.dumps({"numpy": np.__version__, "onnxruntime": ort.__version__, "results": results}, indent=1))


if __name__ == "__main__":
    main()
