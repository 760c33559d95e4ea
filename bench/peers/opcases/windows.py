"""Convolution and pooling."""
import numpy as np

from . import Case, r, x


def cases():
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
