"""A hotpath server with small models made here, for the scripts that drive it with the official clients.

The models, all with rows of unknown number: `same_T` answers its input of element type T; `pair` has two inputs and two
outputs; `scores` adds class names. Every claim about an answer is checked by `expect`, which counts failures.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto as T, helper

DTYPES = {"FP32": (T.FLOAT, np.float32), "FP64": (T.DOUBLE, np.float64), "FP16": (T.FLOAT16, np.float16),
          "INT8": (T.INT8, np.int8), "INT16": (T.INT16, np.int16), "INT32": (T.INT32, np.int32), "INT64": (T.INT64, np.int64),
          "UINT8": (T.UINT8, np.uint8), "UINT16": (T.UINT16, np.uint16), "UINT32": (T.UINT32, np.uint32),
          "UINT64": (T.UINT64, np.uint64), "BOOL": (T.BOOL, np.bool_), "BYTES": (T.STRING, np.object_)}

rng = np.random.default_rng(1)
failed = 0


def expect(what, ok, detail=""):
    """Print a line and count it if it is a failure."""
    global failed
    failed += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what}{'' if ok else f': {detail}'}")


def refused(what, f, text):
    """Expect f to raise an error that says text."""
    try:
        f()
    except Exception as e:  # the clients have exceptions of their own
        expect(what, text in str(e), f"{type(e).__name__}: {e}")
    else:
        expect(what, False, "no error")


def values(name, shape):
    """Random elements of a type by its KServe name, over the whole range of integers."""
    dtype = DTYPES[name][1]
    if name == "BYTES":
        return np.array([f"text {i} ä".encode() for i in range(np.prod(shape))], np.object_).reshape(shape)
    if name == "BOOL":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    return rng.standard_normal(shape).astype(dtype)


def model(nodes, inputs, outputs, signature=None):
    """Serialised ONNX of the newest opset that all of the clients' peers know."""
    m = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs), opset_imports=[helper.make_opsetid("", 21)])
    m.ir_version = 10
    if signature:
        m.metadata_props.add(key="hotpath.signature", value=json.dumps(signature))
    return m.SerializeToString()


def value(name, dtype, *shape):
    return helper.make_tensor_value_info(name, dtype, list(shape))


def models():
    """Name to bytes of every model."""
    made = {}
    for name, (dtype, _) in DTYPES.items():
        made["same_" + name.lower()] = model([helper.make_node("Identity", ["x"], ["y"])], [value("x", dtype, "rows", 3)], [value("y", dtype, "rows", 3)])
    made["pair"] = model(
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])],
        [value("a", T.FLOAT, "rows", 4), value("b", T.FLOAT, "rows", 4)], [value("sum", T.FLOAT, "rows", 4), value("difference", T.FLOAT, "rows", 4)])
    made["scores"] = model([helper.make_node("Softmax", ["x"], ["output"])], [value("x", T.FLOAT, "rows", 3)], [value("output", T.FLOAT, "rows", 3)],
                           {"task": "classification", "inputs": [{"name": "x"}], "outputs": [{"name": "output", "labels": ["cat", "dog", "cow"]}]})
    made["embed"] = model(
        [helper.make_node("Gather", ["table", "input_ids"], ["rows"]), helper.make_node("ReduceMean", ["rows", "axis"], ["vector"], keepdims=0)],
        [value("input_ids", T.INT64, "rows", "tokens")], [value("vector", T.FLOAT, "rows", 5)])
    m = onnx.load_from_string(made["embed"])
    table = (np.arange(50, dtype=np.float32).reshape(10, 5) / 7).astype(np.float32)
    m.graph.initializer.extend([onnx.numpy_helper.from_array(table, "table"), onnx.numpy_helper.from_array(np.array([1], np.int64), "axis")])
    made["embed"] = m.SerializeToString()
    return made


class Service:
    """`with Service(binary) as s`: a server of models() on free ports of the loopback; s.http, s.grpc and s.admin are its addresses."""

    def __init__(self, binary, *flags):
        self.binary, self.flags = binary, flags

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        for name, data in models().items():
            os.makedirs(f"{self.dir.name}/models/{name}/1")
            with open(f"{self.dir.name}/models/{name}/1/model.onnx", "wb") as f:
                f.write(data)
        command = [self.binary, "serve", "--http", "127.0.0.1:0", "--models", f"{self.dir.name}/models", "--drain-grace", "1ms", "--log-level", "warn", *self.flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.http = self.grpc = self.admin = None
        for line in self.process.stdout:
            if found := re.match(r"hotpath serves at http://(\S+)", line):
                self.http = found[1]
            if found := re.match(r"gRPC at (?:http://)?(\S+)", line):
                self.grpc = found[1]
            if found := re.match(r"metrics and profiles at http://(\S+)", line):
                self.admin = found[1]
            if line.startswith("try it"):
                break
        if not self.http:
            raise SystemExit(f"{' '.join(command)}: did not start")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self.dir.cleanup()
        expect("the server drained", code == 0, f"exit {code}")


def binary():
    """The --hotpath argument."""
    p = argparse.ArgumentParser()
    p.add_argument("--hotpath", default="bin/hotpath")
    return os.path.abspath(p.parse_args().hotpath)


def finish():
    print(f"{failed} failed")
    sys.exit(failed > 0)
