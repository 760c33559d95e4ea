"""Convolutions of ResNet-50 and MobileNetV2 against onnxruntime: one image, bias and ReLU, one thread each, in turns.

    python3 bench/peers/conv_compare.py --hotpath bin/hotpath [--rounds 9] [--layer 64x64x56x3] [--json]

hotpath measures its packed-channel layers on request (bench kernels --serve); every side by the CPU time of its own thread. onnxruntime
has a layout of its own too, so it is measured twice: "single" is a model of one layer, which reorders its input and output; "chain" is
four layers in a row, where that cost is spread: four equal ones, or two pairs there and back (64 to 256 and 256 to 64 channels), which is
set beside both layers of hotpath together. Ratios are onnxruntime's time over hotpath's, the median of the rounds.
"""
import argparse
import json
import re
import statistics

import side
from side import BATCH_NS, Hotpath, timed  # before numpy: it sets the environment that numpy's BLAS reads

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper


def session(layers, size):
    """A model of (channels, filters, kernel, stride, groups) layers with ReLU, on input x."""
    r = np.random.default_rng(1)
    nodes, weights, name = [], [], "x"
    for i, (c, m, k, s, g) in enumerate(layers):
        weights += [numpy_helper.from_array((r.standard_normal((m, c // g, k, k)) / np.sqrt(c // g * k * k)).astype("f4"), f"w{i}"),
                    numpy_helper.from_array(r.standard_normal(m).astype("f4"), f"b{i}")]
        nodes += [helper.make_node("Conv", [name, f"w{i}", f"b{i}"], [f"c{i}"], pads=[k // 2] * 4, strides=[s, s], group=g), helper.make_node("Relu", [f"c{i}"], [f"y{i}"])]
        name = f"y{i}"
    out = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, layers[0][0], size, size])
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [out], weights), opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    s = side.session(model)
    io = s.io_binding()
    io.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(r.standard_normal((1, layers[0][0], size, size)).astype("f4")))
    io.bind_output(name, "cpu")
    return lambda: s.run_with_iobinding(io)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--layer", default="", help="only layers whose name starts so")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    ours = Hotpath(args.hotpath, "conv_")
    index = {c["shape"]: i for i, c in enumerate(ours.cases) if not c["op"].endswith("_planes")}
    results = []
    if not args.json:
        print(f"onnxruntime {ort.__version__}; one thread; ratio = its time / hotpath's")
    for shape, i in index.items():
        if not shape.startswith(args.layer):
            continue
        c, m, size, k, s = map(int, re.fullmatch(r"(\d+)x(\d+)x(\d+)x(\d+)(?:s(\d))?", shape).groups("1"))
        groups = c if ours.cases[i]["op"] == "conv_depthwise_f32" else 1
        forth, back, other = (c, m, k, s, groups), (m, c, k, s, groups), f"{m}x{c}x{size}x{k}"
        sides = {"single": (session([forth], size), 1, [i])}
        if s == 1 and other in index:
            sides["chain"] = (session([forth, back, forth, back], size), 2 if other != shape else 4, [i, index[other]] if other != shape else [i])
        runs = {j: max(1, int(BATCH_NS / ours.time(ours.cases[j], 0)[1])) for j in {i, index.get(other, i)}}
        counts = {name: max(1, int(BATCH_NS / min(timed(f, 1), timed(f, 1)))) for name, (f, _, _) in sides.items()}
        ratios = {name: [] for name in sides}
        best = []
        for _ in range(args.rounds):
            mine = {j: ours.time(ours.cases[j], n)[1] for j, n in runs.items()}
            best.append(mine[i])
            for name, (f, repeats, cases) in sides.items():
                ratios[name].append(timed(f, counts[name]) / repeats / sum(mine[j] for j in cases))
        row = {"layer": shape, "groups": groups, "us": statistics.median(best) / 1e3, **{name: statistics.median(r) for name, r in ratios.items()}}
        results.append(row)
        if not args.json:
            print(f"{shape:18}{' depthwise' if groups > 1 else '':10} {row['us']:9.1f} us  single {row['single']:5.2f}x" + (f"  chain {row['chain']:5.2f}x" if "chain" in row else ""), flush=True)
    ours.close()
    if args.json:
        print(json.dumps({"onnxruntime": ort.__version__, "results": results}, indent=1))


if __name__ == "__main__":
    main()
