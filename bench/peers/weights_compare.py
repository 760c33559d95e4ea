"""Products with packed weights against onnxruntime: MatMulNBits of 4 and 8 bits in blocks of 32, and half floats behind a Cast.

    python3 bench/peers/weights_compare.py --hotpath bin/hotpath [--rounds 9] [--json]

One thread each, in turns, every side by the CPU time of its own thread and through 256 MiB of distinct weights. gemm_f32q4_zero has zero
points; gemm_s8 is accuracy_level 4. onnxruntime folds the Cast of half floats, so that side reads f32 weights. Ratios are onnxruntime's
time over hotpath's, the median of the rounds.
"""
import argparse
import json
import statistics

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import side
from side import BATCH_NS, COLD, Hotpath, bound, in_turn, timed

BLOCK = 32
OPS = {  # bits, zero points, accuracy level
    "gemm_f32q4": (4, False, 1), "gemm_f32q4_zero": (4, True, 1), "gemm_f32q8": (8, False, 1), "gemm_s8q4": (4, False, 4), "gemm_s8q8": (8, False, 4), "gemm_f32f16": (16, False, 0),
}
r = np.random.default_rng(1)


def session(op, n, k):
    bits, zero, accuracy = OPS[op]
    a, c = helper.make_tensor_value_info("a", TensorProto.FLOAT, ["m", k]), helper.make_tensor_value_info("c", TensorProto.FLOAT, ["m", n])
    if bits == 16:
        init = [numpy_helper.from_array(r.standard_normal((k, n), "f4").astype("f2"), "b")]
        nodes = [helper.make_node("Cast", ["b"], ["w"], to=TensorProto.FLOAT), helper.make_node("MatMul", ["a", "w"], ["c"])]
    else:
        blocks = k // BLOCK
        init = [numpy_helper.from_array(r.integers(0, 256, (n, blocks, BLOCK * bits // 8), "u1"), "b"), numpy_helper.from_array(np.asarray(r.random(n * blocks), "f4"), "s")]
        if zero:
            init.append(numpy_helper.from_array(r.integers(0, 256, n * (blocks * bits // 8), "u1"), "z"))
        nodes = [helper.make_node("MatMulNBits", ["a", *[t.name for t in init]], ["c"], domain="com.microsoft", K=k, N=n, bits=bits, block_size=BLOCK, accuracy_level=accuracy)]
    graph = helper.make_graph(nodes, "g", [a], [c], init)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8)
    return side.session(model)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--op", default="", help="only this one")
    p.add_argument("--shape", default="", help="only this size")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    ours = Hotpath(args.hotpath)
    results = []
    if not args.json:
        print(f"onnxruntime {ort.__version__}; one thread; ratio = onnxruntime's time / hotpath's, quartiles in brackets")
    sessions = {}
    for case in ours.cases:
        if case["op"] not in OPS or args.op not in ("", case["op"]) or args.shape not in ("", case["shape"]):
            continue
        m, n, k = map(int, case["shape"].split("x"))
        if case["op"] not in sessions:  # those of one kind at a time: they fill 256 MiB
            size = n * k * (4 if OPS[case["op"]][0] == 16 else OPS[case["op"]][0] / 8)
            sessions = {case["op"]: [session(case["op"], n, k) for _ in range(max(2, int(COLD / size)))]}
        a, c = r.standard_normal((m, k), "f4"), np.empty((m, n), "f4")
        peer = in_turn([bound(s, {"a": a}, {"c": c}) for s in sessions[case["op"]]])
        runs, ns = ours.time(case, 0)
        runs, peer_runs = max(1, int(BATCH_NS / ns)), max(1, int(BATCH_NS / min(timed(peer, 1), timed(peer, 1))))
        times = [(ours.time(case, runs)[1], timed(peer, peer_runs)) for _ in range(args.rounds)]
        q = statistics.quantiles([b / a for a, b in times], n=4)
        mine, theirs = (statistics.median(t) / 1e3 for t in zip(*times))
        results.append({"op": case["op"], "shape": case["shape"], "ratio": q[1], "low": q[0], "high": q[2], "hotpath_us": mine, "onnxruntime_us": theirs})
        if not args.json:
            print(f"{case['op']:16} {case['shape']:14} {q[1]:6.2f}x [{q[0]:.2f}, {q[2]:.2f}]  hotpath {mine:9.0f} µs, onnxruntime {theirs:9.0f} µs", flush=True)
    ours.close()
    if args.json:
        print(json.dumps({"onnxruntime": ort.__version__, "results": results}, indent=1))


if __name__ == "__main__":
    main()
