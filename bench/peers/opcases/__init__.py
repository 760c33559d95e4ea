"""One-node models for ops_compare.py. Every module of this package has a function cases() that yields them; a new family is a new module."""
import importlib
import pkgutil

import numpy as np
import onnx
from onnx import helper, numpy_helper

r = np.random.default_rng(7)


def x(*shape, scale=3.0, special=False):
    v = np.asarray(r.standard_normal(shape) * scale, "f4")
    if special:
        flat = v.reshape(-1)
        values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38, -3e38, 0.5, 1.5, 88.7, -103.9], "f4")
        flat[: len(values)] = values[: flat.size]
    return v


def i64(*v):
    return np.array(v, "i8")


def q(dtype, *shape):
    """Integers over the whole range."""
    info = np.iinfo(dtype)
    return r.integers(info.min, info.max + 1, shape).astype(dtype)


def weights(dtype, *shape):
    """Integers on which onnxruntime is exact on every CPU: without VNNI its products of u8 and s8 saturate beyond these."""
    return r.integers(-64, 64, shape).astype(dtype) if np.dtype(dtype) == np.int8 else q(dtype, *shape)


class Case:
    """One node. Inputs that are constants of the model come in const, by position; None is an omitted input. With reference, onnx's own
    evaluator is the peer where onnxruntime has no kernel."""

    def __init__(self, op, inputs, const=None, outputs=1, opset=20, name="", domain="", reference=False, quantum=0, version=1, **attrs):
        self.op, self.inputs, self.const, self.outputs, self.opset, self.attrs = op, inputs, const or {}, outputs, opset, attrs
        self.domain, self.reference = domain, reference
        self.name = f"{op} {name}".strip()
        self.quantum = quantum  # by which integers may differ
        self.version = version  # of the domain

    def model(self):
        names, graph_in, init = [], [], []
        for k in range(max([len(self.inputs), *[k + 1 for k in self.const]])):
            if k in self.const:
                if self.const[k] is None:
                    names.append("")
                    continue
                names.append(f"c{k}")
                init.append(numpy_helper.from_array(self.const[k], f"c{k}"))
            else:
                names.append(f"x{k}")
                v = self.inputs[k]
                dtype = onnx.TensorProto.STRING if v.dtype.kind == "U" else helper.np_dtype_to_tensor_dtype(v.dtype)
                graph_in.append(helper.make_tensor_value_info(f"x{k}", dtype, v.shape))
        out = [f"y{k}" for k in range(self.outputs)]
        node = helper.make_node(self.op, names, out, domain=self.domain, **self.attrs)
        graph = helper.make_graph([node], "g", graph_in, [helper.make_empty_tensor_value_info(o) for o in out], init)
        m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)] + [helper.make_opsetid(self.domain, self.version)] * bool(self.domain), ir_version=10)
        return onnx.shape_inference.infer_shapes(m)

    def feed(self):
        return {f"x{k}": v for k, v in enumerate(self.inputs) if k not in self.const}


def cases():
    """The cases of all modules, in the order of their names."""
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        yield from importlib.import_module(f"{__name__}.{module}").cases()
