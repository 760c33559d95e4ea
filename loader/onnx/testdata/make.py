"""Writes foreign.onnx with the onnx package (1.23.2): python3 make.py"""
import onnx
from onnx import TensorProto as T, helper as h

nodes = [
    h.make_node("Constant", [], ["constant"], value_floats=[3.0, 4.0]),
    h.make_node("Add", ["x", "typed"], ["a"]),
    h.make_node("Mul", ["a", "constant"], ["b"]),
    h.make_node("Softmax", ["b"], ["y"], axis=-1),
    h.make_node("DequantizeLinear", ["typed8", "scale"], ["z"]),
]
inits = [
    h.make_tensor("typed", T.FLOAT, [2], [1.0, 2.0]),
    h.make_tensor("typed8", T.INT8, [2], [-1, 127]),
    h.make_tensor("scale", T.FLOAT, [], [0.5]),
]
g = h.make_graph(
    nodes, "foreign",
    [h.make_tensor_value_info("x", T.FLOAT, ["batch", 2]), h.make_tensor_value_info("typed", T.FLOAT, [2])],
    [h.make_tensor_value_info("y", T.FLOAT, ["batch", 2]), h.make_tensor_value_info("z", T.FLOAT, [2])],
    inits,
)
m = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(m)
onnx.save(m, "foreign.onnx")
