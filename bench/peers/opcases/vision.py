"""Sampling, regions and what undoes pooling."""
import itertools

import numpy as np

from . import Case, i64, r, x


def f32(*v):
    return np.array(v, "f4")


def boxes(count, size):
    corner = r.random((count, 2)) * size
    return np.concatenate([corner, corner + r.random((count, 2)) * size / 2], 1).astype("f4")


def cases():
    for mode, padding, align in itertools.product(("linear", "nearest", "cubic"), ("zeros", "border", "reflection"), (0, 1)):
        attrs = dict(mode=mode, padding_mode=padding, align_corners=align)
        yield Case("GridSample", [x(2, 3, 7, 5), x(2, 6, 9, 2, scale=0.8)], name=f"{mode} {padding} {align}", **attrs)
        old = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
        yield Case("GridSample", [x(1, 2, 4, 4), x(1, 5, 5, 2)], opset=16, name=f"{mode} {padding} {align} opset 16", **(attrs | {"mode": old}))
        if mode != "cubic":
            yield Case("GridSample", [x(2, 2, 3, 4, 5), x(2, 4, 3, 2, 3, scale=0.8)], name=f"volume {mode} {padding} {align}", **attrs)
    for align, size in itertools.product((0, 1), ((2, 3, 4, 5), (2, 1, 3, 4, 5))):
        axes = len(size) - 2
        yield Case("AffineGrid", [x(2, axes, axes + 1)], {1: i64(*size)}, name=f"{size} {align}", align_corners=align)
    regions = np.concatenate([boxes(20, 30), f32([5, 5, 4, 4], [-9, -9, 60, 60], [3, 3, 3, 3])])
    images = r.integers(0, 2, len(regions))
    for mode, ratio, shift in itertools.product(("avg", "max"), (0, 2), ("half_pixel", "output_half_pixel")):
        yield Case("RoiAlign", [x(2, 3, 20, 24), regions, images], opset=16, name=f"{mode} {ratio} {shift}", mode=mode, sampling_ratio=ratio,
                   coordinate_transformation_mode=shift, output_height=5, output_width=7, spatial_scale=0.6)
    yield Case("RoiAlign", [x(2, 3, 20, 24), regions, images], opset=10, name="opset 10", output_height=3, output_width=3)
    rois = np.concatenate([images[:, None].astype("f4"), regions], 1)
    yield Case("MaxRoiPool", [x(2, 3, 20, 24), rois], pooled_shape=[3, 4], spatial_scale=0.5)
    for scores, threshold, center in itertools.product((0.0, 0.4), (0.3, 0.7), (0, 1)):
        yield Case("NonMaxSuppression", [np.stack([boxes(60, 10), boxes(60, 10)]), np.round(r.random((2, 3, 60)), 2).astype("f4")],
                   {2: i64(9), 3: f32(threshold), 4: f32(scores)}, opset=11, name=f"{scores} {threshold} {center}", center_point_box=center)
    offsets, mask = x(2, 2 * 2 * 9, 6, 7, scale=1.5), r.random((2, 2 * 9, 6, 7)).astype("f4")
    yield Case("DeformConv", [x(2, 4, 6, 7), x(6, 2, 3, 3), offsets, x(6), mask], opset=19, pads=[1] * 4, group=2, offset_group=2)
    yield Case("DeformConv", [x(1, 3, 9, 9), x(2, 3, 2, 2), x(1, 8, 4, 4)], opset=19, name="strides", strides=[2, 2], dilations=[2, 2], pads=[0, 0, 1, 1])
    yield Case("Col2Im", [x(2, 3 * 6, 16)], {1: i64(5, 6), 2: i64(2, 3)}, opset=18, name="image")
    yield Case("Col2Im", [x(1, 2 * 4, 6)], {1: i64(4, 5), 2: i64(2, 2)}, opset=18, name="strides", strides=[2, 2], pads=[0, 1, 0, 0])
    for p, kernel in itertools.product((1, 2, 3), ([3], [2, 3], [2, 2, 2])):
        shape = (2, 3, 7, 6, 5)[: 2 + len(kernel)]
        yield Case("LpPool", [x(*shape)], opset=18, name=f"{p} {kernel}", p=p, kernel_shape=kernel, strides=[2] * len(kernel), pads=[1] * 2 * len(kernel))
        yield Case("GlobalLpPool", [x(*shape)], name=f"{p} {len(kernel)}", p=p)
    yield Case("LpPool", [x(1, 2, 9, 9)], opset=18, name="dilations", kernel_shape=[3, 2], dilations=[2, 3], ceil_mode=1, strides=[3, 2])
    yield Case("MaxUnpool", [x(2, 2, 3), np.array([[[0, 3, 4], [6, 8, 11]], [[12, 15, 17], [18, 21, 22]]], "i8")], kernel_shape=[2], strides=[2])
    for shape, axes in ((i64(9, 3), [1, 2]), (i64(4, 5, 6), None)):
        yield Case("CenterCropPad", [x(6, 4, 7)], {1: shape}, name=str(shape), **({"axes": axes} if axes else {}))
