"""Writes the cases of onnx.backend.test as files: DIR/KIND/CASE/model.onnx and test_data_set_N/{input,output}_M.pb.

    .cache/venv/bin/python bench/peers/conformance_cases.py DIR

KIND is node, simple, pytorch-converted or pytorch-operator. bench/conformance runs them. The wheel makes node cases by
code and keeps the others as files. Tolerances of a case go to DIR/KIND/CASE/tolerance.json as {"rtol": R, "atol": A}.
"""

import json
import pathlib
import shutil
import sys

import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests


def proto_of(value, type_proto):
    """The protobuf of one value, by the type that the model declares."""
    kind = type_proto.WhichOneof("value") if type_proto is not None else "tensor_type"
    if isinstance(value, onnx.TensorProto):
        return value
    if kind == "sequence_type" or isinstance(value, list):
        return numpy_helper.from_list(value)
    if kind == "optional_type":
        return numpy_helper.from_optional(value)
    return numpy_helper.from_array(value)


def write_values(folder, prefix, values, infos):
    for i, value in enumerate(values):
        declared = infos[i].type if i < len(infos) else None
        (folder / f"{prefix}_{i}.pb").write_bytes(proto_of(value, declared).SerializeToString())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    count = 0
    for case in collect_testcases(None):
        folder = root / "node" / case.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(case.model.SerializeToString())
        (folder / "tolerance.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol}))
        for n, (inputs, outputs) in enumerate(case.data_sets):
            data = folder / f"test_data_set_{n}"
            data.mkdir(exist_ok=True)
            write_values(data, "input", inputs, case.model.graph.input)
            write_values(data, "output", outputs, case.model.graph.output)
        count += 1
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        for case in load_model_tests(kind=kind):
            folder = root / kind / case.name
            shutil.copytree(case.model_dir, folder, dirs_exist_ok=True)
            (folder / "tolerance.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol}))
            count += 1
    print(f"{count} cases in {root}")


if __name__ == "__main__":
    main()
