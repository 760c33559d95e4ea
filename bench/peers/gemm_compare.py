"""Matrix products against OpenBLAS (through numpy) and onnxruntime with packed weights: one thread each, in turns.

    python3 bench/peers/gemm_compare.py --hotpath bin/hotpath [--rounds 15] [--op OP] [--shape MxNxK] [--json]

side.py says how it measures. int8 is u8 times s8 to s32: "paired" weights are as hotpath's quantiser makes them, on which onnxruntime's
MatMulInteger is exact too; on the others it saturates without VNNI, and the share of wrong outputs is printed beside its time.
"""
import side

import numpy as np

OPS = {"gemm_f32": "f32", "gemm_u8s8s32_paired": "u8 paired", "gemm_u8s8s32": "u8"}


def product(op, a, b, c):
    """A run of a one-node model with constant weights, which onnxruntime packs, and its session."""
    s = side.session(side.model(op, {"a": a, "b": b}, {"c": c}, {"b": b}, opset=13))
    return s, side.bound(s, {"a": a}, {"c": c})


def peers(case):
    m, n, k = map(int, case["shape"].split("x"))
    r = np.random.default_rng(1)
    kind = OPS[case["op"]]
    copies = side.copies(case, n * k * (4 if kind == "f32" else 1))
    if kind == "f32":
        a, c = r.standard_normal((m, k), "f4"), np.empty((m, n), "f4")
        weights = [r.standard_normal((k, n), "f4") for _ in range(copies)]
        yield "OpenBLAS", side.in_turn([lambda b=b: np.matmul(a, b, out=c) for b in weights]), ""
        yield "onnxruntime", side.in_turn([product("MatMul", a, b, c)[1] for b in weights]), ""
        return
    limit = 63 if kind == "u8 paired" else 127
    a, c = r.integers(0, 256, (m, k), "u1"), np.empty((m, n), "i4")
    weights = [r.integers(-limit, limit + 1, (k, n), "i1") for _ in range(copies)]
    runs = [product("MatMulInteger", a, b, c) for b in weights]
    rows = min(m, 16)
    wrong = (runs[0][0].run(["c"], {"a": a})[0][:rows] != a[:rows].astype("i4") @ weights[0].astype("i4")).mean()
    yield "onnxruntime", side.in_turn([run for _, run in runs]), f"{100 * wrong:.0f} % of its outputs wrong" if wrong else "exact"


if __name__ == "__main__":
    side.main(__doc__, "gemm", OPS, peers)
