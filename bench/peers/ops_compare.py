"""Operators, one node at a time: hotpath and onnxruntime on the same random inputs, NaN and infinities among them.

    python3 bench/peers/ops_compare.py --hotpath bin/hotpath

Builds a one-node model per case, runs both, and compares shapes, dtypes, where NaN is, and values: |difference| <= 2e-5 + 2e-5 |value|,
integers and Bool exactly. Exits 1 if any case fails.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(4)
r = np.random.default_rng(7)


def x(*shape, scale=3.0, special=False):
    v = np.asarray(r.standard_normal(shape) * scale, "f4")
    if special:
        flat = v.reshape(-1)
        values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38, -3e38, 0.5, 1.5, 88.7, -103.9], "f4")
        flat[: len(values)] = values[: flat.size]
    return v


def i64(*v):
    return np.array(v, "i8")


class Case:
    """One node. Inputs that are constants of the model come in const, by position; None is an omitted input."""

    def __init__(self, op, inputs, const=None, outputs=1, opset=20, name="", **attrs):
        self.op, self.inputs, self.const, self.outputs, self.opset, self.attrs = op, inputs, const or {}, outputs, opset, attrs
        self.name = f"{op} {name}".strip()

    def model(self):
        names, graph_in, init = [], [], []
        for k in range(max([len(self.inputs), *[k + 1 for k in self.const]])):
            if k in self.const:
                if self.const[k] is None:
                    names.append("")
                    continue
                names.append(f"c{k}")
                init.append(numpy_helper.from_array(self.const[k], f"c{k}"))
            else:
                names.append(f"x{k}")
                v = self.inputs[k]
                graph_in.append(helper.make_tensor_value_info(f"x{k}", helper.np_dtype_to_tensor_dtype(v.dtype), v.shape))
        out = [f"y{k}" for k in range(self.outputs)]
        node = helper.make_node(self.op, names, out, **self.attrs)
        graph = helper.make_graph([node], "g", graph_in, [helper.make_empty_tensor_value_info(o) for o in out], init)
        m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10)
        return onnx.shape_inference.infer_shapes(m)

    def feed(self):
        return {f"x{k}": v for k, v in enumerate(self.inputs) if k not in self.const}


def cases():
    s = x(5, 37, special=True)
    for op in ("Neg", "Abs", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Erf", "Exp", "Log", "Sigmoid", "Tanh", "Relu", "Softplus", "HardSigmoid", "LeakyRelu", "Elu"):
        yield Case(op, [s])
    yield Case("HardSwish", [x(4, 9)])
    yield Case("Gelu", [x(4, 33)])
    yield Case("Gelu", [x(4, 33)], approximate="tanh", name="tanh")
    yield Case("Clip", [s], {1: np.float32(-1), 2: np.float32(2)})
    yield Case("Clip", [s], {1: None, 2: np.float32(2)}, name="upper")
    for op in ("Add", "Sub", "Mul", "Div"):
        for a, b in (((4, 5, 6), (4, 5, 6)), ((4, 5, 6), (6,)), ((4, 5, 6), (5, 1)), ((4, 1, 6), (1, 5, 1)), ((), (3, 4)), ((2, 3, 1, 5), (3, 4, 1))):
            yield Case(op, [x(*a, special=a == b), x(*b)], name=f"{a} {b}")
    for op in ("Max", "Min"):
        yield Case(op, [x(3, 50, special=True), x(50), x(3, 1)])
    yield Case("Pow", [np.abs(x(4, 20)), x(4, 20, scale=1)])
    yield Case("Pow", [x(4, 20, special=True)], {1: np.float32(2)}, name="square")
    yield Case("Pow", [x(4, 20, special=True)], {1: np.float32(0.5)}, name="root")
    yield Case("Pow", [x(4, 20, special=True)], {1: np.float32(-3)}, name="cube")
    for op in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"):
        yield Case(op, [s, np.round(x(37))])
    b = r.random((4, 6)) < 0.5
    for op in ("And", "Or", "Xor"):
        yield Case(op, [b, b[0]])
    yield Case("Not", [b])
    yield Case("IsNaN", [s])
    yield Case("Where", [b, x(4, 6), x(6)])
    yield Case("Where", [b[:, :1], x(6), x(1, 1)], name="broadcast")
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceLogSum"):
        v = np.abs(x(3, 5, 70, scale=1)) if op == "ReduceLogSum" else x(3, 5, 70, scale=1)
        for axes in ((-1,), (0,), (1, 2), (0, 2)):
            if op == "ReduceLogSumExp" and axes == (0, 2):
                continue
            yield Case(op, [v], {1: i64(*axes)}, keepdims=int(axes != (0,)), name=str(axes))
        yield Case(op, [v], opset=11, axes=[1], name="attribute")
        yield Case(op, [v], name="all")
    yield Case("ArgMax", [np.round(x(3, 7, 5))], axis=1)
    yield Case("ArgMin", [np.round(x(3, 7, 5))], axis=-1, keepdims=0, select_last_index=1)
    yield Case("GlobalAveragePool", [x(2, 3, 7, 9)])
    yield Case("GlobalMaxPool", [x(2, 3, 7, 9)])
    for op in ("Softmax", "LogSoftmax"):
        for axis in (-1, 1, 0):
            yield Case(op, [x(3, 5, 40)], axis=axis, name=f"axis {axis}")
        yield Case(op, [x(3, 5, 4)], opset=11, name="opset 11")
    yield Case("Softmax", [x(5, 37, special=True)], name="special")
    yield Case("LayerNormalization", [x(4, 65), x(65), x(65)])
    yield Case("LayerNormalization", [x(2, 4, 8), x(4, 8)], axis=1, epsilon=1e-3, name="two axes")
    yield Case("BatchNormalization", [x(2, 3, 5, 7)], {1: x(3), 2: x(3), 3: x(3), 4: np.abs(x(3))})
    yield Case("BatchNormalization", [x(4, 3), x(3), x(3), x(3), np.abs(x(3))], name="matrix")
    yield Case("InstanceNormalization", [x(2, 3, 5, 7), x(3), x(3)])
    yield Case("GroupNormalization", [x(2, 6, 5, 7), x(6), x(6)], num_groups=3, opset=21)
    yield Case("RMSNormalization", [x(4, 65), x(65)], opset=23)
    yield Case("Transpose", [x(3, 4, 5)])
    for perm in ((0, 2, 1, 3), (0, 3, 1, 2), (3, 0, 2, 1)):
        yield Case("Transpose", [x(2, 3, 9, 17)], perm=perm, name=str(perm))
    yield Case("Expand", [x(3, 1)], {1: i64(2, 1, 6)})
    yield Case("Tile", [x(2, 3)], {1: i64(2, 3)})
    yield Case("Slice", [x(6, 9)], {1: i64(-1, 1), 2: i64(-100, 8), 3: i64(0, 1), 4: i64(-2, 3)})
    yield Case("Slice", [x(6, 9)], {1: i64(2), 2: i64(2**62)}, name="first axis")
    yield Case("Split", [x(6, 9)], {1: i64(2, 3, 4)}, axis=1, outputs=3)
    yield Case("Split", [x(7, 2)], num_outputs=3, outputs=3, name="uneven")
    yield Case("Gather", [x(5, 6, 7), i64(3, -1, 0)], axis=1)
    yield Case("Gather", [x(5, 6), np.array([[1, 2], [4, -5]], "i4")], name="table")
    for mode in ("constant", "edge", "reflect", "wrap"):
        yield Case("Pad", [x(4, 6)], {1: i64(1, 2, 3, 1)}, mode=mode, name=mode)
    yield Case("Pad", [x(4, 6)], {1: i64(-1, 2, 1, -3), 2: np.float32(7)}, name="cropped")
    yield Case("TopK", [x(3, 20)], {1: i64(4)}, outputs=2)
    yield Case("TopK", [x(20, 3)], {1: i64(4)}, axis=0, largest=0, outputs=2, name="smallest")
    yield from convolutions()


def convolutions():
    def conv(shape, weights, name, bias=True, **attrs):
        w = (r.standard_normal(weights) / np.sqrt(np.prod(weights[1:]))).astype("f4")
        return Case("Conv", [x(*shape, scale=1)], {1: w, **({2: x(weights[0])} if bias else {})}, name=name, **attrs)

    yield conv((2, 3, 17, 23), (8, 3, 3, 3), "3x3", pads=[1, 1, 1, 1])
    yield conv((1, 64, 14, 14), (64, 64, 3, 3), "3x3x64", pads=[1, 1, 1, 1])
    yield conv((1, 3, 33, 33), (20, 3, 7, 7), "7x7 stride 2", strides=[2, 2], pads=[3, 3, 3, 3], bias=False)
    yield conv((2, 300, 9, 9), (35, 300, 1, 1), "1x1")
    yield conv((1, 24, 15, 15), (24, 1, 3, 3), "depthwise", group=24, pads=[1, 1, 1, 1], strides=[2, 2])
    yield conv((1, 12, 15, 15), (9, 4, 3, 3), "groups", group=3, dilations=[2, 2])
    yield conv((1, 8, 50), (16, 8, 5), "1-d", pads=[2, 2])
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield conv((1, 4, 10, 11), (5, 4, 3, 2), auto, auto_pad=auto, strides=[2, 2])
    for op in ("MaxPool", "AveragePool"):
        yield Case(op, [x(2, 3, 13, 14)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], name="3x3")
        yield Case(op, [x(2, 3, 13, 14)], kernel_shape=[3, 2], strides=[2, 3], ceil_mode=1, name="ceil")
        yield Case(op, [x(2, 3, 20)], kernel_shape=[4], auto_pad="SAME_LOWER", name="1-d")
    yield Case("MaxPool", [x(1, 2, 13, 14)], kernel_shape=[3, 3], dilations=[2, 2], name="dilated")
    yield Case("AveragePool", [x(1, 2, 13, 14)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1, name="padding counts")


def difference(ours, theirs):
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return f"{ours.dtype}{ours.shape}, onnxruntime {theirs.dtype}{theirs.shape}"
    if ours.dtype != np.float32:
        return "" if np.array_equal(ours, theirs) else f"{(ours != theirs).sum()} elements differ"
    if not np.allclose(ours, theirs, rtol=2e-5, atol=2e-5, equal_nan=True):
        bad = ~np.isclose(ours, theirs, rtol=2e-5, atol=2e-5, equal_nan=True)
        return f"{bad.sum()} elements differ, {ours[bad][:3]} and {theirs[bad][:3]}"
    return ""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    hotpath = pathlib.Path(p.parse_args().hotpath).resolve()
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, numpy {np.__version__}")
    failed = total = 0
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        for c in cases():
            total += 1
            m = c.model()
            onnx.save(m, tmp / "m.onnx")
            np.savez(tmp / "in.npz", **c.feed())
            run = subprocess.run([hotpath, "run", tmp / "m.onnx", "--input", tmp / "in.npz", "--output", tmp / "out.npz"], capture_output=True, text=True)
            if run.returncode != 0:
                failed += 1
                print(f"FAIL  {c.name}: {run.stderr.strip()}")
                continue
            try:
                theirs = ort.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, c.feed())
            except Exception as e:  # onnxruntime has no kernel for it
                print(f"skip  {c.name}: {str(e).splitlines()[0][:120]}")
                continue
            ours = dict(np.load(tmp / "out.npz"))
            problems = [t for k, v in enumerate(theirs) if (t := difference(ours[f"y{k}"], np.asarray(v)))]
            if problems:
                failed += 1
                print(f"FAIL  {c.name}: {'; '.join(problems)}")
    print(f"{total} cases, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
