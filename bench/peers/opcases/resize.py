"""Resize in all its modes, and Upsample."""
import itertools

import numpy as np

from . import Case, i64, x

def f32(*v):
    return np.array(v, "f4")


def cases():
    image = (2, 3, 7, 9)
    scales = {"up": f32(1, 1, 2, 3), "down": f32(1, 1, 0.6, 0.51), "mixed": f32(1, 1, 1.7, 0.7)}
    modes = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")
    for (name, s), mode, coordinates in itertools.product(scales.items(), ("linear", "cubic", "nearest"), modes):
        if (name, mode, coordinates) == ("down", "nearest", "half_pixel_symmetric"):
            continue  # 7 to 4 puts coordinates on ties, where the last bit decides
        yield Case("Resize", [x(*image)], {1: None, 2: s}, mode=mode, coordinate_transformation_mode=coordinates, name=f"{mode} {coordinates} {name}")
    for (name, s), rounding in itertools.product(scales.items(), ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")):
        yield Case("Resize", [x(*image)], {1: None, 2: s}, mode="nearest", nearest_mode=rounding, name=f"{rounding} {name}")
    for t in ("i4", "u1", "i8", "f8"):
        yield Case("Resize", [x(*image).astype(t)], {1: None, 2: scales["up"]}, mode="nearest", name=f"nearest {t}")
    for mode in ("linear", "cubic", "nearest"):
        yield Case("Resize", [x(*image)], {1: None, 2: None, 3: i64(2, 3, 11, 5)}, mode=mode, name=f"{mode} sizes")
        yield Case("Resize", [x(1, 1, 6, 8)], {1: f32(0, 0, 0.2, -0.1, 1, 1, 0.9, 1.2), 2: None, 3: i64(1, 1, 5, 9)}, mode=mode,
                   coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=7.0, name=f"{mode} crop")
        yield Case("Resize", [x(4, 6)], {1: None, 2: f32(2, 1.5)}, mode=mode, name=f"{mode} matrix")
    yield Case("Resize", [x(1, 2, 40, 50)], {1: None, 2: f32(1, 1, 1.3, 2.1)}, mode="linear", name="wide")
    yield Case("Resize", [x(*image)], {1: None, 2: scales["down"]}, mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5, name="cubic exclude_outside")
    for policy in ("not_larger", "not_smaller"):
        yield Case("Resize", [x(*image)], {1: None, 2: None, 3: i64(20, 12)}, mode="linear", axes=[2, 3], keep_aspect_ratio_policy=policy, name=policy)
    yield Case("Resize", [x(*image)], {1: None, 2: f32(2, 0.5)}, mode="linear", axes=[3, 2], name="axes")
    for mode in ("linear", "cubic"):
        yield Case("Resize", [x(1, 2, 13, 17)], {1: None, 2: f32(1, 1, 0.4, 0.6)}, mode=mode, antialias=1, name=f"{mode} antialias")
    yield Case("Resize", [x(1, 2, 5, 6)], {1: f32(1, 1, 2, 2)}, opset=10, mode="nearest", name="opset 10")
    yield Case("Resize", [x(1, 2, 5, 6)], {1: f32(1, 1, 2, 2)}, opset=10, mode="linear", name="opset 10 linear")
    yield Case("Upsample", [x(1, 2, 5, 6)], {1: f32(1, 1, 2, 3)}, opset=9, mode="nearest")
    yield Case("Upsample", [x(1, 2, 5, 6)], {1: f32(1, 1, 2, 3)}, opset=9, mode="linear", name="linear")
    yield Case("Upsample", [x(1, 2, 5, 6)], opset=8, mode="nearest", scales=[1.0, 1.0, 2.0, 3.0], name="attribute")
