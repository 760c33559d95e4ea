"""Fourier transforms, windows and the mel filterbank. Lengths stay short: on longer ones onnxruntime is off by up to 5e-4 of the largest
element (at 400), and kernels.TestFourier compares with the definition."""
import itertools

import numpy as np

from . import Case, i64, x


def scalar(v, dtype="i8"):
    return np.array(v, dtype)


def cases():
    for n in (1, 2, 3, 5, 8, 64, 128):
        yield Case("DFT", [x(2, n, 1)], name=f"{n}")
        yield Case("DFT", [x(2, n, 2)], name=f"complex {n}", opset=17)
        yield Case("DFT", [x(2, n, 1)], name=f"one-sided {n}", onesided=1)
        yield Case("DFT", [x(2, n, 2)], name=f"inverse {n}", inverse=1)
    for axis, length in itertools.product((0, 1, 2, -2), (3, 8)):
        yield Case("DFT", [x(4, 5, 6, 2)], {1: scalar(length), 2: scalar(axis)}, name=f"axis {axis} length {length}")
    for step, length in ((16, 32), (10, 8), (7, 12)):
        for onesided in (0, 1):
            yield Case("STFT", [x(2, 200, 1, scale=1)], {1: scalar(step), 2: x(length, scale=1)}, opset=17, name=f"{step} {length} {onesided}", onesided=onesided)
    for op, periodic, size in itertools.product(("HannWindow", "HammingWindow", "BlackmanWindow"), (0, 1), (2, 5, 400)):
        yield Case(op, [], {0: scalar(size)}, name=f"{size} {periodic}", periodic=periodic)
    for bins, length, rate, low, high in ((8, 16, 8192, 0, 4096), (40, 512, 16000, 20, 8000), (80, 400, 16000, 0, 8000)):
        yield Case("MelWeightMatrix", [], {0: scalar(bins), 1: scalar(length), 2: scalar(rate), 3: scalar(low, "f4"), 4: scalar(high, "f4")}, name=f"{bins} {length}")
