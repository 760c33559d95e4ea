"""Whole random graphs: hotpath against onnxruntime and against itself.

    python3 bench/peers/random_compare.py --hotpath bin/hotpath [--seeds FIRST:END] [--keep FOLDER]

Each seed is a graph of 20 to 100 nodes that share values, of some opset, with fixed or symbolic sizes, constants, bodies and outputs taken
from the middle. It grows node by node: onnxruntime computes each alone, so that shapes fit and numbers stay tame. Steps where a rounding
could change the answer much (rounding, comparing, choosing) take only values that no sum was rounded for. Answers must be within 1e-4 of the
largest of onnxruntime's, and have the same bits from the plain reference, the AVX2 kernels, two threads, and the file that hotpath optimize
writes. Prints the graphs that break a rule and exits with 1; --keep leaves their files there.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

ort.set_default_logger_severity(4)
KEPT = range(2082, 2133)
MOST = 1 << 14  # elements of a value: the plain reference is slow
TAME = 50.0  # the largest magnitude of a value


class Value:
    """A value of the graph and what it is for the inputs at hand. exact: no rounding that depends on the order of work went into it."""

    def __init__(self, name, array, exact, constant=False):
        self.name, self.array, self.exact, self.constant = name, array, exact, constant
        self.shape, self.dtype, self.rank = array.shape, array.dtype, array.ndim


class Graph:
    """A graph that grows. A body is one too, with outer its surrounding."""

    def __init__(self, r, opset, outer=None):
        self.r, self.opset, self.outer = r, opset, outer
        self.nodes, self.constants, self.inputs, self.values, self.used = [], [], [], [], set()
        self.count = outer.count if outer else [0]

    def name(self):
        self.count[0] += 1
        return f"v{self.count[0]}"

    def chance(self, p):
        return self.r.random() < p

    def choice(self, *of):
        return of[self.r.integers(len(of))]

    def visible(self):
        return self.values + (self.outer.visible() if self.outer else [])

    def input(self, array, symbolic):
        v = Value(self.name(), array, True)
        shape = [f"n{n}" if symbolic and (k == array.ndim - 1 or self.chance(0.5)) else n for k, n in enumerate(array.shape)]
        self.inputs.append((helper.make_tensor_value_info(v.name, helper.np_dtype_to_tensor_dtype(array.dtype), shape), v))
        self.values.append(v)
        return v

    def constant(self, array):
        v = Value(self.name(), np.asarray(array), True, True)
        self.constants.append(numpy_helper.from_array(v.array, v.name))
        return v

    def floats(self, *shape, scale=1.0):
        return self.constant((self.r.standard_normal(shape) * scale).astype("f4"))

    def ints(self, *v):
        return self.constant(np.array(v, "i8"))

    def pick(self, kind="f", exact=False, rank=None, least=0, dtype=None, where=None):
        """A value, the later the likelier; raises Misfit where there is none."""
        fits = [v for v in self.visible() if v.dtype.kind in kind and (v.exact or not exact) and (rank is None or v.rank == rank) and v.rank >= least
                and (dtype is None or v.dtype == dtype) and (where is None or where(v))]
        if not fits:
            raise Misfit
        return fits[-1 - int(len(fits) * self.r.random() ** 2)] if self.outer is None else fits[self.r.integers(len(fits))]

    def emit(self, op, *inputs, outputs=1, exact=False, inner=(), domain="", **attrs):
        """Adds a node if onnxruntime can compute it and the answers are tame. Of all outputs the first is returned."""
        names = [self.name() for _ in range(outputs)]
        node = helper.make_node(op, [v.name if v else "" for v in inputs], names, domain=domain, **attrs)
        arrays = evaluate(node, [v for v in inputs if v] + list(inner), self.opset)
        for a in arrays:
            if a.size > MOST or a.dtype.kind in "fiu" and a.size and not np.abs(a.astype("f8")).max() <= (TAME if a.dtype.kind == "f" else 1 << 20):
                raise Misfit
        self.nodes.append(node)
        self.used |= {v.name for v in inputs if v} | {v.name for v in inner}
        made = [Value(n, a, exact and all(v.exact for v in inputs if v) or a.dtype.kind not in "f" and all(v.exact for v in [*inputs, *inner] if v))
                for n, a in zip(names, arrays)]
        self.values += made
        return made[0]

    def grow(self, steps):
        """Adds about as many nodes as steps; a step that does not fit is undone."""
        while len(self.nodes) < steps:
            state = len(self.nodes), len(self.constants), len(self.values)
            try:
                STEPS[self.r.choice(len(STEPS), p=WEIGHTS)](self)
            except Misfit:
                self.nodes[state[0]:], self.constants[state[1]:], self.values[state[2]:] = [], [], []
        return self

    def proto(self, name, outputs):
        return helper.make_graph(self.nodes, name, [i for i, _ in self.inputs], [helper.make_empty_tensor_value_info(v.name) if self.outer is None
                                 else helper.make_tensor_value_info(v.name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for v in outputs], self.constants)


class Misfit(Exception):
    """A step finds no operands, or onnxruntime refuses it."""


def model_of(graph, opset):
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=min(10, 3 if opset < 9 else 8 if opset < 19 else 10))


def evaluate(node, values, opset):
    known = {v.name: v.array for v in values}
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in known.items()],
                              [helper.make_empty_tensor_value_info(o) for o in node.output])
    try:
        return [np.asarray(a) for a in session(model_of(graph, opset)).run(None, known)]
    except Exception as e:
        raise Misfit from e


def session(model, optimise=False):
    o = ort.SessionOptions()
    o.intra_op_num_threads = 1
    if not optimise:
        o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), o, providers=["CPUExecutionProvider"])


def with_axes(g, op, v, axes, since, **attrs):
    """axes are an attribute of operators before opset since, then an input."""
    exact = op in ("Squeeze", "Unsqueeze", "ReduceMax", "ReduceMin")
    if g.opset < since:
        return g.emit(op, v, exact=exact, axes=axes, **attrs)
    return g.emit(op, v, g.ints(*axes), exact=exact, **attrs)


def unary(g):
    ops = ["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Erf", "Softplus", "Sin", "Cos", "Elu", "LeakyRelu", "HardSigmoid", "Selu", "Softsign", "Atan", "Identity", "Sinh",
           "Clip", "Celu", "HardSwish", "Mish", "Gelu", "Swish", "Exp", "Sqrt", "Log", "Reciprocal", "Dropout"]
    op = g.choice(*ops)
    v = g.pick()
    if op == "Clip":
        low, high = -0.5 - g.r.random(), 0.5 + g.r.random()
        if g.opset < 11:
            return g.emit(op, v, exact=True, min=low, max=high)
        limits = [g.constant(np.array(x, v.dtype)) for x in (low, high)]
        return g.emit(op, v, *(limits if g.chance(0.7) else [limits[0]] if g.chance(0.5) else [None, limits[1]]), exact=True)
    if op in ("Sqrt", "Log", "Reciprocal"):
        v = g.emit("Add", g.emit("Abs", v, exact=True), g.constant(np.array(0.5, v.dtype)), exact=True)
    if op == "Exp":
        v = g.emit("Tanh", v)
    attrs = {"alpha": float(0.1 + g.r.random())} if op in ("Elu", "LeakyRelu", "HardSigmoid") and g.chance(0.5) else {}
    if op == "Gelu" and g.chance(0.5):
        attrs["approximate"] = "tanh"
    return g.emit(op, v, exact=op in ("Relu", "Neg", "Abs", "Identity", "Dropout"), **attrs)


def stretched(g, v):
    """A shape that broadcasts with that of v."""
    shape = [1 if g.chance(0.4) else n for n in v.shape]
    while shape and g.chance(0.3):
        shape.pop(0)
    if v.rank < 4 and g.chance(0.1):
        shape = [2] + [1] * (v.rank - len(shape)) + shape
    return shape


def operand(g, v):
    """A second operand for v: another value that broadcasts with it, or a constant."""
    if g.chance(0.6):
        return g.pick(v.dtype.kind, dtype=v.dtype, where=lambda o: fits(v.shape, o.shape))
    shape = stretched(g, v)
    return g.constant((g.r.standard_normal(shape) * 2).astype(v.dtype))


def fits(a, b):
    return all(x == y or 1 in (x, y) for x, y in zip(a[::-1], b[::-1]))


def binary(g):
    op = g.choice("Add", "Add", "Sub", "Mul", "Mul", "Div", "Max", "Min", "Pow", "PRelu", "Sum", "Mean")
    a = g.pick()
    b = operand(g, a)
    if op == "Div":
        b = g.emit("Add", g.emit("Abs", b), g.constant(np.array(0.7, b.dtype)))
    if op == "Pow":
        if g.chance(0.5):
            return g.emit("Pow", a, g.constant(np.array(g.choice(2.0, 3.0, 1.0, 0.0), a.dtype)))
        return g.emit("Pow", g.emit("Add", g.emit("Abs", a), g.constant(np.array(0.5, a.dtype))), g.constant(np.array(g.choice(0.5, -0.5, -1.0, 1.7), a.dtype)))
    if op in ("Sum", "Mean", "Max", "Min") and g.chance(0.5):
        return g.emit(op, a, b, operand(g, a))
    return g.emit(op, *((a, b) if op == "PRelu" or g.chance(0.5) else (b, a)), exact=op in ("Max", "Min"))


def integers(g):
    a = g.pick("i")
    op = g.choice("Add", "Sub", "Mul", "Max", "Min", "Mod", "Div", "Abs", "Neg", "Sign", "Cast", "Clip", "ReduceSum", "Range", "BitShift")
    if op in ("Abs", "Neg", "Sign"):
        return g.emit(op, a)
    if op == "Cast":
        return g.emit("Cast", a, exact=True, to=int(g.choice(1, 1, 11, 6, 7, 9, 2, 3)))
    if op == "Clip":
        return g.emit(op, a, g.constant(np.array(-2, a.dtype)), g.constant(np.array(3, a.dtype)))
    if op == "ReduceSum":
        return reduce(g, op, a)
    if op == "Range":
        return g.emit(op, g.constant(np.array(0, "i8")), g.constant(np.array(g.r.integers(1, 9), "i8")), g.constant(np.array(1, "i8")))
    b = operand(g, a)
    if op in ("Mod", "Div"):
        b = g.emit("Add", g.emit("Abs", b), g.constant(np.array(1, b.dtype)))
    return g.emit(op, a, b)


def compare(g):
    a = g.pick("fi", exact=True)
    v = g.emit(g.choice("Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"), a, operand(g, a) if a.dtype.kind == "i" else g.floats(*stretched(g, a)))
    return v


def logic(g):
    a = g.pick("b")
    if g.chance(0.2):
        return g.emit("Not", a)
    if g.chance(0.3):
        return g.emit("Cast", a, exact=True, to=int(g.choice(1, 7, 6)))
    return g.emit(g.choice("And", "Or", "Xor"), a, g.pick("b", where=lambda o: fits(a.shape, o.shape)))


def where(g):
    a = g.pick(g.choice("f", "f", "i"))
    b = operand(g, a)
    c = g.pick("b", where=lambda o: fits(a.shape, o.shape) and fits(b.shape, o.shape)) if g.chance(0.8) else g.constant(g.r.random(stretched(g, a)) < 0.5)
    return g.emit("Where", c, a, b, exact=True)


def cast(g):
    if g.chance(0.4):
        v = g.pick(exact=True)
        return g.emit("Cast", v, exact=True, to=int(g.choice(6, 7, 9, 10)))
    v = g.pick("f")
    return g.emit("Cast", v, exact=True, to={"float32": 11, "float64": 1, "float16": 1}[v.dtype.name])


def some_axes(g, v):
    axes = [int(a) for a in g.r.permutation(v.rank)[: g.r.integers(1, v.rank + 1)]]
    return [a - v.rank if g.chance(0.4) else a for a in (axes if g.chance(0.2) else sorted(axes))]


def axis(g, v):
    return int(g.r.integers(-v.rank, v.rank))


def reduce(g, op=None, v=None):
    op = op or g.choice("ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceProd")
    v = v or g.pick(least=1, where=lambda v: v.dtype != np.float16)
    keep = int(g.chance(0.6))
    if g.chance(0.1):
        return g.emit(op, v, keepdims=keep, exact=op in ("ReduceMax", "ReduceMin"))
    return with_axes(g, op, v, some_axes(g, v), 13 if op == "ReduceSum" else 18, keepdims=keep)


def reshape(g):
    v = g.pick("fib")
    if v.array.size == 0:
        raise Misfit
    kind = g.choice("free", "free", "keep", "flat", "shape")
    if kind == "flat" and v.dtype.kind == "f":
        return g.emit("Flatten", v, exact=True, axis=int(g.r.integers(0, v.rank + 1)))
    if kind == "keep" and v.rank > 1:
        return g.emit("Reshape", v, g.ints(*([0] * int(g.r.integers(1, v.rank)) + [-1])), exact=True)
    if kind == "shape" and v.rank > 1:  # as exporters ask for sizes
        s = g.emit("Shape", v, exact=True)
        n = g.emit("Gather", s, g.constant(np.array(0, "i8")), exact=True, axis=0)
        return g.emit("Reshape", v, g.emit("Concat", with_axes(g, "Unsqueeze", n, [0], 13), g.ints(-1), exact=True, axis=0), exact=True)
    n, shape = v.array.size, []
    while n > 1 and len(shape) < 4:
        d = int(g.choice(*[d for d in range(1, n + 1) if n % d == 0 and d <= 64]))
        shape.append(d)
        n //= d
    if n > 1 or not shape:
        shape.append(n)
    if g.chance(0.3):
        shape[g.r.integers(len(shape))] = -1
    return g.emit("Reshape", v, g.ints(*shape), exact=True)


def transpose(g):
    v = g.pick("fib", least=2)
    perm = [int(p) for p in g.r.permutation(v.rank)]
    return g.emit("Transpose", v, exact=True, **({"perm": perm} if g.chance(0.9) else {}))


def squeeze(g):
    v = g.pick("fib")
    ones = [k for k, n in enumerate(v.shape) if n == 1]
    if ones and g.chance(0.6):
        return with_axes(g, "Squeeze", v, [ones[0] - v.rank if g.chance(0.5) else ones[0]], 13)
    if v.rank > 4:
        raise Misfit
    return with_axes(g, "Unsqueeze", v, [int(g.r.integers(0, v.rank + 1))], 13)


def concat(g):
    v = g.pick("fi", least=1)
    a = axis(g, v)
    like = lambda o: o.rank == v.rank and all(x == y for k, (x, y) in enumerate(zip(v.shape, o.shape)) if k != a % v.rank)
    return g.emit("Concat", v, *[g.pick(v.dtype.kind, dtype=v.dtype, where=like) for _ in range(g.r.integers(1, 4))], exact=True, axis=a)


def slices(g):
    v = g.pick("fi", least=1)
    axes = sorted({axis(g, v) % v.rank for _ in range(g.r.integers(1, 3))})
    starts, ends, steps = [], [], []
    for a in axes:
        n = v.shape[a]
        back = g.chance(0.15) and g.opset >= 10
        s, e = sorted(int(k) for k in g.r.integers(-n - 1, n + 2, 2)) if g.chance(0.3) else (int(g.r.integers(0, max(n // 2, 1))), int(g.choice(n, 1 << 40, -1)))
        starts.append(-1 if back else s), ends.append(-n - 5 if back else e), steps.append(-int(g.r.integers(1, 3)) if back else int(g.choice(1, 1, 1, 2, 3)))
    if g.opset < 10:
        return g.emit("Slice", v, exact=True, axes=axes, starts=starts, ends=ends)
    if g.chance(0.2):
        return g.emit("Slice", v, g.ints(*starts), g.ints(*ends), g.ints(*axes), exact=True)
    return g.emit("Slice", v, g.ints(*starts), g.ints(*ends), g.ints(*axes), g.ints(*steps), exact=True)


def gather(g):
    v = g.pick("fi", least=1)
    a = axis(g, v)
    n = v.shape[a]
    if n == 0:
        raise Misfit
    if g.chance(0.3):
        where_ = g.r.integers(0, n, v.shape)
        if g.chance(0.5):
            return g.emit("GatherElements", v, g.constant(where_), exact=True, axis=a)
        order = np.argsort(g.r.random(v.shape), axis=a)
        return g.emit("ScatterElements", v, g.constant(order), g.pick(v.dtype.kind, dtype=v.dtype, where=lambda o: o.shape == v.shape), exact=True, axis=a)
    shape = [int(k) for k in g.r.integers(1, 4, g.r.integers(0, 3))]
    return g.emit("Gather", v, g.constant(g.r.integers(-n if g.opset > 10 else 0, n, shape, dtype=g.choice("i8", "i4"))), exact=True, axis=a)


def choose(g):
    v = g.pick(exact=True, least=1)
    a = axis(g, v)
    if g.chance(0.5):
        return g.emit(g.choice("ArgMax", "ArgMin"), v, axis=a, keepdims=int(g.chance(0.5)))
    if g.opset < 11 or v.shape[a] == 0:
        raise Misfit
    return g.emit("TopK", v, g.ints(int(g.r.integers(1, v.shape[a] + 1))), outputs=2, exact=True, axis=a)


def arrange(g):
    v = g.pick(g.choice("f", "f", "i"), least=1)
    op = g.choice("Tile", "Expand", "Pad", "Pad", "Split", "CumSum", "Trilu", "DepthToSpace", "SpaceToDepth", "ReverseSequence", "Resize")
    if op == "Tile":
        return g.emit(op, v, g.ints(*g.r.integers(1, 3, v.rank)), exact=True)
    if op == "Expand":
        return g.emit(op, v, g.ints(*[int(g.choice(2, 3)) if n == 1 and g.chance(0.7) else 1 if g.chance(0.5) else n for n in v.shape]), exact=True)
    if op == "Pad":
        mode = g.choice("constant", "constant", "reflect", "edge")
        pads = [int(k) for k in g.r.integers(-1 if mode == "constant" else 0, 3, 2 * v.rank)]
        if g.opset < 11:
            return g.emit(op, v, exact=True, mode=mode, pads=pads)
        return g.emit(op, v, g.ints(*pads), *([g.constant(np.array(g.choice(0, 1), v.dtype))] if g.chance(0.5) else []), exact=True, mode=mode)
    a = axis(g, v)
    if op == "Split":
        n = v.shape[a]
        if n < 2:
            raise Misfit
        k = int(g.r.integers(1, n))
        return g.emit(op, v, outputs=2, exact=True, axis=a, split=[k, n - k]) if g.opset < 13 else g.emit(op, v, g.ints(k, n - k), outputs=2, exact=True, axis=a)
    if op == "CumSum":
        return g.emit(op, v, g.constant(np.array(a, "i8")), exclusive=int(g.chance(0.3)), reverse=int(g.chance(0.3)))
    if op == "Trilu":
        return g.emit(op, v, *([g.constant(np.array(g.r.integers(-2, 3), "i8"))] if g.chance(0.6) else []), exact=True, upper=int(g.chance(0.5)))
    if op in ("DepthToSpace", "SpaceToDepth"):
        return g.emit(op, g.pick(rank=4), exact=True, blocksize=2)
    if op == "Resize" and g.opset >= 13:
        v = g.pick(rank=4, dtype="f4")
        return g.emit(op, v, None, g.constant(np.array([1, 1, 2, 2], "f4")), exact=False, mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric")
    raise Misfit


def normalise(g):
    op = g.choice("Softmax", "Softmax", "LogSoftmax", "LayerNormalization", "layer", "layer", "rms", "BatchNormalization", "InstanceNormalization", "LRN", "LpNormalization")
    v = g.pick(least=1, dtype="f4" if g.chance(0.9) else None)
    if op in ("Softmax", "LogSoftmax"):
        return g.emit(op, v, axis=axis(g, v) if g.opset >= 11 else axis(g, v) % v.rank)
    if op == "LpNormalization":
        return g.emit(op, v, axis=axis(g, v), p=int(g.choice(1, 2)))
    if op == "LayerNormalization":
        if g.opset < 17:
            raise Misfit
        a = axis(g, v)
        shape = v.shape[a if a < 0 else a - v.rank:]
        return g.emit(op, v, g.floats(*shape), *([g.floats(*shape)] if g.chance(0.6) else []), axis=a, epsilon=0.1)
    if op in ("layer", "rms"):  # as exporters write it
        c = g.emit("Sub", v, with_axes(g, "ReduceMean", v, [-1], 18, keepdims=1)) if op == "layer" else v
        q = g.emit("Pow", c, g.constant(np.array(2, v.dtype))) if g.chance(0.6) else g.emit("Mul", c, c)
        s = g.emit("Sqrt", g.emit("Add", with_axes(g, "ReduceMean", q, [-1], 18, keepdims=1), g.constant(np.array(0.1, v.dtype))))
        n = g.emit("Div", c, s) if g.chance(0.7) else g.emit("Mul", c, g.emit("Reciprocal", s))
        n = g.emit("Mul", *((n, g.floats(v.shape[-1])) if g.chance(0.5) else (g.floats(v.shape[-1]), n)))
        return g.emit("Add", n, g.floats(*(v.shape[-1:] if g.chance(0.8) else v.shape))) if g.chance(0.7) else n
    v = g.pick(least=3, dtype="f4", where=lambda o: o.shape[1] > 0)
    c = v.shape[1]
    if op == "LRN":
        return g.emit(op, v, size=3)
    if op == "InstanceNormalization":
        return g.emit(op, v, g.floats(c), g.floats(c), epsilon=0.1)
    return g.emit(op, v, g.floats(c), g.floats(c), g.floats(c), g.constant((0.5 + g.r.random(c)).astype("f4")))


def activate(g, v):
    """An activation as exporters write it."""
    s = lambda x: g.constant(np.array(x, v.dtype))
    kind = g.choice("gelu", "gelu tanh", "swish", "hard", "affine", "plain", "scaled")
    if kind == "gelu":
        t = g.emit("Add", g.emit("Erf", g.emit("Div", v, s(2 ** 0.5))), s(1))
        return g.emit("Mul", g.emit("Mul", v, t), s(0.5)) if g.chance(0.5) else g.emit("Mul", g.emit("Mul", v, s(0.5)), t)
    if kind == "gelu tanh":
        inner = g.emit("Add", v, g.emit("Mul", g.emit("Pow", v, s(3)), s(0.044715)))
        return g.emit("Mul", g.emit("Mul", v, s(0.5)), g.emit("Add", g.emit("Tanh", g.emit("Mul", inner, s((2 / np.pi) ** 0.5))), s(1)))
    if kind == "swish":
        return g.emit("Mul", v, g.emit("Sigmoid", v))
    if kind == "scaled":
        return g.emit("Mul", v, g.emit("Sigmoid", g.emit("Mul", v, s(1.702))))
    if kind == "hard":
        gate = g.emit("Add", v, s(3))
        gate = g.emit("Clip", gate, min=0.0, max=6.0) if g.opset < 11 else g.emit("Clip", gate, s(0), s(6))
        return g.emit("Div", g.emit("Mul", v, gate), s(6)) if g.chance(0.5) else g.emit("Mul", v, g.emit("Div", gate, s(6)))
    if kind == "affine":
        return g.emit("Add", g.emit("Mul", v, s(g.r.standard_normal())), s(g.r.standard_normal()))
    return g.emit(g.choice("Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu"), v)


def activation(g):
    return activate(g, g.pick())


def product(g):
    v = g.pick(least=1, dtype="f4", where=lambda o: 0 < o.shape[-1] <= 256)
    k, n = v.shape[-1], int(g.r.integers(1, 40))
    kind = g.choice("weights", "weights", "bias", "bias", "gemm", "pair", "einsum")
    if kind == "gemm":
        v = g.pick(rank=2, dtype="f4")
        ta, tb = g.chance(0.3), g.chance(0.5)
        k = v.shape[0] if ta else v.shape[1]
        bias = [g.floats(*g.choice([n], [1, n], [v.shape[1 if ta else 0], 1], [v.shape[1 if ta else 0], n], []))] if g.chance(0.7) or g.opset < 11 else []
        v = g.emit("Gemm", v, g.floats(*((n, k) if tb else (k, n)), scale=max(k, 1) ** -0.5), *bias, transA=int(ta), transB=int(tb), **({"alpha": 0.5, "beta": 2.0} if g.chance(0.3) else {}))
    elif kind == "pair":
        o = g.pick(least=2, dtype="f4", where=lambda o: o.shape[-2] == k and o.rank >= 2)
        v = g.emit("MatMul", v, o)
    elif kind == "einsum" and v.rank == 3 and g.opset >= 12:
        v = g.emit("Einsum", v, g.floats(k, n, scale=k ** -0.5), equation=g.choice("bij,jk->bik", "bij,jk->ki", "bij,jk->kbi"))
    else:
        v = g.emit("MatMul", v, g.floats(k, n, scale=k ** -0.5))
        if kind == "bias":
            v = g.emit("Add", v, g.floats(*g.choice([n], [1, n], [n], [1])))
            if g.chance(0.3):
                v = g.emit("Add", v, operand(g, v))
    return activate(g, v) if g.chance(0.5) else v


def convolve(g):
    rank = int(g.choice(2, 2, 2, 1, 3))
    v = g.pick(rank=rank + 2, dtype="f4", where=lambda o: 0 < o.shape[1] <= 64)
    c = v.shape[1]
    group = int(g.choice(1, 1, c, *[d for d in (2, 4) if c % d == 0]))
    out = group * int(g.r.integers(1, max(2, 24 // group)))
    window = [int(g.choice(1, 1, 3, 3, 5, 2)) for _ in range(rank)] if g.chance(0.3) else [int(g.choice(1, 3, 3))] * rank
    attrs = {"group": group, "strides": [int(g.choice(1, 1, 2))] * rank, "dilations": [int(g.choice(1, 1, 1, 2))] * rank}
    if g.chance(0.3):
        attrs |= {"auto_pad": g.choice("SAME_UPPER", "SAME_LOWER", "VALID"), "dilations": [1] * rank}
    else:
        attrs["pads"] = [w // 2 for w in window] * 2 if g.chance(0.7) else [int(k) for k in g.r.integers(0, 3, 2 * rank)]
    bias = [g.floats(out)] if g.chance(0.6) else []
    size = (c // group * int(np.prod(window))) ** -0.5
    if g.chance(0.15) and "auto_pad" not in attrs:
        out = out // group
        return g.emit("ConvTranspose", v, g.floats(c, out, *window, scale=size), *([g.floats(out * group)] if bias else []), **attrs)
    v = g.emit("Conv", v, g.floats(out, c // group, *window, scale=size), *bias, **attrs)
    if g.chance(0.4):
        v = g.emit("BatchNormalization", v, g.floats(out), g.floats(out), g.floats(out), g.constant((0.5 + g.r.random(out)).astype("f4")))
    elif g.chance(0.3):
        v = g.emit(g.choice("Mul", "Add"), v, g.floats(*g.choice([1, out] + [1] * rank, [out] + [1] * rank, [1], [])))
    if g.chance(0.4):
        v = g.emit("Add", v, g.pick(dtype="f4", where=lambda o: fits(v.shape, o.shape) and o.rank <= v.rank))
    return activate(g, v) if g.chance(0.6) else v


def pool(g):
    v = g.pick(least=3, dtype="f4", where=lambda o: o.array.size)
    op = g.choice("MaxPool", "MaxPool", "AveragePool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool")
    if op.startswith("Global"):
        return g.emit(op, v, exact=op == "GlobalMaxPool")
    rank = v.rank - 2
    window = [int(g.r.integers(1, min(n, 3) + 1)) for n in v.shape[2:]]
    attrs = {"kernel_shape": window, "strides": [int(k) for k in g.r.integers(1, 3, rank)]}
    if g.chance(0.4):
        attrs["auto_pad"] = g.choice("SAME_UPPER", "SAME_LOWER")
    elif g.chance(0.5):
        attrs["pads"] = [int(g.r.integers(0, w)) for w in window * 2]
    if op != "LpPool" and g.opset >= 10 and g.chance(0.3):
        attrs["ceil_mode"] = 1
    if op == "AveragePool" and g.chance(0.4):
        attrs["count_include_pad"] = 1
    return g.emit(op, v, exact=op == "MaxPool", **attrs)


def attention(g):
    v = g.pick(rank=3, dtype="f4", where=lambda o: 1 < o.shape[2] <= 128 and o.array.size)
    b, t, width = v.shape
    heads, dim = int(g.choice(1, 2, 3)), int(g.choice(4, 8, 16))
    part = lambda perm: g.emit("Transpose", g.emit("Reshape", g.emit("Add", g.emit("MatMul", v, g.floats(width, heads * dim, scale=width ** -0.5)), g.floats(heads * dim)),
                                                   g.ints(0, 0, heads, dim)), perm=perm)
    q, k, u = part([0, 2, 1, 3]), part([0, 2, 3, 1]), part([0, 2, 1, 3])
    scale = g.constant(np.array(dim ** -0.5, "f4"))
    if g.chance(0.3):
        q = g.emit("Mul", q, scale)
    s = g.emit("MatMul", q, k)
    s = g.emit("Mul", s, scale) if g.chance(0.5) else g.emit("Div", s, g.constant(np.array(dim ** 0.5, "f4")))
    if g.chance(0.5):
        s = g.emit("Add", s, g.floats(*g.choice([1, 1, t, t], [b, 1, 1, t], [t, t], [b, heads, t, t])))
    y = g.emit("Transpose", g.emit("MatMul", g.emit("Softmax", s, axis=g.choice(-1, 3) if g.opset >= 11 else 3), u), perm=[0, 2, 1, 3])
    return g.emit("Reshape", y, g.ints(0, 0, heads * dim))


def captured(g, body):
    """The values around that body takes."""
    return [v for v in g.visible() if v.name in body.used]


def branch(g):
    if g.outer and g.outer.outer:
        raise Misfit
    like = g.pick()
    bodies = []
    for _ in range(2):
        b = Graph(g.r, g.opset, g).grow(int(g.r.integers(1, 5)))
        bodies.append((b, [b.pick(dtype=like.dtype, where=lambda o: o in b.values)]))
    flag = g.pick("b", where=lambda o: o.array.size == 1) if g.chance(0.5) else g.constant(np.array(g.chance(0.5)))
    if g.chance(0.3):
        flag = g.emit("Identity", flag)
    inner = {v.name: v for b, _ in bodies for v in captured(g, b)}
    (yes, a), (no, c) = bodies
    return g.emit("If", flag, inner=inner.values(), then_branch=yes.proto("then", a), else_branch=no.proto("else", c))


def loop(g):
    if g.outer:
        raise Misfit
    v = g.pick(dtype="f4", where=lambda o: o.array.size)
    b = Graph(g.r, g.opset, g)
    b.input(np.array(0, "i8"), False)
    go = b.input(np.array(True), False)
    b.input(v.array, False)
    b.values[-1].exact = False
    b.grow(int(g.r.integers(1, 5)))
    out = b.emit("Tanh", b.pick(dtype="f4", where=lambda o: o in b.values and o.shape == v.shape))
    scan = b.pick(dtype="f4", where=lambda o: o in b.values)
    again, scan = b.emit("Identity", go), b.emit("Identity", scan)
    y = g.emit("Loop", g.constant(np.array(g.r.integers(0, 4), "i8")), g.constant(np.array(True)), v, outputs=2, inner=captured(g, b), body=b.proto("body", [again, out, scan]))
    return y


TABLE = {unary: 10, binary: 12, integers: 4, compare: 4, logic: 2, where: 4, cast: 2, reduce: 6, reshape: 7, transpose: 6, squeeze: 4, concat: 5, slices: 5, gather: 4, choose: 1,
         arrange: 5, normalise: 6, activation: 5, product: 8, convolve: 9, pool: 4, attention: 1.5, branch: 1, loop: 0.7}
STEPS = list(TABLE)
WEIGHTS = np.array(list(TABLE.values())) / sum(TABLE.values())


def build(seed):
    r = np.random.default_rng(seed)
    g = Graph(r, int(r.choice([9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23])))
    symbolic = g.chance(0.5)
    size = lambda low, high: int(r.integers(low, high))
    batch, width = size(1, 4), size(1, 24)
    shapes = [(batch, size(2, 40), size(5, 14), size(5, 14)), (batch, size(2, 20), width), (batch, width), (width,), (), (1, size(1, 20), size(8, 40)), (1, 3, 4, 5, 6), (batch, 8, 8, 8)]
    for k in sorted(r.permutation(len(shapes))[: size(2, 5)]):
        g.input(r.standard_normal(shapes[k]).astype("f4"), symbolic)
    if g.chance(0.5):
        g.input(r.integers(-3, 9, (batch, width)).astype(g.choice("i8", "i4")), symbolic)
    if g.chance(0.2):
        g.input(r.standard_normal((batch, width)).astype("f8"), symbolic)
    g.values.append(g.floats(width))
    g.grow(size(20, 100))
    outputs = [v for v in g.values if v.name not in g.used or g.chance(0.03)]
    keep = {n for node in g.nodes for n in node.output} | {t.name for t in g.constants if g.chance(0.3)}
    outputs = [v for v in outputs if v.name in keep and g.chance(0.9)] or g.values[-1:]
    if g.chance(0.1):
        outputs.append(g.inputs[0][1])
    m = model_of(g.proto("g", outputs), g.opset)
    return onnx.shape_inference.infer_shapes(m) if g.chance(0.5) else m, {v.name: v.array for _, v in g.inputs}, outputs


def run(hotpath, model, folder, out, *flags, isa=None):
    env = os.environ | ({"HOTPATH_ISA": isa} if isa else {})
    done = subprocess.run([hotpath, "run", folder / model, "--input", folder / "in.npz", "--output", folder / out, *flags], capture_output=True, text=True, env=env)
    return (done.stderr.strip() or f"exit {done.returncode}") if done.returncode else dict(np.load(folder / out))


def differs(a, b):
    """Where two runs of ours have other bits."""
    if isinstance(b, str):
        return b
    bad = [n for n in a if a[n].dtype != b[n].dtype or a[n].shape != b[n].shape or a[n].tobytes() != b[n].tobytes()]
    return f"other bits in {bad}" if bad else ""


def far(ours, theirs):
    """How an answer is not that of onnxruntime."""
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return f"{ours.dtype}{ours.shape}, onnxruntime {theirs.dtype}{theirs.shape}"
    if ours.dtype.kind != "f":
        return "" if np.array_equal(ours, theirs) else f"{(ours != theirs).sum()} of {ours.size} differ"
    if not ours.size:
        return ""
    most = 1e-4 * max(np.abs(theirs.astype("f8")).max(), 1e-2)
    worst = np.abs(ours.astype("f8") - theirs.astype("f8")).max()
    return "" if worst <= most else f"{worst:.1e} apart, at most {most:.1e}"


def check(hotpath, seed, folder):
    """What is wrong with the answers for a seed, and the number of nodes."""
    m, feed, outputs = build(seed)
    onnx.save(m, folder / "m.onnx")
    np.savez(folder / "in.npz", **feed)
    ours = run(hotpath, "m.onnx", folder, "a.npz", "--threads", "1")
    problems = []
    try:
        theirs = session(m, optimise=True).run(None, feed)
    except Exception as e:
        return [] if isinstance(ours, str) else ["onnxruntime refuses: " + str(e).splitlines()[0][:200]], m
    if isinstance(ours, str):
        return [ours], m
    for v, t in zip(outputs, theirs):
        if (p := far(ours[v.name], np.asarray(t))) and far(ours[v.name], v.array):
            problems.append(f"{v.name} {p}, alone {far(np.asarray(t), v.array) or 'ok'}")
    done = subprocess.run([hotpath, "optimize", folder / "m.onnx", "--out", folder / "o.onnx"], capture_output=True, text=True)
    for name, other in [("two threads", run(hotpath, "m.onnx", folder, "b.npz", "--threads", "2")), ("ref", run(hotpath, "m.onnx", folder, "b.npz", "--threads", "1", isa="ref")),
                        ("avx2", run(hotpath, "m.onnx", folder, "b.npz", "--threads", "1", isa="avx2")),
                        ("optimize", done.stderr.strip() if done.returncode else run(hotpath, "o.onnx", folder, "b.npz", "--threads", "1"))]:
        if p := differs(ours, other):
            problems.append(f"{name}: {p}")
    return problems, m


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--seeds", default=f"{KEPT.start}:{KEPT.stop}")
    p.add_argument("--keep", type=pathlib.Path)
    args = p.parse_args()
    hotpath = pathlib.Path(args.hotpath).resolve()
    first, end = map(int, args.seeds.split(":"))
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, numpy {np.__version__}")
    failed = nodes = 0
    kinds = set()
    for seed in range(first, end):
        with tempfile.TemporaryDirectory() as d:
            folder = pathlib.Path(d)
            problems, m = check(hotpath, seed, folder)
            nodes += len(m.graph.node)
            kinds |= {n.op_type for n in m.graph.node}
            if problems:
                failed += 1
                print(f"FAIL  {seed} (opset {m.opset_import[0].version}): {'; '.join(problems)}", flush=True)
                if args.keep:
                    shutil.copytree(folder, args.keep / str(seed), dirs_exist_ok=True)
    print(f"{end - first} graphs, {nodes} nodes of {len(kinds)} operators, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
