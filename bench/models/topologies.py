"""Networks written node by node as exporters write them: ResNet-18 and -50 and MobileNetV2 with seeded weights, MiniLM-L6 with its own.

MODELS maps a file name to a function of the folder (where fetched weights lie) that gives a Network to save.
"""
import json
import struct

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Network:
    """Nodes over named values, in the order they are added."""

    def __init__(self, opset):
        self.opset, self.nodes, self.weights, self.count = opset, [], [], 0
        self.inputs, self.outputs = [], []
        self.random = np.random.default_rng(1)

    def constant(self, value, dtype="f4"):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def add(self, op, *inputs, name=None, **attrs):
        self.count += 1
        name = name or f"v{self.count}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attrs))
        return name

    def input(self, name, dtype, shape):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name, dtype, shape):
        self.outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def save(self, path):
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs, self.weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8), path)

    # Networks of images.

    def conv(self, x, c, m, k, stride=1, group=1, act=None):
        """Convolution, BatchNormalization and an activation."""
        r = self.random
        w = r.standard_normal((m, c // group, k, k)) * np.sqrt(2 / (c // group * k * k))
        x = self.add("Conv", x, self.constant(w), strides=[stride, stride], pads=[k // 2] * 4, group=group)
        scales = (r.uniform(0.5, 1, m), r.standard_normal(m) * 0.1, r.standard_normal(m) * 0.1, r.uniform(0.8, 1.2, m))
        x = self.add("BatchNormalization", x, *[self.constant(v) for v in scales])
        if act == "relu":
            return self.add("Relu", x)
        if act == "relu6":
            return self.add("Clip", x, self.constant(0), self.constant(6))
        return x

    def classify(self, x, channels):
        x = self.add("Flatten", self.add("GlobalAveragePool", x))
        w = self.random.standard_normal((1000, channels)) / np.sqrt(channels)
        self.output(self.add("Gemm", x, self.constant(w), self.constant(np.zeros(1000)), transB=1), TensorProto.FLOAT, ["n", 1000])
        return self


def images():
    n = Network(17)
    return n, n.input("x", TensorProto.FLOAT, ["n", 3, 224, 224])


def resnet18(_=None):
    n, x = images()
    x, c = n.add("MaxPool", n.conv(x, 3, 64, 7, 2, act="relu"), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 64
    for width, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for s in (first, 1):
            y = n.conv(n.conv(x, c, width, 3, s, act="relu"), width, width, 3)
            x = n.add("Relu", n.add("Add", y, n.conv(x, c, width, 1, s) if s != 1 or c != width else x))
            c = width
    return n.classify(x, c)


def resnet50(_=None):
    n, x = images()
    x, c = n.add("MaxPool", n.conv(x, 3, 64, 7, 2, act="relu"), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 64
    for width, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            s = first if i == 0 else 1
            y = n.conv(n.conv(x, c, width, 1, act="relu"), width, width, 3, s, act="relu")
            y = n.conv(y, width, 4 * width, 1)
            x = n.add("Relu", n.add("Add", y, n.conv(x, c, 4 * width, 1, s) if i == 0 else x))
            c = 4 * width
    return n.classify(x, c)


def mobilenet_v2(_=None):
    n, x = images()
    x, c = n.conv(x, 3, 32, 3, 2, act="relu6"), 32
    for expand, m, blocks, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(blocks):
            s, e = first if i == 0 else 1, c * expand
            y = n.conv(x, c, e, 1, act="relu6") if expand > 1 else x
            y = n.conv(n.conv(y, e, e, 3, s, e, act="relu6"), e, m, 1)
            x, c = (n.add("Add", x, y) if s == 1 and c == m else y), m
    return n.classify(n.conv(x, c, 1280, 1, act="relu6"), 1280)


# MiniLM-L6: BERT with 6 layers of 12 heads of 32, and the mean of its tokens as the embedding of a sentence.

HIDDEN, HEADS, LAYERS, EPSILON = 384, 12, 6, 1e-12


def safetensors(path):
    """Name to array of a safetensors file of float32."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    out = {}
    for name, t in header.items():
        if name != "__metadata__" and t["dtype"] == "F32":
            begin, end = t["data_offsets"]
            out[name] = np.frombuffer(data[8 + size + begin:8 + size + end], "<f4").reshape(t["shape"])
    return out


class MiniLM(Network):
    def __init__(self, opset, weights):
        super().__init__(opset)
        self.w = weights

    def linear(self, x, name):
        x = self.add("MatMul", x, self.constant(self.w[name + ".weight"].T))
        return self.add("Add", self.constant(self.w[name + ".bias"]), x)

    def norm(self, x, name):
        scale, bias = self.constant(self.w[name + ".weight"]), self.constant(self.w[name + ".bias"])
        if self.opset >= 17:
            return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)
        d = self.add("Sub", x, self.add("ReduceMean", x, axes=[-1]))
        variance = self.add("ReduceMean", self.add("Pow", d, self.constant(2)), axes=[-1])
        d = self.add("Div", d, self.add("Sqrt", self.add("Add", variance, self.constant(EPSILON))))
        return self.add("Add", self.add("Mul", d, scale), bias)

    def gelu(self, x):
        if self.opset >= 20:
            return self.add("Gelu", x)
        e = self.add("Erf", self.add("Div", x, self.constant(np.sqrt(2))))
        return self.add("Mul", self.add("Mul", x, self.add("Add", e, self.constant(1))), self.constant(0.5))

    def heads(self, x, perm):
        x = self.add("Reshape", x, self.constant([0, 0, HEADS, HIDDEN // HEADS], "i8"))
        return self.add("Transpose", x, perm=perm)

    def layer(self, x, mask, name):
        a = name + ".attention."
        q = self.heads(self.linear(x, a + "self.query"), [0, 2, 1, 3])
        k = self.heads(self.linear(x, a + "self.key"), [0, 2, 3, 1])
        v = self.heads(self.linear(x, a + "self.value"), [0, 2, 1, 3])
        scores = self.add("Div", self.add("MatMul", q, k), self.constant(np.sqrt(HIDDEN // HEADS)))
        p = self.add("Softmax", self.add("Add", scores, mask), axis=-1)
        y = self.add("Transpose", self.add("MatMul", p, v), perm=[0, 2, 1, 3])
        y = self.add("Reshape", y, self.constant([0, 0, HIDDEN], "i8"))
        x = self.norm(self.add("Add", self.linear(y, a + "output.dense"), x), a + "output.LayerNorm")
        y = self.linear(self.gelu(self.linear(x, name + ".intermediate.dense")), name + ".output.dense")
        return self.norm(self.add("Add", y, x), name + ".output.LayerNorm")


def minilm(folder, opset):
    n = MiniLM(opset, safetensors(folder / "minilm.safetensors"))
    ids, mask, types = (n.input(name, TensorProto.INT64, ["B", "S"]) for name in ("input_ids", "attention_mask", "token_type_ids"))
    one = n.constant([1], "i8")
    length = n.add("Slice", n.add("Shape", ids), one, n.constant([2], "i8"))
    positions = n.add("Slice", n.constant(np.arange(512)[None], "i8"), n.constant([0], "i8"), length, one)
    x = n.add("Add", n.add("Gather", n.constant(n.w["embeddings.word_embeddings.weight"]), ids),
              n.add("Gather", n.constant(n.w["embeddings.token_type_embeddings.weight"]), types))
    x = n.add("Add", x, n.add("Gather", n.constant(n.w["embeddings.position_embeddings.weight"]), positions))
    x = n.norm(x, "embeddings.LayerNorm")
    far = n.add("Cast", n.add("Unsqueeze", mask, n.constant([1, 2], "i8")), to=TensorProto.FLOAT)
    far = n.add("Mul", n.add("Sub", n.constant(1), far), n.constant(np.finfo("f4").min))
    for i in range(LAYERS):
        x = n.layer(x, far, f"encoder.layer.{i}")
    x = n.add("Identity", x, name="last_hidden_state")
    weight = n.add("Cast", n.add("Unsqueeze", mask, n.constant([-1], "i8")), to=TensorProto.FLOAT)
    axis = n.constant([1], "i8")
    total = n.add("ReduceSum", n.add("Mul", x, weight), axis, keepdims=0)
    mean = n.add("Div", total, n.add("Clip", n.add("ReduceSum", weight, axis, keepdims=0), n.constant(1e-9)))
    if opset >= 18:
        length = n.add("ReduceL2", mean, n.constant([1], "i8"), keepdims=1)
    else:
        length = n.add("ReduceL2", mean, axes=[1], keepdims=1)
    n.add("Div", mean, n.add("Clip", length, n.constant(1e-12)), name="sentence_embedding")
    n.output("last_hidden_state", TensorProto.FLOAT, ["B", "S", HIDDEN])
    n.output("sentence_embedding", TensorProto.FLOAT, ["B", HIDDEN])
    return n


MODELS = {
    "resnet18.onnx": resnet18,
    "resnet50.onnx": resnet50,
    "mobilenet_v2.onnx": mobilenet_v2,
    "minilm.onnx": lambda folder: minilm(folder, 14),
    "minilm20.onnx": lambda folder: minilm(folder, 20),
}
