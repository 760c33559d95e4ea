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

# functions.onnx: calls in calls, in a body, twice, with attributes given and by default, with an omitted input.
inner = h.make_function(
    "local", "Scaled", ["v", "by"], ["w", "same"],
    [
        h.make_node("Constant", [], ["c"]),
        h.make_node("Mul", ["v", "c"], ["t"]),
        h.make_node("Softmax", ["t"], ["w"]),
        h.make_node("Identity", ["v"], ["same"]),
    ],
    [h.make_opsetid("", 17)], ["axis"], [h.make_attribute("scale", 2.0)],
)
ref = lambda name, to, kind: onnx.AttributeProto(name=name, ref_attr_name=to, type=kind)
inner.node[0].attribute.append(ref("value_float", "scale", onnx.AttributeProto.FLOAT))
inner.node[2].attribute.append(ref("axis", "axis", onnx.AttributeProto.INT))
outer = h.make_function(
    "local", "Twice", ["v", "cond"], ["r", "same"],
    [
        h.make_node("Scaled", ["v", ""], ["t", "u"], domain="local"),
        h.make_node("Identity", ["v"], ["same"]),
        h.make_node("If", ["cond"], ["r"],
            then_branch=h.make_graph([h.make_node("Scaled", ["t", ""], ["c", "d"], domain="local", scale=0.5, axis=0)], "then", [], [h.make_tensor_value_info("c", T.FLOAT, None)]),
            else_branch=h.make_graph([h.make_node("Neg", ["t"], ["c"])], "else", [], [h.make_tensor_value_info("c", T.FLOAT, None)])),
    ],
    [h.make_opsetid("", 17), h.make_opsetid("local", 1)], [], [],
)
outer.node[0].attribute.append(ref("axis", "axis", onnx.AttributeProto.INT))
outer.attribute.append("axis")
g = h.make_graph(
    [
        h.make_node("Twice", ["x", "c"], ["t", "same"], domain="local", axis=1),
        h.make_node("Twice", ["t", "c"], ["y", "u"], domain="local", axis=0),
        h.make_node("Add", ["same", "y"], ["z"]),
    ], "functions",
    [h.make_tensor_value_info("x", T.FLOAT, ["batch", 2]), h.make_tensor_value_info("c", T.BOOL, [])],
    [h.make_tensor_value_info("y", T.FLOAT, None), h.make_tensor_value_info("z", T.FLOAT, None)],
)
m = h.make_model(g, opset_imports=[h.make_opsetid("", 17), h.make_opsetid("local", 1)], ir_version=9, functions=[inner, outer])
onnx.save(m, "functions.onnx")
