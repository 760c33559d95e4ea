"""A small convolutional network, quantised by hotpath, must answer in onnxruntime as it does in hotpath.

    python3 bench/peers/quantized_cnn_compare.py --hotpath bin/hotpath

Builds a network on scikit-learn's digits (3x3, strided, depthwise and 1x1 convolutions, ReLU, Clip, a residual, pooling) with random
convolutions and a classifier fitted to them, quantises it with the binary, and runs the file in both: the same decision on >= 99 % of
images, scores within one quantum of what the last product computes for >= 99 % of them, accuracy within 1 point of the float model's.
Exits 1 if any check fails.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

ort.set_default_logger_severity(4)
r = np.random.default_rng(3)
failures = 0


def check(ok, text):
    global failures
    print(("ok    " if ok else "FAIL  ") + text)
    failures += not ok


class Builder:
    def __init__(self):
        self.nodes, self.init = [], []

    def const(self, name, v):
        self.init.append(numpy_helper.from_array(np.asarray(v, "f4"), name))
        return name

    def add(self, op, inputs, out, **attrs):
        self.nodes.append(helper.make_node(op, inputs, [out], name=out, **attrs))
        return out

    def conv(self, x, out, c, m, k, group=1, **attrs):
        fan = c // group * k * k
        w = self.const(out + ".w", r.standard_normal((m, c // group, k, k)) * (2 / fan) ** 0.5)
        b = self.const(out + ".b", r.standard_normal(m) * 0.1)
        return self.add("Conv", [x, w, b], out, group=group, pads=[k // 2] * 4, **attrs)

    def model(self, outputs):
        x = helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 1, 8, 8])
        out = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs]
        m = helper.make_model(helper.make_graph(self.nodes, "cnn", [x], out, self.init), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(m)
        return m


def features(b):
    x = b.add("Relu", [b.conv("input", "c1", 1, 16, 3)], "r1")
    x = b.add("MaxPool", [x], "p1", kernel_shape=[2, 2], strides=[1, 1])
    x = b.add("Relu", [b.conv(x, "c2", 16, 40, 3, strides=[2, 2])], "r2")
    y = b.add("Clip", [b.conv(x, "d1", 40, 40, 3, group=40), b.const("lo", np.float32(0)), b.const("hi", np.float32(6))], "k1")
    y = b.conv(y, "c3", 40, 40, 1)
    x = b.add("Relu", [b.add("Add", [y, x], "a1")], "r3")
    z = b.add("Sigmoid", [b.conv(x, "c4", 40, 24, 1)], "s1")
    w = b.conv(x, "c5", 40, 24, 3)
    x = b.add("Concat", [b.add("Mul", [z, w], "m1"), x], "j1", axis=1)
    x = b.add("AveragePool", [x], "p2", kernel_shape=[2, 2], strides=[2, 2])
    return b.add("Flatten", [x], "f")


def run(session, x):
    return session.run(None, {"input": x})[0]


def session(m):
    return ort.InferenceSession(m if isinstance(m, str) else m.SerializeToString(), providers=["CPUExecutionProvider"])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    hotpath = pathlib.Path(p.parse_args().hotpath).resolve()
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, numpy {np.__version__}")
    d = load_digits()
    x, t = (d.data / 16).astype("f4").reshape(-1, 1, 8, 8), d.target
    b = Builder()
    f = run(session((features(b), b.model([("f", [None, 256])]))[1]), x)
    fitted = LogisticRegression(max_iter=300).fit(f[::2], t[::2])
    b.add("Gemm", ["f", b.const("w", fitted.coef_.T), b.const("b", fitted.intercept_)], "z")
    b.add("Softmax", ["z"], "output")
    m = b.model([("output", [None, 10])])
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        onnx.save(m, tmp / "m.onnx")
        np.savez(tmp / "calibrate.npz", input=x[::4])
        np.savez(tmp / "in.npz", input=x)
        report = json.loads(subprocess.run([hotpath, "quantize", tmp / "m.onnx", "--scheme", "int8", "--calibrate", tmp / "calibrate.npz", "--out", tmp / "q.onnx", "--json"],
                                           check=True, capture_output=True, text=True).stdout)
        check(len(report["layers"]) == 7, f"{len(report['layers'])} layers quantised, weights {report['weights_ratio']:.2f} of the float model's")
        onnx.checker.check_model(str(tmp / "q.onnx"), full_check=True)
        ours = {}
        for name in ("m", "q"):
            subprocess.run([hotpath, "run", tmp / f"{name}.onnx", "--input", tmp / "in.npz", "--output", tmp / "out.npz"], check=True)
            ours[name] = np.load(tmp / "out.npz")["output"]
        theirs = {name: run(session(str(tmp / f"{name}.onnx")), x) for name in ("m", "q")}
        check(np.abs(ours["m"] - theirs["m"]).max() < 1e-5, f"f32: scores differ by {np.abs(ours['m'] - theirs['m']).max():.1e} at most")
        same = (ours["q"].argmax(1) == theirs["q"].argmax(1)).mean()
        check(same >= 0.99, f"int8: the same decision on {100 * same:.2f} %")
        z = [np.log(np.maximum(v["q"], 1e-30)) for v in (ours, theirs)]
        z = [v - v.mean(1, keepdims=True) for v in z]
        quantum = np.ptp(z[1]) / 255
        close = (np.abs(z[0] - z[1]).max(1) <= quantum).mean()
        check(close >= 0.99, f"int8: logits within a quantum of their range on {100 * close:.2f} %, differ by {np.abs(z[0] - z[1]).max() / quantum:.2f} quanta at most")
        accuracy = {name: (ours[name].argmax(1) == t)[1::2].mean() for name in ours}
        check(accuracy["m"] - accuracy["q"] <= 0.01, f"accuracy {accuracy['q']:.4f}, was {accuracy['m']:.4f}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
