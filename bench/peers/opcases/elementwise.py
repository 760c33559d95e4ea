"""Elementwise operators on every dtype, casts, and operators that make or reorder elements."""
import numpy as np

from onnx import TensorProto

from . import Case, i64, r, x

INTS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


def ints(dtype, *shape):
    info = np.iinfo(dtype)
    v = r.integers(max(info.min, -50), 50, shape).astype(dtype)
    v.reshape(-1)[:3] = info.max, info.min, 1
    return v


def nonzero(dtype, *shape):
    v = ints(dtype, *shape)
    v[v == 0] = 3
    v[v == np.array(-1).astype(dtype)] = 5
    return v


def unary():
    s = x(5, 37, special=True)
    wide = (x(6, 40) * 10.0 ** r.integers(-5, 30, (6, 40))).astype("f4")
    for op in ("Sin", "Cos", "Tan"):
        yield Case(op, [x(5, 60, scale=100)])
        yield Case(op, [wide], name="large")
    for op in ("Atan", "Sinh", "Cosh", "Asinh", "Softsign", "Celu", "Selu", "Shrink", "ThresholdedRelu", "IsInf"):
        yield Case(op, [np.where(np.isinf(s), 0, s) if op == "Softsign" else s])
    yield Case("Mish", [x(5, 37)])
    yield Case("Celu", [x(4, 9)], alpha=0.3, name="alpha")
    yield Case("Selu", [x(4, 9)], alpha=2.0, gamma=0.5, name="attributes")
    yield Case("Shrink", [x(4, 9)], bias=0.3, lambd=1.1, name="attributes")
    yield Case("ThresholdedRelu", [x(4, 9)], alpha=0.4, name="alpha")
    yield Case("IsInf", [s], detect_negative=0, name="positive")
    for op in ("Asin", "Acos", "Atanh"):
        yield Case(op, [np.asarray(r.uniform(-1, 1, (4, 50)), "f4")])
    yield Case("Acosh", [1 + np.abs(x(4, 50))])
    yield Case("PRelu", [x(2, 3, 4, 5), x(3, 1, 1)])
    yield Case("PRelu", [x(4, 6), x(6)], name="row")
    d = s.astype("f8")
    for op in ("Abs", "Neg", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Relu"):
        yield Case(op, [d], name="float64")
    for t in INTS:
        for op in ("Abs", "Sign", "BitwiseNot") + (("Neg", "Relu") if t[0] == "i" else ()):
            yield Case(op, [ints(t, 3, 7)], name=t)
        yield Case("Clip", [ints(t, 3, 7)], {1: np.array(2, t), 2: np.array(20, t)}, name=t)
    yield Case("Clip", [d], {1: np.float64(-1), 2: np.float64(2)}, name="float64")


def binary():
    for t in INTS + ("f8",):
        a, b = (x(4, 6).astype(t), x(6).astype(t)) if t == "f8" else (ints(t, 4, 6), nonzero(t, 6))
        for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"):
            yield Case(op, [a, b], name=t)
        yield Case("Mod", [a, b], name="fmod " + t, fmod=1)
        if t != "f8":
            yield Case("Mod", [a, b], name=t)
            for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
                yield Case(op, [a, b], name=t)
        if t[0] == "u":
            for d in ("LEFT", "RIGHT"):
                yield Case("BitShift", [ints(t, 4, 6), r.integers(0, 8, (6,)).astype(t)], direction=d, name=f"{t} {d}")
    yield Case("Mod", [x(4, 6), x(6)], fmod=1, name="float32")
    yield Case("Equal", [r.random((4, 3)) < 0.5, r.random(3) < 0.5], name="bool")
    for op in ("Sum", "Mean"):
        yield Case(op, [x(3, 5), x(5), x(3, 1)])
        yield Case(op, [x(3, 5)], name="one")
    yield Case("Pow", [ints("i8", 3, 4) % 7, r.integers(0, 5, (4,)).astype("i8")], name="int64")
    for t in ("i1", "i2", "u2", "u4", "u8", "f8", "f2"):
        yield Case("Where", [r.random((4, 6)) < 0.5, (x(4, 6) * 3).astype(t), x(6).astype(t)], name=t)


def casts():
    numbers = {"f4": np.array([0, 1.5, -1.5, 100.7, 65504, 1e-7, 3e-5, 6.1e-5, np.nan, np.inf, 65519.9, 1e9], "f4"),
               "f8": np.array([0, 1.5, -1.5, 100.7, 1e-7, np.nan, np.inf, 1 + 2.0**-30], "f8"),
               "f2": np.array([0, 1.5, -1.5, 100.7, 6e-8, np.nan, np.inf], "f2")}
    for t in INTS:
        numbers[t] = ints(t, 40)
    numbers["?"] = r.random(9) < 0.5
    to = {"f4": TensorProto.FLOAT, "f8": TensorProto.DOUBLE, "f2": TensorProto.FLOAT16, "i1": TensorProto.INT8, "i2": TensorProto.INT16, "i4": TensorProto.INT32,
          "i8": TensorProto.INT64, "u1": TensorProto.UINT8, "u2": TensorProto.UINT16, "u4": TensorProto.UINT32, "u8": TensorProto.UINT64, "?": TensorProto.BOOL}
    for a, v in numbers.items():
        for b, code in to.items():
            fits = v[np.isfinite(v) & (v >= 0) & (v < 127)] if a[0] == "f" and b[0] in "iu" else v  # what does not is undefined
            yield Case("Cast", [fits], to=code, name=f"{a} to {b}")
        if a != "u8":
            yield Case("Cast", [v], to=TensorProto.STRING, name=f"{a} to text")
    yield Case("CastLike", [x(3, 4), np.zeros(1, "i4")], name="int32")


def arranged():
    for t in ("f4", "i8", "u1", "f2"):
        yield Case("DepthToSpace", [x(2, 12, 3, 4).astype(t)], blocksize=2, name=t)
        yield Case("Trilu", [x(2, 4, 5).astype("f4" if t == "f2" else "i8" if t == "u1" else t)], {1: np.array(1, "i8")}, name=t)
        for op, args, const in (("Transpose", [x(3, 4, 5)], {}), ("Gather", [x(5, 6), np.array([1, -1])], {}), ("Reshape", [x(4, 6)], {1: i64(3, 8)}),
                                ("Slice", [x(6, 9)], {1: i64(1), 2: i64(5), 3: i64(0)}), ("Expand", [x(3, 1)], {1: i64(2, 1, 6)})):
            yield Case(op, [args[0].astype(t), *args[1:]], const, name=t)
        yield Case("Concat", [x(2, 3).astype(t), x(2, 4).astype(t)], axis=1, name=t)
    yield Case("DepthToSpace", [x(2, 12, 3, 4)], blocksize=2, mode="CRD", name="CRD")
    yield Case("SpaceToDepth", [x(2, 3, 4, 6)], blocksize=2)
    yield Case("Trilu", [x(4, 5)], upper=0, name="lower")
    yield Case("Trilu", [x(4, 5)], {1: np.array(-2, "i8")}, upper=0, name="lower -2")
    for axis in (0, 1, -1):
        for exclusive in (0, 1):
            yield Case("CumSum", [x(3, 4, 5)], {1: np.array(axis, "i8")}, exclusive=exclusive, reverse=exclusive, name=f"{axis} {exclusive}")
    yield Case("CumSum", [ints("i8", 3, 4)], {1: np.array(1, "i4")}, reverse=1, name="int64")
    yield Case("ReverseSequence", [x(5, 4, 3), i64(1, 5, 3, 2)])
    yield Case("ReverseSequence", [x(4, 5), i64(1, 5, 3, 2)], batch_axis=0, time_axis=1, name="batch first")
    for axis in (0, 1, -1):
        yield Case("OneHot", [r.integers(-7, 7, (3, 4))], {1: np.array(5, "i8"), 2: np.array([-1, 2], "f4")}, axis=axis, name=f"axis {axis}")
        yield Case("Hardmax", [np.round(x(3, 4, 5))], axis=axis, name=f"axis {axis}")
        yield Case("LpNormalization", [x(3, 4, 5)], axis=axis, p=1, name=f"L1 axis {axis}")
        yield Case("LpNormalization", [x(3, 4, 5)], axis=axis, p=2, name=f"L2 axis {axis}")
    yield Case("EyeLike", [x(4, 5)], k=1)
    yield Case("EyeLike", [x(4, 5)], k=-1, dtype=TensorProto.INT64, name="int64")
    yield Case("Shape", [x(2, 3, 4)])
    yield Case("Shape", [x(2, 3, 4)], start=1, end=-1, name="part")
    yield Case("Size", [x(2, 3, 4)])
    yield Case("LRN", [x(2, 7, 3, 4)], size=3)
    yield Case("LRN", [x(2, 7, 3, 4)], size=4, alpha=0.1, beta=0.5, bias=2.0, name="even")
    yield Case("MeanVarianceNormalization", [x(2, 3, 4, 5)])
    yield Case("MeanVarianceNormalization", [x(2, 3, 4, 5)], axes=[1, 3], name="axes")


def cases():
    for family in (unary, binary, casts, arranged):
        yield from family()
