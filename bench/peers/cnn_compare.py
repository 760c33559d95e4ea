"""Whole networks of images against onnxruntime on one thread: ResNet-50 and MobileNetV2 with random weights, as exporters write them.

    python3 bench/peers/cnn_compare.py --hotpath bin/hotpath [--rounds 5]

Both read the same file: convolutions, BatchNormalization, Relu or Clip, Add, pooling, Gemm. Prints the largest difference of an answer
relative to the largest answer, the median latency of one image on both sides, and their ratio.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper


class Network:
    def __init__(self):
        self.r, self.nodes, self.weights, self.count = np.random.default_rng(1), [], [], 0

    def constant(self, value):
        self.weights.append(numpy_helper.from_array(np.asarray(value, "f4"), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def add(self, op, *inputs, **attrs):
        self.count += 1
        self.nodes.append(helper.make_node(op, list(inputs), [f"v{self.count}"], **attrs))
        return f"v{self.count}"

    def conv(self, x, c, m, k, stride=1, group=1, act=None):
        w = self.r.standard_normal((m, c // group, k, k)) * np.sqrt(2 / (c // group * k * k))
        x = self.add("Conv", x, self.constant(w), strides=[stride, stride], pads=[k // 2] * 4, group=group)
        ones = [self.constant(v) for v in (self.r.uniform(0.5, 1, m), self.r.standard_normal(m) * 0.1, self.r.standard_normal(m) * 0.1, self.r.uniform(0.8, 1.2, m))]
        x = self.add("BatchNormalization", x, *ones)
        if act == "relu":
            return self.add("Relu", x)
        if act == "relu6":
            return self.add("Clip", x, self.constant(0), self.constant(6))
        return x

    def model(self, x, channels):
        x = self.add("Flatten", self.add("GlobalAveragePool", x))
        x = self.add("Gemm", x, self.constant(self.r.standard_normal((1000, channels)) / np.sqrt(channels)), self.constant(np.zeros(1000)), transB=1)
        value = helper.make_tensor_value_info
        graph = helper.make_graph(self.nodes, "g", [value("x", TensorProto.FLOAT, ["n", 3, 224, 224])], [value(x, TensorProto.FLOAT, ["n", 1000])], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def resnet50():
    n = Network()
    x = n.add("MaxPool", n.conv("x", 3, 64, 7, 2, act="relu"), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    c = 64
    for width, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            s = first if i == 0 else 1
            y = n.conv(n.conv(x, c, width, 1, act="relu"), width, width, 3, s, act="relu")
            y = n.conv(y, width, 4 * width, 1)
            x = n.add("Relu", n.add("Add", y, n.conv(x, c, 4 * width, 1, s) if i == 0 else x))
            c = 4 * width
    return n.model(x, c)


def mobilenet_v2():
    n = Network()
    x, c = n.conv("x", 3, 32, 3, 2, act="relu6"), 32
    for expand, m, blocks, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(blocks):
            s, e = first if i == 0 else 1, c * expand
            y = n.conv(x, c, e, 1, act="relu6") if expand > 1 else x
            y = n.conv(n.conv(y, e, e, 3, s, e, act="relu6"), e, m, 1)
            x, c = (n.add("Add", x, y) if s == 1 and c == m else y), m
    return n.model(n.conv(x, c, 1280, 1, act="relu6"), 1280)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--rounds", type=int, default=5)
    args = p.parse_args()
    hotpath = pathlib.Path(args.hotpath).resolve()

    def ours(*a):
        return subprocess.run([hotpath, *map(str, a)], check=True, capture_output=True, text=True).stdout

    print(ours("--version").strip(), "| onnxruntime", ort.__version__)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        for name, build in (("resnet50", resnet50), ("mobilenet_v2", mobilenet_v2)):
            onnx.save(build(), tmp / "m.onnx")
            s = ort.InferenceSession(str(tmp / "m.onnx"), options, providers=["CPUExecutionProvider"])
            x = np.random.default_rng(2).standard_normal((1, 3, 224, 224)).astype("f4")
            np.savez(tmp / "in.npz", x=x)
            ours("run", tmp / "m.onnx", "--input", tmp / "in.npz", "--output", tmp / "out.npz")
            mine, theirs = next(iter(np.load(tmp / "out.npz").values())), s.run(None, {"x": x})[0]
            difference = np.abs(mine - theirs).max() / np.abs(theirs).max()
            times = []
            for _ in range(args.rounds):
                us = json.loads(ours("bench", "model", tmp / "m.onnx", "--shape", "x=1x3x224x224", "--seconds", 1, "--json"))["p50_us"]
                peer, end = [], time.perf_counter() + 1
                while time.perf_counter() < end:
                    t = time.perf_counter_ns()
                    s.run(None, {"x": x})
                    peer.append((time.perf_counter_ns() - t) / 1e3)
                times.append((us, np.median(peer)))
            us, peer = np.median(np.array(times), axis=0)
            print(f"{name:14} difference {difference:.1e}  hotpath {us / 1e3:7.2f} ms  onnxruntime {peer / 1e3:7.2f} ms  ratio {np.median([b / a for a, b in times]):.2f}", flush=True)


if __name__ == "__main__":
    main()
