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
    yield conv((1, 48, 10, 10), (48, 48, 3, 3), "3x3x48", pads=[1, 1, 1, 1])
    yield conv((2, 256, 13, 13), (40, 256, 3, 3), "3x3x256", pads=[1, 1, 1, 1])
    yield conv((1, 64, 30), (64, 1, 9), "1-d depthwise", group=64, pads=[4, 4])
    yield conv((1, 64, 9, 11), (64, 16, 3, 3), "whole groups", group=4, pads=[1, 1, 1, 1])
    yield conv((1, 4, 3, 3), (6, 4, 3, 3), "wide padding", pads=[4, 4, 4, 4])
    w = (r.standard_normal((6, 4, 3, 3)) / 6).astype("f4")
    yield Case("Conv", [x(2, 4, 7, 9, scale=1), w], {}, name="weights at run time", pads=[1, 1, 1, 1])

    def transposed(shape, weights, name, bias=True, group=1, **attrs):
        w = (r.standard_normal(weights) / np.sqrt(np.prod(weights[2:]) * weights[0])).astype("f4")
        return Case("ConvTranspose", [x(*shape, scale=1)], {1: w, **({2: x(weights[1] * group)} if bias else {})}, name=name, group=group, **attrs)

    yield transposed((2, 20, 7, 9), (20, 12, 4, 4), "4x4 stride 2", strides=[2, 2], pads=[1, 1, 1, 1])
    yield transposed((1, 300, 4, 5), (300, 18, 2, 2), "2x2 stride 2", strides=[2, 2], bias=False)
    yield transposed((1, 6, 5, 6), (6, 4, 3, 3), "output_padding", strides=[2, 3], pads=[1, 0, 1, 1], output_padding=[1, 2])
    yield transposed((1, 6, 5, 6), (6, 4, 3, 3), "dilated", dilations=[2, 3], pads=[1, 2, 0, 1])
    yield transposed((1, 6, 5, 6), (6, 4, 3, 3), "dilated stride", dilations=[2, 3], strides=[2, 2])
    yield transposed((1, 12, 6, 6), (12, 5, 3, 3), "groups", group=3, strides=[2, 2])
    yield transposed((1, 24, 6, 6), (24, 1, 3, 3), "depthwise", group=24, strides=[2, 2], pads=[1, 1, 1, 1])
    yield transposed((1, 8, 20), (8, 16, 5), "1-d", strides=[3])
    yield transposed((1, 4, 5, 5), (4, 3, 3, 3), "output_shape", strides=[2, 2], output_shape=[10, 9])
    yield transposed((1, 4, 5, 5), (4, 3, 2, 2), "stride above kernel", strides=[3, 3])
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield transposed((1, 4, 5, 6), (4, 5, 3, 4), auto, auto_pad=auto, strides=[2, 2])
