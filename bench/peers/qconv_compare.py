"""Int8 convolution layers of ResNet-50 and MobileNetV2 against onnxruntime's QLinearConv: one image, one thread each, in turns.

    python3 bench/peers/qconv_compare.py --hotpath bin/hotpath [--rounds 9] [--shape 64x64x56x3x1] [--json]

Shapes are channels x filters x size x kernel x stride. Both sides read and write u8 with channels last, the form in which onnxruntime
too runs them inside a network (com.microsoft QLinearConv, channels_last); "onnx" is the ONNX operator, channels first, as a model holds
it. hotpath measures on request (bench kernels --serve), every side by the CPU time of its own thread. Ratios are the peer's time over
hotpath's, the median of the rounds.
"""
import argparse
import json
import statistics

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import side
from side import Hotpath, timed

BATCH_NS = 3e6


def session(case, last):
    c, m, size, k, stride = map(int, case["shape"].split("x"))
    group = c if "depthwise" in case["op"] else 1
    out = (size - 1) // stride + 1
    r = np.random.default_rng(1)
    shapes = [[1, c, size, size], [1, m, out, out]]
    if last:
        shapes = [[s[0], s[2], s[3], s[1]] for s in shapes]
    consts = {"xs": np.float32(0.02), "xz": np.uint8(128), "w": r.integers(-128, 128, (m, c // group, k, k)).astype("i1"), "ws": np.float32(0.01),
              "wz": np.int8(0), "ys": np.float32(0.5), "yz": np.uint8(128)}
    attrs = {"domain": "com.microsoft", "channels_last": 1} if last else {}
    node = helper.make_node("QLinearConv", ["x", *consts], ["y"], group=group, strides=[stride] * 2, pads=[(k - 1) // 2] * 4, kernel_shape=[k, k], **attrs)
    x, y = (helper.make_tensor_value_info(n, TensorProto.UINT8, s) for n, s in zip("xy", shapes))
    graph = helper.make_graph([node], "g", [x], [y], [numpy_helper.from_array(np.asarray(v), n) for n, v in consts.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)], ir_version=8)
    s = side.session(model)
    io = s.io_binding()
    io.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(r.integers(0, 256, shapes[0]).astype("u1")))
    io.bind_ortvalue_output("y", ort.OrtValue.ortvalue_from_numpy(np.empty(shapes[1], "u1")))
    return lambda: s.run_with_iobinding(io)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--shape", default="")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    ours = Hotpath(args.hotpath, "qconv")
    results = []
    if not args.json:
        print(f"onnxruntime {ort.__version__}, numpy {np.__version__}; one thread; ratio = peer's time / hotpath's, quartiles in brackets")
    for case in ours.cases:
        if case["op"] not in ("qconv", "qconv_depthwise") or args.shape not in ("", case["shape"]):
            continue
        _, ns = ours.time(case, 0)
        runs = max(1, int(BATCH_NS / ns))
        sides = {name: session(case, last) for name, last in (("channels last", True), ("onnx", False))}
        counts = {name: max(1, int(BATCH_NS / min(timed(f, 1), timed(f, 1)))) for name, f in sides.items()}
        times = {name: [] for name in ("hotpath", *sides)}
        for _ in range(args.rounds):
            times["hotpath"].append(ours.time(case, runs)[1])
            for name, f in sides.items():
                times[name].append(timed(f, counts[name]))
        for name in sides:
            q = statistics.quantiles([b / a for a, b in zip(times["hotpath"], times[name])], n=4)
            us = {s: statistics.median(times[s]) / 1e3 for s in ("hotpath", name)}
            results.append({"op": case["op"], "shape": case["shape"], "peer": name, "ratio": q[1], "low": q[0], "high": q[2], "hotpath_us": us["hotpath"], "peer_us": us[name]})
            if not args.json:
                print(f"{case['op']:16} {case['shape']:18} {name:14} {q[1]:6.2f}x [{q[0]:.2f}, {q[2]:.2f}]  hotpath {us['hotpath']:8.1f}, onnxruntime {us[name]:8.1f} us", flush=True)
    ours.close()
    if args.json:
        print(json.dumps({"onnxruntime": ort.__version__, "results": results}, indent=1))


if __name__ == "__main__":
    main()
