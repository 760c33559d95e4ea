"""Matrix products: Gemm and MatMul with constants and run-time operands, transposed and batched."""
from . import Case, x


def cases():
    for ta in (0, 1):
        for tb in (0, 1):
            a, b = x(*((37, 40) if ta else (40, 37)), scale=1), x(*((21, 37) if tb else (37, 21)), scale=1)
            for c in ((21,), (1, 21), (40, 1), (40, 21), (1,), ()):
                yield Case("Gemm", [a, b, x(*c)], transA=ta, transB=tb, alpha=0.5, beta=1.5, name=f"{ta}{tb} C {c}")
            yield Case("Gemm", [a, b], transA=ta, transB=tb, name=f"{ta}{tb}")
            yield Case("Gemm", [a], {1: b, 2: x(21)}, transA=ta, transB=tb, name=f"{ta}{tb} constant")
            yield Case("Gemm", [a], {1: b, 2: x(40, 1)}, transA=ta, transB=tb, beta=0.5, name=f"{ta}{tb} constant column")
    yield Case("Gemm", [x(600, 3, scale=1), x(600, 5, scale=1)], transA=1, name="deep")
    for a, b in (
        ((40, 37), (37, 21)), ((1, 300), (300, 64)), ((300, 64), (64, 1)), ((5, 2, 40, 37), (5, 2, 37, 21)), ((5, 2, 4, 37), (37, 21)), ((4, 37), (3, 37, 21)),
        ((5, 1, 4, 37), (2, 37, 21)), ((5, 1, 1, 3, 7), (1, 2, 3, 7, 2)), ((37,), (37,)), ((37,), (37, 21)), ((40, 37), (37,)), ((3, 40, 37), (37,)), ((37,), (3, 37, 21)),
        ((2, 3, 20, 64), (2, 3, 64, 20)), ((0, 4, 3), (3, 2)),
    ):
        yield Case("MatMul", [x(*a, scale=1), x(*b, scale=1)], name=f"{a} {b}")
        yield Case("MatMul", [x(*a, scale=1)], {1: x(*b, scale=1)}, name=f"{a} constant {b}")
        yield Case("MatMul", [None, x(*b, scale=1)], {0: x(*a, scale=1)}, name=f"constant {a} {b}")
