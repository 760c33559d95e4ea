"""Drives a hotpath server with tensorflow-serving-api, unmodified: both services, by version and label, with an admin key."""
import subprocess
import tempfile

import grpc
import numpy as np
import onnx
from onnx import TensorProto as T, helper

import service
import tfprotos  # noqa: F401  makes the imports below possible
from service import expect, model, refused, value, values
from tensorflow.core.example import example_pb2
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (classification_pb2, get_model_metadata_pb2, get_model_status_pb2, inference_pb2, model_management_pb2,
                                     model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc, regression_pb2)

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
# Element type: TensorFlow's name, the field of its values, and what a value of it is there.
FIELDS = {"FP32": ("FLOAT", "float_val", float), "FP64": ("DOUBLE", "double_val", float), "FP16": ("HALF", "half_val", lambda v: int(v.view(np.uint16))),
          "INT8": ("INT8", "int_val", int), "INT16": ("INT16", "int_val", int), "INT32": ("INT32", "int_val", int), "INT64": ("INT64", "int64_val", int),
          "UINT8": ("UINT8", "int_val", int), "UINT16": ("UINT16", "int_val", int), "UINT32": ("UINT32", "uint32_val", int),
          "UINT64": ("UINT64", "uint64_val", int), "BOOL": ("BOOL", "bool_val", bool), "BYTES": ("STRING", "string_val", bytes)}


def tensor(name, array, content=False):
    """A TensorProto of an array: as bytes, or as values."""
    enum, field, cast = FIELDS[name]
    p = tensor_pb2.TensorProto(dtype=types_pb2.DataType.Value("DT_" + enum))
    for d in array.shape:
        p.tensor_shape.dim.add(size=d)
    if content and name == "BYTES":
        p.tensor_content = bytes(len(v) for v in array.flat) + b"".join(array.flat)
    elif content:
        p.tensor_content = array.tobytes()
    else:
        getattr(p, field).extend(cast(v) for v in array.flat)
    return p


def spec(request, name, version=None, label=None):
    s = request.model_spec
    s.name = name
    if version is not None:
        s.version.value = version
    if label is not None:
        s.version_label = label
    return request


def predict(name, inputs, outputs=(), **which):
    q = spec(predict_pb2.PredictRequest(output_filter=outputs), name, **which)
    for key, p in inputs.items():
        q.inputs[key].CopyFrom(p)
    return stub.Predict(q, metadata=key_header, timeout=10)


def example(**features):
    e = example_pb2.Example()
    for name, v in features.items():
        v = np.atleast_1d(np.array(v))
        f = e.features.feature[name]
        if v.dtype.kind == "f":
            f.float_list.value.extend(v)
        elif v.dtype.kind == "i":
            f.int64_list.value.extend(v)
        else:
            f.bytes_list.value.extend(s.encode() for s in v)
    return e


def examples(request, *rows, context=None, **which):
    where = request.input.example_list
    if context is not None:
        where = request.input.example_list_with_context
        where.context.CopyFrom(context)
    where.examples.extend(rows)
    return request


def classify(name, *rows, **kw):
    return stub.Classify(examples(spec(classification_pb2.ClassificationRequest(), name), *rows, **kw), metadata=key_header, timeout=10)


def regress(name, *rows, version=None, label=None, **kw):
    return stub.Regress(examples(spec(regression_pb2.RegressionRequest(), name, version, label), *rows, **kw), metadata=key_header, timeout=10)


def line(slope):
    """A regression on two named columns: slope · (age + height)."""
    data = model([helper.make_node("MatMul", ["x", "w"], ["output"])], [value("x", T.FLOAT, "rows", 2)], [value("output", T.FLOAT, "rows", 1)],
                 {"task": "regression", "inputs": [{"name": "x", "columns": ["age", "height"]}], "outputs": [{"name": "output"}]})
    m = onnx.load_from_string(data)
    m.graph.initializer.append(onnx.numpy_helper.from_array(np.array([[slope], [slope]], np.float32), "w"))
    return m.SerializeToString()


