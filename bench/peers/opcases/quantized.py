"""Quantised convolution, elementwise operators and pooling, with constant scales and zero points."""
import numpy as np

from . import Case, q, r, weights

MS = {"domain": "com.microsoft"}
# onnxruntime divides and multiplies by rounded reciprocals in these, hotpath rounds once: halves may fall on the other side; so they may in QLinearConv.
ROUNDED = {**MS, "quantum": 1}
f = np.float32


def zero(dtype):
    return q(dtype).reshape(())


def cases():
    def conv(shape, filters, name, x="u1", w="i1", y="u1", per_channel=True, zero_w=False, bias=True, **attrs):
        m = filters[0]
        scales = r.uniform(0.5, 1.5, m).astype("f4") * f(0.01) if per_channel else f(0.01)
        zeros = (q(w, m) if per_channel else zero(w)) if zero_w else np.zeros(m if per_channel else (), w)
        k = int(np.prod(filters[1:]))
        const = {1: f(0.02), 2: zero(x), 3: weights(w, *filters), 4: scales, 5: zeros, 6: f(0.02 * 0.01 * 60 * k**0.5), 7: zero(y)}
        if bias:
            const[8] = r.integers(-9999, 9999, m).astype("i4")
        return Case("QLinearConv", [q(x, *shape)], const, name=name, quantum=1, **attrs)

    yield conv((2, 3, 17, 23), (8, 3, 3, 3), "3x3", pads=[1, 1, 1, 1])
    yield conv((1, 64, 14, 14), (64, 64, 3, 3), "3x3x64", pads=[1, 1, 1, 1])
    yield conv((1, 3, 33, 33), (20, 3, 7, 7), "7x7 stride 2", strides=[2, 2], pads=[3, 3, 3, 3], bias=False)
    yield conv((2, 300, 9, 9), (35, 300, 1, 1), "1x1")
    yield conv((1, 64, 9, 9), (32, 64, 1, 1), "1x1 stride 2", strides=[2, 2])
    yield conv((1, 24, 15, 15), (24, 1, 3, 3), "depthwise", group=24, pads=[1, 1, 1, 1], strides=[2, 2])
    yield conv((1, 100, 9, 9), (100, 1, 5, 5), "depthwise 5x5", group=100, pads=[2, 2, 2, 2])
    yield conv((1, 12, 15, 15), (9, 4, 3, 3), "groups", group=3, dilations=[2, 2])
    yield conv((1, 8, 50), (16, 8, 5), "1-d", pads=[2, 2])
    yield conv((1, 8, 10, 11), (5, 8, 3, 2), "auto_pad", auto_pad="SAME_UPPER", strides=[2, 2])
    yield conv((1, 8, 9, 9), (16, 8, 3, 3), "s8", x="i1", y="i1", pads=[1, 1, 1, 1])
    yield conv((1, 8, 9, 9), (16, 8, 3, 3), "u8 weights", w="u1", zero_w=True, per_channel=False, pads=[1, 1, 1, 1])
    yield conv((1, 16, 9, 9), (16, 1, 3, 3), "depthwise u8 weights", w="u1", zero_w=True, per_channel=False, group=16, pads=[1, 1, 1, 1])
    yield Case("ConvInteger", [q("u1", 1, 8, 9, 9)], {1: weights("i1", 16, 8, 3, 3), 2: zero("u1")}, pads=[1, 1, 1, 1])
    yield Case("ConvInteger", [q("u1", 1, 8, 9, 9)], {1: q("u1", 16, 8, 3, 3), 2: zero("u1"), 3: zero("u1")}, name="u8 weights")
    for d in ("u1", "i1"):
        for op, y in (("QLinearAdd", 0.05), ("QLinearMul", 0.8)):
            for a, b in (((2, 3, 41), (2, 3, 41)), ((2, 3, 41), (41,)), ((5, 1), (5, 40))):
                yield Case(op, [q(d, *a), None, None, q(d, *b)], {1: f(0.03), 2: zero(d), 4: f(0.021), 5: zero(d), 6: f(y * 0.03), 7: zero(d)}, name=f"{d} {a} {b}", **ROUNDED)
        yield Case("QLinearSigmoid", [q(d, 300)], {1: f(0.05), 2: zero(d), 3: f(1 / 256), 4: np.array(0 if d == "u1" else -128, d)}, name=d, **MS)
        yield Case("QLinearLeakyRelu", [q(d, 300)], {1: f(0.05), 2: zero(d), 3: f(0.04), 4: zero(d)}, alpha=0.2, name=d, **MS)
        yield Case("MaxPool", [q(d, 2, 3, 13, 14)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], name=d)
        for last in (0, 1):
            yield Case("QLinearAveragePool", [q(d, 1, 6, 13, 14)], {1: f(0.05), 2: zero(d), 3: f(0.04), 4: zero(d)}, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
                       channels_last=last, name=f"{d} last={last}", **ROUNDED)
            yield Case("QLinearGlobalAveragePool", [q(d, 2, 7, 6, 5)], {1: f(0.05), 2: zero(d), 3: f(0.01), 4: zero(d)}, channels_last=last, name=f"{d} last={last}", **ROUNDED)
    a, b, c = q("u1", 2, 3, 5), q("u1", 2, 4, 5), q("u1", 2, 1, 5)
    yield Case("QLinearConcat", [None, None, a, None, None, b, None, None, c], {0: f(0.05), 1: zero("u1"), 3: f(0.03), 4: zero("u1"), 6: f(0.05), 7: zero("u1"), 9: f(0.08), 10: zero("u1")},
               axis=1, **MS)
