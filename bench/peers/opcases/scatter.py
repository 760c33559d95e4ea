"""Gathering and scattering."""
import numpy as np

from . import Case, r, x


def cases():
    def index(n, *shape):
        return r.integers(-n, n, shape)

    for t in ("f4", "f8", "i4", "i8", "u1", "i1"):
        yield Case("GatherElements", [x(4, 5, 6).astype(t), index(5, 4, 3, 6)], axis=1, name=t)
        yield Case("ScatterElements", [x(4, 5).astype(t), np.array([[0, 1, -1], [2, 0, 3]]), x(2, 3).astype(t)], axis=1, name=t)
    yield Case("GatherElements", [x(4, 5), index(4, 3, 5).astype("i4")], axis=0, name="int32")
    yield Case("GatherElements", [x(7), index(7, 20)], name="vector")
    for reduction in ("add", "mul", "max", "min"):
        yield Case("ScatterElements", [x(4, 5), index(4, 3, 5), x(3, 5)], axis=0, reduction=reduction, name=reduction)
        yield Case("ScatterElements", [x(4, 5), index(5, 4, 9), x(4, 9)], axis=-1, reduction=reduction, name=reduction + " last")
        yield Case("ScatterND", [x(4, 5, 6), index(4, 3, 1), x(3, 5, 6)], reduction=reduction, name=reduction)
        yield Case("ScatterND", [np.round(x(4, 5)).astype("i8"), index(4, 6, 2), np.round(x(6)).astype("i8")], reduction=reduction, name=reduction + " int64")
    yield Case("Scatter", [x(4, 5), np.array([[0, 1, -1], [2, 0, 3]]), x(2, 3)], axis=1, opset=10)
    yield Case("ScatterND", [x(4, 5), np.array([[0], [2]]), x(2, 5)])
    yield Case("ScatterND", [x(4, 5), np.array([[[0, 1], [2, -1]], [[3, 3], [1, 0]]]), x(2, 2)], name="elements")
    yield Case("GatherND", [x(4, 5, 6), index(4, 3, 2)])
    yield Case("GatherND", [x(4, 5, 6), index(4, 2, 3, 3)], name="elements")
    yield Case("GatherND", [x(4, 5, 6), index(5, 4, 1)], batch_dims=1, name="batch")
    yield Case("GatherND", [x(2, 3, 5, 6).astype("i8"), index(5, 2, 3, 4, 1)], batch_dims=2, name="two batch axes")
