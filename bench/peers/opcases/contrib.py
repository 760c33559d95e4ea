"""Operators of com.microsoft, and Einsum beyond what the public cases of ONNX show."""
import numpy as np

from . import Case, q, r, weights, x

MS = {"domain": "com.microsoft"}


def i4(high, *shape):
    return r.integers(0, high, shape).astype("i4")


def norms():
    gamma, beta = x(64), x(64)
    yield Case("SkipLayerNormalization", [x(2, 5, 64), x(2, 5, 64)], {2: gamma, 3: beta}, epsilon=1e-5, **MS)
    yield Case("SkipLayerNormalization", [x(2, 5, 64), x(1, 5, 64)], {2: gamma, 3: beta, 4: x(64)}, outputs=4, name="all outputs", **MS)
    yield Case("SkipLayerNormalization", [x(2, 5, 64), x(5, 64)], {2: gamma}, name="no beta", **MS)
    yield Case("SkipSimplifiedLayerNormalization", [x(2, 5, 64), x(2, 5, 64)], {2: gamma, 3: beta}, **MS)
    yield Case("SimplifiedLayerNormalization", [x(2, 5, 64)], {1: gamma}, axis=-1, epsilon=1e-6)
    yield Case("EmbedLayerNormalization", [i4(9, 2, 5), i4(2, 2, 5)], {2: x(9, 64), 3: x(8, 64), 4: x(2, 64), 5: gamma, 6: beta}, outputs=2, **MS)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], "i4")
    yield Case("EmbedLayerNormalization", [i4(9, 2, 5), i4(2, 2, 5)], {2: x(9, 64), 3: x(8, 64), 4: x(2, 64), 5: gamma, 6: beta, 7: mask, 8: i4(8, 2, 5)}, outputs=3, name="mask", **MS)


def attention():
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], "i4")
    w, b = {1: x(24, 96, scale=0.3), 2: x(96)}, dict(num_heads=4, **MS)
    yield Case("Attention", [x(2, 5, 24)], w, **b)
    yield Case("Attention", [x(2, 5, 24)], {**w, 3: mask}, name="mask", **b)
    yield Case("Attention", [x(2, 5, 24)], {**w, 3: np.array([3, 5], "i4")}, name="lengths", **b)
    yield Case("Attention", [x(2, 5, 24)], {**w, 3: None, 4: x(2, 2, 4, 3, 8)}, outputs=2, unidirectional=1, name="past", **b)
    yield Case("Attention", [x(2, 5, 24)], {**w, 3: mask, 4: None, 5: x(1, 4, 5, 5)}, name="mask and bias", **b)
    yield Case("Attention", [x(2, 5, 24)], {1: x(24, 80, scale=0.3), 2: x(80)}, qkv_hidden_sizes=[32, 32, 16], scale=0.2, name="sizes", **b)
    yield Case("MultiHeadAttention", [x(2, 3, 32), x(2, 5, 32), x(2, 5, 32)], **b)
    yield Case("MultiHeadAttention", [x(2, 3, 32), x(2, 5, 32), x(2, 5, 32)], {3: x(96), 4: mask}, name="bias and mask", **b)
    yield Case("MultiHeadAttention", [x(2, 3, 32), x(2, 3, 32), x(2, 3, 32)], {3: None, 4: None, 5: x(2, 4, 3, 7), 6: x(2, 4, 4, 8), 7: x(2, 4, 4, 8)}, outputs=3, unidirectional=1, name="past", **b)
    yield Case("QAttention", [q("u1", 2, 5, 24)], {1: weights("i1", 24, 96), 2: x(96), 3: np.float32(0.02), 4: np.float32(0.01), 5: mask, 6: np.uint8(120), 7: np.int8(0)}, **b)


def products():
    for ta in (0, 1):
        for tb in (0, 1):
            a, b = (x(3, 7, 5) if ta else x(3, 5, 7)), (x(6, 7) if tb else x(7, 6))
            yield Case("FusedMatMul", [a], {1: b}, transA=ta, transB=tb, alpha=0.25, name=f"{ta}{tb}", **MS)
            yield Case("FusedMatMul", [a, x(3, *b.shape)], transA=ta, transB=tb, alpha=0.25, name=f"{ta}{tb} batch", **MS)
    yield Case("FusedGemm", [x(5, 7)], {1: x(7, 6), 2: x(6)}, activation="LeakyRelu", activation_alpha=0.1, **MS)
    yield Case("FusedConv", [x(1, 8, 9, 9)], {1: x(8, 8, 3, 3), 2: x(8), 3: x(1, 8, 9, 9)}, activation="Relu", pads=[1, 1, 1, 1], **MS)
    b, scale, zero = weights("i1", 24, 16), np.abs(x(16)) + 0.1, np.zeros(16, "i1")
    yield Case("DynamicQuantizeMatMul", [x(4, 24)], {1: b, 2: scale, 3: zero, 4: x(16)}, **MS)
    yield Case("MatMulIntegerToFloat", [q("u1", 4, 24)], {1: b, 2: np.float32(0.1), 3: scale, 4: np.uint8(7), 5: zero, 6: x(16)}, **MS)
    c, y = r.integers(-900, 900, 16).astype("i4"), {7: np.float32(9), 8: np.uint8(120)}
    yield Case("QGemm", [q("u1", 4, 24)], {1: np.float32(0.1), 2: np.uint8(7), 3: b, 4: scale, 5: zero, 6: c}, **MS)
    yield Case("QGemm", [q("u1", 4, 24)], {1: np.float32(0.1), 2: np.uint8(7), 3: b, 4: scale, 5: zero, 6: c, **y}, quantum=1, name="quantised", **MS)
    softmax = Case("QLinearSoftmax", [q("u1", 4, 24)], {1: np.float32(0.05), 2: np.uint8(9), 3: np.float32(1 / 256), 4: np.uint8(0)}, axis=-1, quantum=1, **MS)
    softmax.attrs["opset"] = 13
    yield softmax
    yield Case("CDist", [x(5, 7), x(3, 7)], metric="euclidean", **MS)
    yield Case("CDist", [x(5, 7), x(3, 7)], metric="sqeuclidean", name="squares", **MS)
    yield Case("NGramRepeatBlock", [r.integers(0, 3, (2, 9)), x(2, 4)], ngram_size=3, **MS)
    yield Case("Inverse", [x(3, 5, 5)], **MS)
    for equation, *shapes in (("bqhd,bkhd->bhqk", (2, 3, 4, 8), (2, 5, 4, 8)), ("...ij,...jk,kl->...il", (2, 3, 4), (2, 4, 5), (5, 6)), ("ii,jk->kij", (4, 4), (3, 2)),
                              ("abc,cd", (2, 3, 4), (4, 5)), ("a...,b...->...ab", (3, 2, 1), (4, 1, 5)), ("ab,ab->", (7, 9), (7, 9)), ("abc->b", (5, 6, 7))):
        yield Case("Einsum", [x(*s) for s in shapes], equation=equation, name=equation)


def activations():
    yield Case("Gelu", [x(4, 64)], **MS)
    yield Case("QuickGelu", [x(4, 64)], **MS)
    yield Case("QuickGelu", [x(4, 64)], alpha=0.5, name="alpha", **MS)
    yield Case("BiasGelu", [x(4, 64)], {1: x(64)}, **MS)
    yield Case("FastGelu", [x(4, 64)], {1: x(64)}, **MS)


def cases():
    for family in (norms, attention, products, activations):
        yield from family()
