"""Integer matrix products."""
import numpy as np

from . import Case, q, weights


def cases():
    for a in (np.uint8, np.int8):
        for b in (np.uint8, np.int8):
            name = f"{np.dtype(a)} {np.dtype(b)}"
            for m, n, k in ((1, 17, 33), (37, 65, 130), (64, 96, 256)):
                yield Case("MatMulInteger", [q(a, m, k)], {1: weights(b, k, n)}, name=f"{name} {m}x{n}x{k}")
                yield Case("MatMulInteger", [q(a, m, k)], {1: weights(b, k, n), 2: q(a)[()].reshape(()), 3: q(b)[()].reshape(())}, name=f"{name} zero points {m}")
                yield Case("MatMulInteger", [q(a, m, k)], {1: weights(b, k, n), 2: q(a)[()].reshape(()), 3: q(b, n)}, name=f"{name} zero point a column {m}")
            yield Case("MatMulInteger", [q(a, 2, 3, 9, 20), weights(b, 2, 3, 20, 11)], name=f"{name} batch")
            # Factors that are powers of two: no rounding of them can show.
            for zero in (0, 1):
                zb = np.array(128 if b == np.uint8 else 0, b) + b(zero)
                c = {1: np.array(0.25, "f4"), 2: q(a)[()].reshape(()), 4: np.array(0.5, "f4"), 5: zb.astype(b), 6: np.array(64.0, "f4"), 7: np.array(3, a)}
                yield Case("QLinearMatMul", [q(a, 37, 130)], {**c, 3: weights(b, 130, 65)}, name=f"{name} zero {zero}")
                yield Case("QLinearMatMul", [q(a, 37, 130)], {**c, 3: weights(b, 130, 65), 4: np.full(65, 0.5, "f4"), 5: np.full(65, zb, b)}, name=f"{name} a scale a column {zero}")
