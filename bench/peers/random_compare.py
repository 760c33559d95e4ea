"""Random graphs: hotpath and onnxruntime on the same models and inputs, and hotpath with itself.

    python3 bench/peers/random_compare.py --hotpath bin/hotpath [--seeds 1:60]

A seed makes a graph of 10 to 80 operators over static and symbolic dimensions. The answer has to be onnxruntime's (|difference| <= 1e-4 of the
largest value, more where a change of the inputs by a millionth changes onnxruntime's own answer more), and the same bits on the reference tier,
on two threads, from the plan cache, of the model that `optimize` writes, and, where `inspect` says that rows are independent, of each row alone.
NaN and infinities, which a fifth of the inputs have, are where they are without fusions.
Exits 1 if any graph fails.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(4)


class Value:
    """size bounds the magnitude; exact: no rounding on the way here, so that a comparison or rounding of it has one answer."""

    def __init__(self, name, shape, size=4.0, exact=False):
        self.name, self.shape, self.size, self.exact = name, tuple(shape), size, exact
        self.rank, self.count = len(self.shape), int(np.prod(self.shape))


class Graph:
    """The operators of one seed. Every method whose name starts with an underscore is no step; a step takes a value and appends what it computes."""

    def __init__(self, seed):
        self.r = r = np.random.default_rng(seed)
        self.opset = int(r.choice([11, 13, 17, 18, 20, 21, 22]))
        self.nodes, self.constants, self.inputs, self.values, self.feed, self.serial = [], [], [], [], {}, 0
        batch = int(r.integers(1, 4))
        for k in range(int(r.integers(1, 4))):
            shape = (batch, *(int(r.choice([1, 2, 3, 4, 5, 7, 8, 16, 17, 33])) for _ in range(int(r.integers(0, 4)))))
            known = r.random(len(shape)) < r.choice([0, 0.5, 1])
            dims = [d if fixed else ("N" if a == 0 else f"d{k}_{a}") for a, (d, fixed) in enumerate(zip(shape, known))]
            self.inputs.append(helper.make_tensor_value_info(f"x{k}", TensorProto.FLOAT, dims))
            self.feed[f"x{k}"] = (r.standard_normal(shape) * 1.5).clip(-4, 4).astype("f4")
            self.values.append(Value(f"x{k}", shape, exact=True))
        self.poisoned = bool(r.random() < 0.2)
        if self.poisoned:
            for a in self.feed.values():
                a.reshape(-1)[r.integers(a.size)] = r.choice([np.nan, np.inf, -np.inf])
        steps = [getattr(self, s) for s in dir(self) if not s.startswith("_") and callable(getattr(self, s))]
        for _ in range(int(r.integers(10, 80))):
            recent = self.values[-int(r.choice([1, 3, 99])):]
            v = recent[r.integers(len(recent))]
            if v.size > 100:
                v = self._op("Tanh", [v], v.shape, 1)
            steps[r.integers(len(steps))](v)
        used = {n for node in self.nodes for n in node.input}
        self.outputs = [v for v in self.values if v.name not in self.feed and (v.name not in used or r.random() < 0.1)]

    def _model(self):
        info = [helper.make_tensor_value_info(v.name, TensorProto.FLOAT, None) for v in self.outputs]
        graph = helper.make_graph(self.nodes, "random", self.inputs, info, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)

    def _name(self):
        self.serial += 1
        return f"v{self.serial}"

    def _node(self, op, inputs, outputs=1, **attributes):
        names = [self._name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, [v if isinstance(v, str) else v.name for v in inputs], names, **attributes))
        return names[0] if outputs == 1 else names

    def _op(self, op, inputs, shape, size, exact=False, **attributes):
        return self._add(self._node(op, inputs, **attributes), shape, size, exact)

    def _add(self, name, shape, size, exact=False):
        v = Value(name, shape, size, exact)
        if 0 < v.count <= 40000 and v.rank <= 5:
            self.values.append(v)
        return v

    def _const(self, array):
        name = self._name()
        array = np.asarray(array)
        if self.r.random() < 0.2:
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        else:
            self.constants.append(numpy_helper.from_array(array, name))
        return name

    def _ints(self, *values):
        return self._const(np.array(values, "i8"))

    def _weights(self, *shape):
        fan = max(1, int(np.prod(shape[1:])))
        return self._const((self.r.standard_normal(shape) / fan**0.5).astype("f4"))

    def _pick(self, *of):
        return of[self.r.integers(len(of))]

    def _axis(self, v):
        a = int(self.r.integers(v.rank))
        return a, self._pick(a, a - v.rank)

    def _image(self, v):
        """A value of four dimensions with what v has."""
        if v.rank == 4:
            return v
        dims = (*v.shape, 1, 1, 1, 1)[:4] if v.rank < 4 else (*v.shape[:3], -1)
        shape = (*dims[:3], v.count // int(np.prod(dims[:3])))
        return self._op("Reshape", [v, self._ints(*shape)], shape, v.size, v.exact)

    def _other(self, v):
        """What broadcasts with v, as (name or value, shape of the result, size, exact)."""
        found = [w for w in self.values if all(a == b or 1 in (a, b) for a, b in zip(w.shape[::-1], v.shape[::-1]))]
        if found and self.r.random() < 0.5:
            w = found[self.r.integers(len(found))]
            shape = np.broadcast_shapes(v.shape, w.shape)
            if np.prod(shape) <= 40000:
                return w, shape, w.size, w.exact
        shape = tuple(self._pick(d, 1) for d in v.shape)[int(self.r.integers(v.rank + 1)):]
        return self._const(self.r.uniform(-2, 2, shape).astype("f4")), v.shape, 2, True

    # elementwise

    def unary(self, v):
        ops = ["Relu", "Abs", "Neg", "Identity", "Sigmoid", "Tanh", "Erf", "Softplus", "Softsign", "Sin", "Cos", "Atan", "Elu", "LeakyRelu", "HardSigmoid", "Selu"]
        if self.opset >= 14:
            ops.append("HardSwish")
        if self.opset >= 18:
            ops.append("Mish")
        op = self._pick(*ops)
        self._op(op, [v], v.shape, 1 if op in ("Sigmoid", "Tanh", "Erf", "Softsign", "Sin", "Cos", "HardSigmoid") else 2 * v.size,
                 v.exact and op in ("Relu", "Abs", "Neg", "Identity"))

    def rounded(self, v):
        if v.exact:
            self._op(self._pick("Floor", "Ceil", "Round", "Sign"), [v], v.shape, v.size + 1, True)

    def positive(self, v):
        p = self._op("Add", [self._op("Abs", [v], v.shape, v.size), self._const(np.float32(0.5))], v.shape, v.size + 0.5)
        op = self._pick("Sqrt", "Reciprocal", "Log", "Pow", "Div")
        if op in ("Pow", "Div"):
            w = self._const(np.float32(self._pick(2, 0.5, -1, 3, 1, 1.7)))
            self._op(op, [p, w], v.shape, v.size**3 if op == "Pow" else 2 * v.size)
        else:
            self._op(op, [p], v.shape, max(2, v.size))

    def exponent(self, v):
        self._op("Exp", [self._op("Min", [v, self._const(np.float32(2))], v.shape, v.size)], v.shape, 8)

    def clip(self, v):
        low, high = self._pick("", self._const(np.float32(-1))), self._pick("", self._const(np.float32(2)))
        self._op("Clip", [v, low, high], v.shape, v.size, v.exact)

    def binary(self, v):
        w, shape, size, exact = self._other(v)
        op = self._pick("Add", "Sub", "Mul", "Max", "Min", "Add", "Mul")
        self._op(op, self._pick([v, w], [w, v]), shape, v.size * max(1, size) if op == "Mul" else v.size + size, v.exact and exact and op in ("Max", "Min"))

    binary2 = binary3 = binary

    def ratio(self, v):
        w, shape, size, _ = self._other(v)
        a = self._node("Sub", [self._const(np.float32(-1)), self._node("Abs", [w])])
        self._op("Div", [v, a], shape, v.size)

    def where(self, v):
        w, shape, size, exact = self._other(v)
        x = self.values[0]
        if v.exact and exact:
            self._op("Where", [self._node(self._pick("Less", "Greater"), [v, w]), v, w], shape, v.size + size, True)
        elif all(a == b or 1 in (a, b) for a, b in zip(x.shape[::-1], shape[::-1])) and np.prod(np.broadcast_shapes(shape, x.shape)) <= 40000:
            self._op("Where", [self._node("Not", [self._node("Less", [x, self._const(np.float32(0))])]), w, v], np.broadcast_shapes(shape, x.shape), v.size + size)

    def cast(self, v):
        to = self._pick(TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL)
        if v.exact and v.size < 1000 or to == TensorProto.DOUBLE:
            self._op("Cast", [self._node("Cast", [v], to=to)], v.shape, v.size, v.exact, to=TensorProto.FLOAT)

    def prelu(self, v):
        if v.rank > 1:
            self._op("PRelu", [v, self._weights(v.shape[1], *[1] * (v.rank - 2))], v.shape, 2 * v.size)

    # along axes

    def reduce(self, v):
        op = self._pick("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp")
        axes = sorted(self.r.choice(v.rank, int(self.r.integers(1, v.rank + 1)), replace=False).tolist()) if v.rank else []
        keep = int(self.r.integers(2))
        shape = tuple(1 if a in axes else d for a, d in enumerate(v.shape) if keep or a not in axes)
        axes = [self._pick(a, a - v.rank) for a in axes]
        size = v.size**2 * v.count if op == "ReduceSumSquare" else v.size * v.count
        exact = v.exact and op in ("ReduceMax", "ReduceMin")
        if not axes:
            self._op(op, [v], shape, size, exact, keepdims=keep)
        elif self.opset >= 18 or op == "ReduceSum" and self.opset >= 13:
            self._op(op, [v, self._ints(*axes)], shape, size, exact, keepdims=keep)
        else:
            self._op(op, [v], shape, size, exact, keepdims=keep, axes=axes)

    def softmax(self, v):
        if v.rank and (self.opset >= 13 or v.rank == 1):
            op = self._pick("Softmax", "LogSoftmax")
            self._op(op, [v], v.shape, 1 if op == "Softmax" else v.size * 2 + 10, axis=self._axis(v)[1])

    def arg(self, v):
        if v.rank and v.exact:
            a, axis = self._axis(v)
            self._op("Cast", [self._node(self._pick("ArgMax", "ArgMin"), [v], axis=axis, keepdims=1)], (*v.shape[:a], 1, *v.shape[a + 1:]), v.shape[a], True, to=1)

    def topk(self, v):
        if v.rank and v.exact:
            a, axis = self._axis(v)
            k = int(self.r.integers(1, v.shape[a] + 1))
            values, _ = self._node("TopK", [v, self._ints(k)], 2, axis=axis, largest=int(self.r.integers(2)))
            self._add(values, (*v.shape[:a], k, *v.shape[a + 1:]), v.size, True)

    def cumsum(self, v):
        if v.rank:
            self._op("CumSum", [v, self._const(np.int64(self._axis(v)[1]))], v.shape, v.size * v.count, exclusive=int(self.r.integers(2)), reverse=int(self.r.integers(2)))

    def layer_norm(self, v):
        if v.rank < 2 or v.shape[-1] < 3:
            return
        n = v.shape[-1]
        if self.opset >= 17 and self.r.random() < 0.5:
            self._op("LayerNormalization", [v, self._weights(n), self._weights(n)], v.shape, 20, epsilon=1e-2)
            return
        mean = lambda x: self._node("ReduceMean", [x, self._ints(-1)]) if self.opset >= 18 else self._node("ReduceMean", [x], axes=[-1])
        d = self._node("Sub", [v, mean(v)])
        power = self._pick(lambda: self._node("Mul", [d, d]), lambda: self._node("Pow", [d, self._const(np.float32(2))]))()
        y = self._node("Div", [d, self._node("Sqrt", [self._node("Add", [mean(power), self._const(np.float32(1e-2))])])])
        self._op("Add", [self._node("Mul", [y, self._weights(n)]), self._weights(n)], v.shape, 20)

    def batch_norm(self, v):
        if v.rank > 1:
            c = v.shape[1]
            self._op("BatchNormalization", [v, *(self._weights(c) for _ in range(3)), self._const(self.r.uniform(0.5, 2, c).astype("f4"))], v.shape, 4 * v.size + 8)

    def instance_norm(self, v):
        if v.rank > 2:
            self._op("InstanceNormalization", [v, self._weights(v.shape[1]), self._weights(v.shape[1])], v.shape, 20, epsilon=1e-2)

    def gelu(self, v):
        half, one, root = (self._const(np.float32(c)) for c in (0.5, 1, 2**0.5))
        e = self._node("Add", [self._node("Erf", [self._node("Div", [v, root])]), one])
        self._op("Mul", self._pick([self._node("Mul", [v, half]), e], [self._node("Mul", [v, e]), half]), v.shape, v.size)

    def swish(self, v):
        self._op("Mul", [v, self._node("Sigmoid", [v])], v.shape, v.size)

    # movement

    def transpose(self, v):
        order = self.r.permutation(v.rank).tolist() or None
        self._op("Transpose", [v], [v.shape[a] for a in order or ()], v.size, v.exact, perm=order)

    def reshape(self, v):
        parts = list(v.shape)
        if self.r.random() < 0.5 and v.rank > 1:
            a = int(self.r.integers(v.rank - 1))
            parts[a:a + 2] = [parts[a] * parts[a + 1]]
        elif v.rank:
            a = int(self.r.integers(v.rank))
            f = self._pick(*(f for f in range(1, parts[a] + 1) if parts[a] % f == 0))
            parts[a:a + 1] = [f, parts[a] // f]
        target = list(parts)
        for a in range(min(v.rank, len(parts))):
            if parts[a] == v.shape[a] and self.r.random() < 0.3:
                target[a] = 0
        if target and self.r.random() < 0.5:
            target[self.r.integers(len(target))] = -1
        self._op("Reshape", [v, self._ints(*target)], parts, v.size, v.exact)

    def reshape_by_shape(self, v):
        if v.rank > 1:
            s = self._node("Shape", [v])
            first = self._node("Slice", [s, self._ints(0), self._ints(1), self._ints(0)])
            self._op("Reshape", [v, self._node("Concat", [first, self._ints(-1)], axis=0)], (v.shape[0], v.count // v.shape[0]), v.size, v.exact)

    def flatten(self, v):
        a = int(self.r.integers(v.rank + 1))
        self._op("Flatten", [v], (int(np.prod(v.shape[:a])), int(np.prod(v.shape[a:]))), v.size, v.exact, axis=a)

    def unsqueeze(self, v):
        a = int(self.r.integers(v.rank + 1))
        shape = (*v.shape[:a], 1, *v.shape[a:])
        if self.opset >= 13:
            self._op("Unsqueeze", [v, self._ints(self._pick(a, a - v.rank - 1))], shape, v.size, v.exact)
        else:
            self._op("Unsqueeze", [v], shape, v.size, v.exact, axes=[a])

    def squeeze(self, v):
        ones = [a for a, d in enumerate(v.shape) if d == 1]
        if ones:
            a = self._pick(*ones)
            shape = v.shape[:a] + v.shape[a + 1:]
            if self.opset >= 13:
                self._op("Squeeze", [v, self._ints(a)], shape, v.size, v.exact)
            else:
                self._op("Squeeze", [v], shape, v.size, v.exact, axes=[a])

    def concat(self, v):
        if not v.rank:
            return
        a, axis = self._axis(v)
        fits = [w for w in self.values if w.rank == v.rank and all(i == a or d == e for i, (d, e) in enumerate(zip(v.shape, w.shape)))]
        parts = [v] + [self._pick(*fits) for _ in range(int(self.r.integers(1, 4)))]
        shape = (*v.shape[:a], sum(w.shape[a] for w in parts), *v.shape[a + 1:])
        self._op("Concat", parts, shape, max(w.size for w in parts), all(w.exact for w in parts), axis=axis)

    def slice(self, v):
        if not v.rank:
            return
        a, axis = self._axis(v)
        start, end = self.r.integers(-v.shape[a] - 1, v.shape[a] + 2, 2).tolist()
        end, step = self._pick(end, 1 << 40, -(1 << 40)), self._pick(1, 1, 2, -1, -2)
        n = len(range(v.shape[a])[start:end:step])
        if n:
            self._op("Slice", [v, self._ints(start), self._ints(end), self._ints(axis), self._ints(step)], (*v.shape[:a], n, *v.shape[a + 1:]), v.size, v.exact)

    def split(self, v):
        if v.rank:
            a, axis = self._axis(v)
            if v.shape[a] > 1:
                k = int(self.r.integers(1, v.shape[a]))
                parts = (k, v.shape[a] - k)
                names = self._node("Split", [v, self._ints(*parts)], 2, axis=axis) if self.opset >= 13 else self._node("Split", [v], 2, axis=axis, split=parts)
                for name, p in zip(names, parts):
                    self._add(name, (*v.shape[:a], p, *v.shape[a + 1:]), v.size, v.exact)

    def gather(self, v):
        if v.rank:
            a, axis = self._axis(v)
            shape = self._pick((), (1,), (3,), (2, 2))
            index = self.r.integers(-v.shape[a], v.shape[a], shape)
            self._op("Gather", [v, self._const(np.array(index, "i8"))], (*v.shape[:a], *shape, *v.shape[a + 1:]), v.size, v.exact, axis=axis)

    def expand(self, v):
        shape = (*self._pick((), (2,)), *(3 if d == 1 and self.r.random() < 0.5 else d for d in v.shape))
        self._op("Expand", [v, self._ints(*shape)], shape, v.size, v.exact)

    def tile(self, v):
        if v.rank:
            times = self.r.integers(1, 3, v.rank).tolist()
            self._op("Tile", [v, self._ints(*times)], [d * t for d, t in zip(v.shape, times)], v.size, v.exact)

    def pad(self, v):
        if v.rank:
            mode = self._pick("constant", "edge", "reflect")
            if mode == "reflect":
                ends = [int(self.r.integers(0, min(2, d - 1) + 1)) for d in v.shape * 2]
            else:
                ends = self.r.integers(0, 3, 2 * v.rank).tolist()
            shape = [d + ends[a] + ends[a + v.rank] for a, d in enumerate(v.shape)]
            self._op("Pad", [v, self._ints(*ends), *([self._const(np.float32(0.5))] if mode == "constant" and self.r.random() < 0.5 else [])], shape, v.size, v.exact, mode=mode)

    def depth_to_space(self, v):
        v = self._image(v)
        n, c, h, w = v.shape
        if c % 4 == 0:
            self._op("DepthToSpace", [v], (n, c // 4, 2 * h, 2 * w), v.size, v.exact, blocksize=2, mode=self._pick("DCR", "CRD"))
        elif h % 2 == 0 and w % 2 == 0:
            self._op("SpaceToDepth", [v], (n, 4 * c, h // 2, w // 2), v.size, v.exact, blocksize=2)

    def resize(self, v):
        v = self._image(v)
        n, c, h, w = v.shape
        if self.opset < 13:
            return
        mode = self._pick(dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"), dict(mode="linear"))
        self._op("Resize", [v, "", self._const(np.array([1, 1, 2, 2], "f4"))], (n, c, 2 * h, 2 * w), v.size, **mode)

    # products

    def matmul(self, v):
        if v.rank:
            n = int(self._pick(1, 2, 5, 8, 16, 31, 64))
            y = self._op("MatMul", [v, self._weights(v.shape[-1], n) if v.rank > 1 else self._weights(v.shape[0], n)], (*v.shape[:-1], n), 4 * v.size)
            if self.r.random() < 0.5:
                self._op("Add", [y, self._weights(n)], y.shape, y.size + 4)

    matmul2 = matmul

    def product(self, v):
        if v.rank > 1:
            order = [*range(v.rank - 2), v.rank - 1, v.rank - 2]
            t = self._node("Transpose", [v], perm=order)
            self._op("MatMul", self._pick([v, t]), (*v.shape[:-1], v.shape[-2]), v.size**2 * v.shape[-1])

    def attention(self, v):
        if v.rank < 2:
            return
        v = self._op("Tanh", [v], v.shape, 1)
        n = 8
        q, k, w = (self._node("MatMul", [v, self._weights(v.shape[-1], n)]) for _ in range(3))
        k = self._node("Transpose", [k], perm=[*range(v.rank - 2), v.rank - 1, v.rank - 2])
        s = self._node(self._pick("Mul", "Div"), [self._node("MatMul", [q, k]), self._const(np.float32(2.5))])
        if self.opset >= 13:
            self._op("MatMul", [self._node("Softmax", [s], axis=-1), w], (*v.shape[:-1], n), 4)

    def gemm(self, v):
        if v.rank == 2:
            n, ta, tb = int(self._pick(1, 3, 16, 40)), int(self.r.integers(2)), int(self.r.integers(2))
            m, k = v.shape[::-1] if ta else v.shape
            c = self._pick([], [self._weights(n)], [self._weights(1, n)], [self._weights(m, 1)], [self._const(np.float32(0.3))])
            self._op("Gemm", [v, self._weights(*((n, k) if tb else (k, n))), *c], (m, n), 4 * v.size * k**0.5 + 4,
                     alpha=float(self._pick(1, 0.5)), beta=float(self._pick(1, 2)), transA=ta, transB=tb)

    def conv(self, v):
        v = self._image(v) if v.rank != 3 or self.r.random() < 0.3 else v
        n, c, *space = v.shape
        groups = self._pick(*(g for g in (1, 1, 2, c) if c % g == 0))
        out = groups * int(self._pick(1, 2, 4, 8))
        kernel = [int(self._pick(1, 3, 2, 5)) for _ in space]
        strides, dilations = [int(self._pick(1, 1, 2)) for _ in space], [int(self._pick(1, 1, 2)) for _ in space]
        pads = [int(self.r.integers(0, 3)) for _ in space * 2]
        shape = [(d + pads[a] + pads[a + len(space)] - dilations[a] * (kernel[a] - 1) - 1) // strides[a] + 1 for a, d in enumerate(space)]
        if min(shape) < 1:
            return
        bias = self._pick([], [self._weights(out)])
        y = self._op("Conv", [v, self._weights(out, c // groups, *kernel), *bias], (n, out, *shape), 4 * v.size + 4, group=groups, strides=strides, dilations=dilations, pads=pads)
        if self.r.random() < 0.3:
            self.batch_norm(y)
        if self.r.random() < 0.3:
            self._op(self._pick("Relu", "HardSigmoid", "Sigmoid"), [self.values[-1]], self.values[-1].shape, self.values[-1].size)

    conv2 = conv

    def conv_transpose(self, v):
        v = self._image(v)
        n, c, h, w = v.shape
        k, s = int(self._pick(1, 2, 3)), int(self._pick(1, 2))
        self._op("ConvTranspose", [v, self._weights(c, 3, k, k)], (n, 3, (h - 1) * s + k, (w - 1) * s + k), 4 * v.size, strides=[s, s])

    def pool(self, v):
        v = self._image(v)
        n, c, *space = v.shape
        op = self._pick("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")
        if op.startswith("Global"):
            self._op(op, [v], (n, c, 1, 1), v.size, v.exact and op == "GlobalMaxPool")
            return
        kernel, strides = [int(self._pick(1, 2, 3)) for _ in space], [int(self._pick(1, 2)) for _ in space]
        pads = [int(self.r.integers(0, k)) for k in kernel * 2]
        shape = [(d + pads[a] + pads[a + 2] - kernel[a]) // strides[a] + 1 for a, d in enumerate(space)]
        if min(shape) < 1 or max(pads[a] + pads[a + 2] for a in range(2)) > min(kernel):
            return
        include = {"count_include_pad": int(self.r.integers(2))} if op == "AveragePool" else {}
        self._op(op, [v], (n, c, *shape), v.size, v.exact and op == "MaxPool", kernel_shape=kernel, strides=strides, pads=pads, **include)

    # bodies

    def condition(self, v):
        """An If on an input, whose branches capture v."""
        x = self.values[0]
        c = self._node("ReduceMax", [self._node("Reshape", [x, self._ints(-1)])], keepdims=0)
        c = self._node("Less", [c, self._const(np.float32(self._pick(-9, 0, 9)))])
        c = self._node("Reshape", [c, self._ints(1)])
        branches = {}
        for branch, op in ("then_branch", "Relu"), ("else_branch", "Tanh"):
            inner, out = self._name(), self._name()
            body = [helper.make_node(op, [v.name], [inner]), helper.make_node("Add", [inner, v.name], [out])]
            branches[branch] = helper.make_graph(body, branch, [], [helper.make_tensor_value_info(out, 1, None)])
        self._op("If", [c], v.shape, 2 * v.size, **branches)

    def loop(self, v):
        i, going, carried, out, kept = (self._name() for _ in range(5))
        body = [helper.make_node("Add", [carried, v.name], [kept]), helper.make_node("Tanh", [kept], [out]), helper.make_node("Identity", [going], [going + "o"])]
        info = helper.make_tensor_value_info
        body = helper.make_graph(body, "body", [info(i, TensorProto.INT64, []), info(going, TensorProto.BOOL, []), info(carried, 1, None)],
                                 [info(going + "o", TensorProto.BOOL, []), info(out, 1, None), info(kept, 1, None)])
        last, all_ = self._node("Loop", [self._ints(3) if self.r.random() < 0.5 else self._const(np.int64(3)), "", v], 2, body=body)
        self._add(last, v.shape, 1)
        self._add(all_, (3, *v.shape), v.size + 1)


def same(a, b):
    """The same bits, NaN of any payload."""
    return all(np.array_equal(a[k], b[k], equal_nan=True) and np.array_equal(np.signbit(a[k][~np.isnan(a[k])]), np.signbit(b[k][~np.isnan(b[k])])) for k in a)


class Seed:
    """A model in a directory, and hotpath's answers for it."""

    def __init__(self, hotpath, seed, folder):
        self.hotpath, self.folder, self.graph = hotpath, folder, Graph(seed)
        self.path, self.model = folder / "m.onnx", self.graph._model()
        onnx.save(self.model, self.path)

    def call(self, *args, **env):
        p = subprocess.run([self.hotpath, *map(str, args)], capture_output=True, text=True, env={**os.environ, **env})
        if p.returncode:
            raise RuntimeError(p.stderr.strip()[:400])
        return p.stdout

    def run(self, *flags, path=None, feed=None, **env):
        np.savez(self.folder / "in.npz", **(self.graph.feed if feed is None else feed))
        self.call("run", path or self.path, "--input", self.folder / "in.npz", "--output", self.folder / "out.npz", *flags, **env)
        with np.load(self.folder / "out.npz") as z:
            return dict(z)

    def fix(self, model, path):
        """Saves the model with every dimension the size that it has: one that takes one number of rows alone, and says it takes any, is refused."""
        for v in model.graph.input:
            for d, size in zip(v.type.tensor_type.shape.dim, self.graph.feed[v.name].shape):
                d.dim_value = size
        onnx.save(model, path)

    def problems(self):
        names, feed = [v.name for v in self.graph.outputs], self.graph.feed
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            session = ort.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
            theirs = session.run(names, feed)
        except Exception as e:
            theirs = None
            refusal = str(e).splitlines()[0][:200]
        try:
            ours = self.run("--threads", "1")
        except RuntimeError as e:
            if theirs and any(d.dim_param for v in self.model.graph.input for d in v.type.tensor_type.shape.dim):
                self.fix(self.model, self.path)
                return self.problems()
            return [f"refused: {e}"] if theirs else []
        if theirs is None:
            return [f"onnxruntime refuses: {refusal}"]
        moved = session.run(names, {k: (a * np.float32(1 + 2e-6)).astype("f4") for k, a in feed.items()})
        found = []
        for v, t, m in zip(self.graph.outputs, theirs, moved):
            o = ours[v.name]
            if o.shape != t.shape or o.shape != v.shape:
                found.append(f"{v.name}: shape {o.shape}, onnxruntime {t.shape}")
                continue
            if self.graph.poisoned:  # maxima of onnxruntime hide NaN
                continue
            largest = np.abs(t[np.isfinite(t)]).max(initial=1e-3)
            slack = 1e-4 * largest + 20 * np.nan_to_num(np.abs(m - t), nan=0, posinf=0).max(initial=0)
            if not np.allclose(o, t, rtol=0, atol=slack, equal_nan=True):
                found.append(f"{v.name}: differs by {np.nanmax(np.abs(o - t)):.3g} of {largest:.3g}")
        finite = lambda answer: {k: np.where(np.isfinite(answer[k]), 0, answer[k]) for k in ours}
        for name, answer in self.forms():
            try:
                answer = answer()
                if not same(finite(ours), finite(answer)):
                    found.append(f"other NaN or infinities {name}")
                elif name != "with every value an output" and not same(ours, answer):
                    found.append(f"other bits {name}")
            except RuntimeError as e:
                found.append(f"{name}: {e}")
        return found + self.rows(ours)

    def apart(self):
        m, have = onnx.ModelProto(), {o.name for o in self.model.graph.output}
        m.CopyFrom(self.model)
        m.graph.output.extend(onnx.ValueInfoProto(name=o) for n in m.graph.node for o in n.output if o not in have)
        self.fix(m, self.folder / "apart.onnx")
        return self.folder / "apart.onnx"

    def forms(self):
        yield "on the reference tier", lambda: self.run("--threads", "1", HOTPATH_ISA="ref")
        yield "on two threads", lambda: self.run("--threads", "2")
        yield "from the cache", lambda: [self.run("--cache", self.folder / "cache") for _ in range(2)][1]

        def optimized():
            self.call("optimize", self.path, "--out", self.folder / "o.onnx")
            return self.run("--threads", "1", path=self.folder / "o.onnx")

        yield "of the optimized model", optimized
        yield "with every value an output", lambda: self.run("--threads", "1", path=self.apart())  # where nothing is fused

    def rows(self, ours):
        """Each row alone, where the rows of every input are independent."""
        plan, feed = json.loads(self.call("inspect", self.path, "--json")), self.graph.feed
        axes = plan.get("row_axes", {})
        if not plan["row_independent"] or any(axes[k] < 0 for k in feed):
            return []
        found, count = [], {a.shape[axes[k]] for k, a in feed.items()}.pop()
        for r in range(count if count > 1 else 0):
            answer = self.run("--threads", "1", feed={k: a.take([r], axes[k]) for k, a in feed.items()})
            found += [f"row {r} of {k} alone: other bits" for k in ours if not same({k: ours[k].take([r], axes[k]) if axes[k] >= 0 else ours[k]}, {k: answer[k]})]
        return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--seeds", default="1:60", help="FIRST:LAST")
    p.add_argument("--keep", help="directory for the models that fail")
    args = p.parse_args()
    hotpath = pathlib.Path(args.hotpath).resolve()
    first, last = map(int, args.seeds.split(":"))
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, numpy {np.__version__}")
    failed = 0
    for seed in range(first, last + 1):
        with tempfile.TemporaryDirectory() as d:
            s = Seed(hotpath, seed, pathlib.Path(d))
            found = s.problems()
            if not found:
                continue
            failed += 1
            print(f"FAIL  seed {seed} ({len(s.graph.nodes)} nodes, opset {s.graph.opset}): {'; '.join(found)}", flush=True)
            if args.keep:
                shutil.copy(s.path, pathlib.Path(args.keep) / f"{seed}.onnx")
                np.savez(pathlib.Path(args.keep) / f"{seed}.npz", **s.graph.feed)
    print(f"{last - first + 1} graphs, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
