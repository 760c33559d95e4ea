"""Products with constant weights of 4 and 8 bits (MatMulNBits) and of half floats (Cast, MatMul)."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from . import Case, r, x


class NBits(Case):
    """MatMulNBits of com.microsoft with random weights; zero points, bias and an accuracy level on request."""

    def __init__(self, shape, n, bits, block, zero=False, bias=False, accuracy=0):
        k = shape[-1]
        blocks = -(-k // block)
        const = {1: r.integers(0, 256, (n, blocks, block * bits // 8), "u1"), 2: np.asarray(r.random(n * blocks) * 0.02, "f4")}
        if zero:
            const[3] = r.integers(0, 256, n * (-(-blocks * bits // 8)), "u1")
        if bias:
            const |= {3: const.get(3), 4: None, 5: x(n)}
        name = f"{shape} x {n}, {bits} bits, blocks of {block}, zero={zero}, bias={bias}, accuracy={accuracy}"
        super().__init__("MatMulNBits", [x(*shape, scale=1)], const, name=name, domain="com.microsoft", K=k, N=n, bits=bits, block_size=block, accuracy_level=accuracy)


class Half(Case):
    """A constant matrix of half floats, widened and multiplied."""

    def __init__(self, k, n, dtype):
        super().__init__("MatMul", [], name=f"{k}x{n} of {dtype}")
        self.w, self.a, self.dtype = np.asarray(r.standard_normal((k, n)) / 16, "f4"), x(3, k, scale=1), dtype

    def model(self):
        if self.dtype == "f16":
            w = numpy_helper.from_array(self.w.astype("f2"), "w")
        else:
            w = helper.make_tensor("w", TensorProto.BFLOAT16, self.w.shape, (self.w.view("u4") >> 16).astype("<u2").tobytes(), raw=True)
        nodes = [helper.make_node("Cast", ["w"], ["wide"], to=TensorProto.FLOAT), helper.make_node("MatMul", ["x0", "wide"], ["y0"])]
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x0", TensorProto.FLOAT, self.a.shape)],
                                  [helper.make_tensor_value_info("y0", TensorProto.FLOAT, (3, self.w.shape[1]))], [w])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    def feed(self):
        return {"x0": self.a}


def cases():
    for bits in (4, 8):
        for block in (16, 32, 64, 128, 256):
            for zero in (False, True):
                yield NBits((5, 96), 33, bits, block, zero)
    yield NBits((1, 100), 48, 4, 32, True, True)
    yield NBits((2, 3, 256), 40, 4, 64, False, True)
    yield NBits((2, 64), 16, 8, 32, accuracy=1)
    yield Half(512, 70, "f16")
    yield Half(512, 70, "bf16")
    yield Case("DynamicQuantizeLinear", [x(7, 33)], outputs=3)
    yield Case("DynamicQuantizeLinear", [np.abs(x(50))], outputs=3, name="positive")
    yield Case("DynamicQuantizeLinear", [np.zeros((2, 3), "f4")], outputs=3, name="zeros")
