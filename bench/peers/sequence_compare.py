"""Attention, LSTM and GRU against onnxruntime, one thread each, in turns.

    python3 bench/peers/sequence_compare.py --hotpath bin/hotpath [--rounds 9] [--op lstm]

Of onnxruntime the fastest of its ways counts: MatMul, Softmax, MatMul; Attention of opset 23; com.microsoft MultiHeadAttention (or
GroupQueryAttention where heads are grouped). Times are of the thread's own clock; ratios are the peer's time over hotpath's, the median of
the rounds.
"""
import argparse
import statistics

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import side
from side import BATCH_NS, Hotpath, timed

ort.set_default_logger_severity(4)
r = np.random.default_rng(1)


def random(*shape):
    return (r.standard_normal(shape) * 0.5).astype("f4")


def session(nodes, feeds, outputs, init=(), opset=23):
    """A function that runs the graph on its feeds, or None where onnxruntime has no kernel for it."""
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in feeds.items()],
                              [helper.make_empty_tensor_value_info(o) for o in outputs], [numpy_helper.from_array(v, n) for n, v in init])
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)], ir_version=10)
    try:
        s = side.session(onnx.shape_inference.infer_shapes(m))
        s.run(outputs, feeds)
    except Exception:
        return None
    io = s.io_binding()
    for n, v in feeds.items():
        io.bind_ortvalue_input(n, ort.OrtValue.ortvalue_from_numpy(v))
    for o, v in zip(outputs, s.run(outputs, feeds)):
        io.bind_ortvalue_output(o, ort.OrtValue.ortvalue_from_numpy(v))
    return lambda: s.run_with_iobinding(io)


def attention(heads, kv, rows, keys, dim):
    causal = int(rows == keys and rows > 1000)  # as the cases of bench/kernels/sequence.go
    q, k, v = random(1, heads, rows, dim), random(1, kv, keys, dim), random(1, kv, keys, dim)
    feeds = {"q": q, "k": k, "v": v}
    yield "Attention", session([helper.make_node("Attention", ["q", "k", "v"], ["y"], is_causal=causal)], feeds, ["y"])
    if kv == heads and not causal:
        yield "MatMul", session([helper.make_node("MatMul", ["q", "kt"], ["s"]), helper.make_node("Softmax", ["s"], ["p"]), helper.make_node("MatMul", ["p", "v"], ["y"])],
                                {"q": q, "kt": np.ascontiguousarray(k.transpose(0, 1, 3, 2)), "v": v}, ["y"])
    flat = {n: np.ascontiguousarray(t.transpose(0, 2, 1, 3)).reshape(1, t.shape[2], -1) for n, t in feeds.items()}
    if kv == heads:
        yield "MultiHeadAttention", session([helper.make_node("MultiHeadAttention", ["q", "k", "v"], ["y"], domain="com.microsoft", num_heads=heads, unidirectional=causal)], flat, ["y"])
        return
    past = {"pk": np.ascontiguousarray(k[:, :, :-1]), "pv": np.ascontiguousarray(v[:, :, :-1]), "n": np.array([keys - 1], "i4"), "t": np.array(keys, "i4")}
    new = {"q": flat["q"], "k": np.ascontiguousarray(flat["k"][:, -1:]), "v": np.ascontiguousarray(flat["v"][:, -1:]), **past}
    yield "GroupQueryAttention, cache copied", session([helper.make_node("GroupQueryAttention", ["q", "k", "v", "pk", "pv", "n", "t"], ["y", "ok", "ov"], domain="com.microsoft", num_heads=heads, kv_num_heads=kv)],
                                                       new, ["y", "ok", "ov"])


def recurrent(op, batch, steps, inputs, hidden):
    gates = {"LSTM": 4, "GRU": 3}[op]
    init = [("w", random(1, gates * hidden, inputs)), ("r", random(1, gates * hidden, hidden)), ("b", random(1, 2 * gates * hidden))]
    yield op, session([helper.make_node(op, ["x", "w", "r", "b"], ["y"], hidden_size=hidden)], {"x": random(steps, batch, inputs)}, ["y"], init, opset=20)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--op", default="")
    args = p.parse_args()
    print(f"onnxruntime {ort.__version__}; one thread; ratio = peer's time / hotpath's, quartiles in brackets")
    for op in ("attention", "lstm", "gru"):
        if not op.startswith(args.op):
            continue
        ours = Hotpath(args.hotpath, op)
        for case in ours.cases:
            sizes = list(map(int, case["shape"].split("x")))
            runs, ns = ours.time(case, 0)
            runs = max(1, int(BATCH_NS / ns))
            sides = [(name, f) for name, f in (attention(*sizes) if op == "attention" else recurrent(op.upper(), *sizes)) if f]
            for name, f in sides:
                n = max(1, int(BATCH_NS / min(timed(f, 1), timed(f, 1))))
                pairs = [(ours.time(case, runs)[1], timed(f, n)) for _ in range(args.rounds)]
                q = statistics.quantiles([b / a for a, b in pairs], n=4)
                print(f"{op:10} {case['shape']:22} {name:34} {q[1]:6.2f}x [{q[0]:.2f}, {q[2]:.2f}]  hotpath {statistics.median(a for a, _ in pairs) / 1e3:9.1f} µs", flush=True)
        ours.close()


if __name__ == "__main__":
    main()
