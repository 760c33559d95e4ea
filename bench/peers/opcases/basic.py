"""Elementwise operators, reductions, norms, movement of data."""
import numpy as np

from . import Case, i64, r, x


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
