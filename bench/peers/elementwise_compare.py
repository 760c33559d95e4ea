"""Softmax, norms, GELU and exp against onnxruntime: one thread each, in turns.

    python3 bench/peers/elementwise_compare.py --hotpath bin/hotpath [--rounds 31] [--op softmax] [--json]

hotpath measures on request (bench kernels --serve), both sides by the CPU time of their own thread. onnxruntime runs a one-node model with bound
inputs and outputs, called from Python; that call alone, of a model that does next to nothing, is timed too and taken off. Ratios are
onnxruntime's time over hotpath's, the median of the rounds.
"""
import argparse
import json
import statistics

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import side
from side import BATCH_NS, Hotpath, bound, timed

OPS = {"softmax_f32": ("Softmax", 13, {"axis": -1}), "layer_norm_f32": ("LayerNormalization", 17, {"axis": -1}), "rms_norm_f32": ("RMSNormalization", 23, {"axis": -1}),
       "gelu_f32": ("Gelu", 20, {}), "gelu_tanh_f32": ("Gelu", 20, {"approximate": "tanh"}), "exp_f32": ("Exp", 13, {})}


def session(op, opset, attrs, cols):
    r = np.random.default_rng(1)
    names = ["a"]
    init = []
    for name in {"LayerNormalization": ("scale", "bias"), "RMSNormalization": ("scale",)}.get(op, ()):
        init.append(numpy_helper.from_array(r.standard_normal(cols, "f4"), name))
        names.append(name)
    x = [helper.make_tensor_value_info(k, TensorProto.FLOAT, ["m", cols]) for k in ("a", "c")]
    graph = helper.make_graph([helper.make_node(op, names, ["c"], **attrs)], "g", x[:1], x[1:], init)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return side.session(model)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=31)
    p.add_argument("--op", default="", help="only operations whose name starts so")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    ours = Hotpath(args.hotpath, args.op)
    results = []
    nothing = bound(session("Relu", 14, {}, 1), {"a": np.zeros((1, 1), "f4")}, {"c": np.zeros((1, 1), "f4")})
    timed(nothing, 1000)
    call = min(timed(nothing, 1000) for _ in range(5))
    if not args.json:
        print(f"onnxruntime {ort.__version__}; one thread; a call takes {call / 1e3:.1f} us, taken off; ratio = onnxruntime's time / hotpath's, quartiles in brackets")
    for case in ours.cases:
        if case["op"] not in OPS or "x" not in case["shape"]:
            continue
        rows, cols = map(int, case["shape"].split("x"))
        x = np.random.default_rng(2).uniform(-1, 1, (rows, cols)).astype("f4")
        op = OPS[case["op"]]
        f = bound(session(*op, cols), {"a": x}, {"c": np.empty_like(x)})
        _, ns = ours.time(case, 0)
        runs, theirs = max(1, int(BATCH_NS / ns)), max(1, int(BATCH_NS / min(timed(f, 1), timed(f, 1))))
        a, b = [], []
        for _ in range(args.rounds):
            a.append(ours.time(case, runs)[1])
            b.append(timed(f, theirs) - call)
        q = statistics.quantiles([t / h for h, t in zip(a, b)], n=4)
        n = rows * cols
        results.append({"op": case["op"], "shape": case["shape"], "ratio": q[1], "low": q[0], "high": q[2],
                        "hotpath_ns_per_element": statistics.median(a) / n, "onnxruntime_ns_per_element": statistics.median(b) / n})
        if not args.json:
            print(f"{case['op']:15} {case['shape']:10} {q[1]:6.2f}x [{q[0]:.2f}, {q[2]:.2f}]  hotpath {statistics.median(a) / n:.3f}, onnxruntime {statistics.median(b) / n:.3f} ns per element", flush=True)
    ours.close()
    if args.json:
        print(json.dumps({"onnxruntime": ort.__version__, "call_ns": call, "results": results}, indent=1))


if __name__ == "__main__":
    main()