binary = service.binary()
with tempfile.TemporaryDirectory() as store:
    for n, label in [(1, "stable"), (2, "canary")]:
        with open(f"{store}/line.onnx", "wb") as f:
            f.write(line(n))
        subprocess.run([binary, "models", "publish", "line", f"{store}/line.onnx", "--label", label, "--store", f"{store}/s"], check=True, stdout=subprocess.DEVNULL)
    key = subprocess.run([binary, "keys", "create", "--name", "tfs", "--scope", "admin", "--store", f"{store}/s"], check=True, capture_output=True, text=True).stdout
    key = next(word for word in key.split() if word.startswith("hp_"))
    key_header = [("x-api-key", key)]
    with service.Service(binary, "--grpc", "127.0.0.1:0", "--store", f"{store}/s", "--version-policy", "all") as s, grpc.insecure_channel(s.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        for name, (_, field, _) in FIELDS.items():
            array = values(name, (2, 3))
            want = tensor(name, array)
            for content in [False, True]:
                answer = predict("same_" + name.lower(), {"x": tensor(name, array, content)})
                got = answer.outputs["y"]
                expect(f"Predict {name}{' as tensor_content' * content}", got == want and answer.model_spec.version.value == 1
                       and answer.model_spec.name == "same_" + name.lower() and answer.model_spec.signature_name == "serving_default", answer)
            one = tensor(name, array)
            del getattr(one, field)[1:]
            got = getattr(predict("same_" + name.lower(), {"x": one}).outputs["y"], field)
            expect(f"Predict {name}, one value for all", list(got) == [getattr(want, field)[0]] * 6, got)
        a, b = values("FP32", (2, 4)), values("FP32", (2, 4))
        pair = {"a": tensor("FP32", a), "b": tensor("FP32", b)}
        answer = predict("pair", pair)
        expect("two outputs", answer.outputs["sum"] == tensor("FP32", a + b) and answer.outputs["difference"] == tensor("FP32", a - b), answer)
        answer = predict("pair", pair, ["difference"])
        expect("output_filter", list(answer.outputs) == ["difference"], answer)
        x = {"x": tensor("FP32", np.array([[1, 2]], np.float32))}
        for which, n in [({}, 1), ({"version": 1}, 1), ({"version": 2}, 2), ({"label": "stable"}, 1), ({"label": "canary"}, 2)]:
            answer = predict("line", x, **which)
            expect(f"which version: {which}", answer.model_spec.version.value == n and list(answer.outputs["output"].float_val) == [3.0 * n], answer)

        answer = classify("scores", example(x=[0.0, 3.0, 1.0]), example(x=[5, 0, 0]))
        rows = [[c.label for c in sorted(r.classes, key=lambda c: -c.score)][0] for r in answer.result.classifications]
        expect("Classify", rows == ["dog", "cat"] and [c.label for c in answer.result.classifications[0].classes] == ["cat", "dog", "cow"]
               and abs(sum(c.score for c in answer.result.classifications[0].classes) - 1) < 1e-6, answer)
        answer = regress("line", example(age=30, height=1.5), example(age=[1.0], height=[2.0], city="Rome"), label="canary")
        expect("Regress by column", [r.value for r in answer.result.regressions] == [63, 6] and answer.model_spec.version.value == 2, answer)
        answer = regress("line", example(height=1.5), example(x=[1.0, 1.0]), context=example(age=30))
        expect("Regress with a context", [r.value for r in answer.result.regressions] == [31.5, 2], answer)
        q = inference_pb2.MultiInferenceRequest()
        spec(q.tasks.add(method_name=CLASSIFY), "scores")
        answer = stub.MultiInference(examples(q, example(x=[0, 3, 1])), metadata=key_header)
        expect("MultiInference", answer.results[0].classification_result.classifications[0].classes[1].label == "dog"
               and answer.results[0].model_spec.name == "scores", answer)

        answer = stub.GetModelMetadata(spec(get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"]), "pair"), metadata=key_header)
        defs = get_model_metadata_pb2.SignatureDefMap()
        unpacked = answer.metadata["signature_def"].Unpack(defs)
        info = defs.signature_def["serving_default"].inputs["b"]
        expect("GetModelMetadata", unpacked and info.dtype == types_pb2.DT_FLOAT and [d.size for d in info.tensor_shape.dim] == [-1, 4]
               and set(defs.signature_def["serving_default"].outputs) == {"sum", "difference"} and answer.model_spec.version.value == 1, defs)
        status = models.GetModelStatus(spec(get_model_status_pb2.GetModelStatusRequest(), "line"), metadata=key_header).model_version_status
        expect("GetModelStatus", {v.version for v in status} == {1, 2} and all(v.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
               and v.status.error_code == 0 for v in status), status)
        status = models.GetModelStatus(spec(get_model_status_pb2.GetModelStatusRequest(), "line", label="canary"), metadata=key_header).model_version_status
        expect("GetModelStatus by label", [v.version for v in status] == [2], status)
        answer = models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), metadata=key_header)
        expect("HandleReloadConfigRequest", answer.status.error_code == 0, answer)
        q = model_management_pb2.ReloadConfigRequest()
        for name in [*service.models(), "line"]:
            q.config.model_config_list.config.add(name=name, base_path="/models/" + name, model_platform="tensorflow")
        expect("a configuration that is the present one", models.HandleReloadConfigRequest(q, metadata=key_header).status.error_code == 0)
        q.config.model_config_list.config.add(name="other", base_path="/models/other")
        refused("another configuration", lambda: models.HandleReloadConfigRequest(q, metadata=key_header), "model other is not served")

        refused("unknown model", lambda: predict("absent", x), "Servable not found for request: Latest(absent)")
        refused("unknown version", lambda: predict("line", x, version=9), "Servable not found for request: Specific(line, 9)")
        refused("unknown label", lambda: predict("line", x, label="none"), "Unrecognized servable version label: none")
        refused("missing input", lambda: predict("pair", {"a": pair["a"]}), "Missing but required: {b}")
        refused("wrong dtype", lambda: predict("line", {"x": tensor("FP64", np.ones((1, 2)))}), "expected DT_FLOAT, found DT_DOUBLE")
        refused("wrong shape", lambda: predict("line", {"x": tensor("FP32", a)}), "x")
        refused("unknown output", lambda: predict("pair", pair, ["z"]), "output tensor alias not found in signature: z")
        refused("missing feature", lambda: regress("line", example(age=1)), "Feature: height")
        refused("no examples", lambda: regress("line"), "Input is empty.")
        refused("numbers asked of classes", lambda: regress("scores", example(x=[1, 2, 3])), "Expected regression signature")
        refused("no key", lambda: stub.Predict(predict_pb2.PredictRequest()), "UNAUTHENTICATED")
service.finish()
