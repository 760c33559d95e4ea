"""Drives a hotpath server with tritonclient.grpc, unmodified, and with typed contents as other clients send them."""
import queue

import grpc
import numpy as np
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc

import service
from service import expect, refused, values


def infer_input(name, datatype, array):
    i = triton.InferInput(name, list(array.shape), datatype)
    i.set_data_from_numpy(array)
    return i


CONTENTS = {"BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents", "INT64": "int64_contents",
            "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents", "UINT64": "uint64_contents",
            "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents"}

with service.Service(service.binary(), "--grpc", "127.0.0.1:0") as s, triton.InferenceServerClient(s.grpc) as client:
    expect("is_server_live", client.is_server_live())
    expect("is_server_ready", client.is_server_ready())
    expect("is_model_ready", client.is_model_ready("pair") and client.is_model_ready("pair", "1") and not client.is_model_ready("absent"))
    expect("get_server_metadata", "binary_tensor_data" in client.get_server_metadata().extensions)
    meta = client.get_model_metadata("pair", as_json=True)
    expect("get_model_metadata", meta["versions"] == ["1"] and meta["inputs"][1] == {"name": "b", "datatype": "FP32", "shape": ["-1", "4"]}, meta)
    config = client.get_model_config("pair").config
    expect("get_model_config", config.input[0].data_type == 11 and list(config.input[0].dims) == [4] and config.max_batch_size > 0, config)
    index = client.get_model_repository_index().models
    expect("get_model_repository_index", any(m.name == "pair" and m.state == "READY" for m in index), index)
    expect("get_trace_settings", "trace_level" in client.get_trace_settings().settings)
    expect("get_system_shared_memory_status", len(client.get_system_shared_memory_status().regions) == 0)
    stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(s.grpc))
    for name in service.DTYPES:
        array = values(name, (2, 3))
        result = client.infer("same_" + name.lower(), [infer_input("x", name, array)])
        expect(f"infer {name}", np.array_equal(result.as_numpy("y"), array), result.get_response())
        if name in CONTENTS:
            request = service_pb2.ModelInferRequest(model_name="same_" + name.lower(), id="7")
            tensor = request.inputs.add(name="x", datatype=name, shape=[2, 3])
            getattr(tensor.contents, CONTENTS[name]).extend(array.flatten().tolist())
            answer = stub.ModelInfer(request)
            got = list(getattr(answer.outputs[0].contents, CONTENTS[name]))
            expect(f"infer {name} as contents", got == array.flatten().tolist() and answer.id == "7", answer)

    a, b = values("FP32", (2, 4)), values("FP32", (2, 4))
    inputs = [infer_input("b", "FP32", b), infer_input("a", "FP32", a)]
    result = client.infer("pair", inputs, request_id="r 1", priority=2, timeout=5_000_000, client_timeout=5, parameters={"k": "v"},
                          outputs=[triton.InferRequestedOutput("difference"), triton.InferRequestedOutput("sum")])
    answer = result.get_response()
    expect("inputs and outputs in another order, id, parameters", np.array_equal(result.as_numpy("sum"), a + b)
           and np.array_equal(result.as_numpy("difference"), a - b) and answer.id == "r 1" and answer.model_version == "1", answer)
    result = client.infer("pair", inputs, compression_algorithm="gzip")
    expect("gzip", np.array_equal(result.as_numpy("sum"), a + b))
    answers = queue.Queue()
    client.async_infer("pair", inputs, lambda result, error: answers.put((result, error)))
    result, error = answers.get(timeout=10)
    expect("async_infer", error is None and np.array_equal(result.as_numpy("sum"), a + b), error)
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(10):
        client.async_stream_infer("pair", [infer_input("a", "FP32", a + i), inputs[0]], request_id=str(i))
    client.async_stream_infer("absent", inputs)
    client.async_stream_infer("pair", inputs, request_id="last")
    got = [answers.get(timeout=10) for _ in range(12)]
    client.stop_stream()
    expect("stream", all(e is None and r.get_response().id == str(i) and np.array_equal(r.as_numpy("sum"), a + i + b) for i, (r, e) in enumerate(got[:10])))
    expect("stream, after an error", "unknown model" in str(got[10][1]) and got[11][0].get_response().id == "last", got[10:])
    x = np.array([[0.25, 3, 1], [2, 0, 2]], np.float32)
    result = client.infer("scores", [infer_input("x", "FP32", x)], outputs=[triton.InferRequestedOutput("output", class_count=2)])
    classes = [[text.decode().split(":", 1)[1] for text in row] for row in result.as_numpy("output")]
    expect("classification", classes == [["1:dog", "2:cow"], ["0:cat", "2:cow"]], classes)

    before = client.get_inference_statistics("pair").model_stats[0]
    client.infer("pair", inputs)
    after = client.get_inference_statistics("pair", "1").model_stats[0]
    expect("get_inference_statistics", after.inference_count == before.inference_count + 2 and after.execution_count == before.execution_count + 1
           and after.inference_stats.success.count == before.inference_stats.success.count + 1
           and after.inference_stats.compute_infer.ns > before.inference_stats.compute_infer.ns, (before, after))
    everything = client.get_inference_statistics().model_stats
    expect("get_inference_statistics of all models", {"pair", "scores"} <= {m.name for m in everything}, everything)
    refused("statistics of an unknown model", lambda: client.get_inference_statistics("absent"), "unknown model: 'absent'")

    refused("unknown model", lambda: client.infer("absent", inputs), "Request for unknown model: 'absent' is not found")
    refused("unknown version", lambda: client.infer("pair", inputs, model_version="9"), "version 9")
    refused("unknown input", lambda: client.infer("same_fp32", [infer_input("z", "FP32", x)]), "unexpected inference input 'z'")
    refused("missing input", lambda: client.infer("pair", inputs[:1]), "expected 2 inputs but got 1 inputs")
    refused("wrong datatype", lambda: client.infer("same_fp32", [infer_input("x", "FP64", x.astype(np.float64))]), "expects 'FP32'")
    refused("wrong shape", lambda: client.infer("same_fp32", [infer_input("x", "FP32", a)]), "x")
    refused("unknown output", lambda: client.infer("pair", inputs, outputs=[triton.InferRequestedOutput("z")]), "unexpected inference output 'z'")
    refused("a method without its right", lambda: client.load_model("pair"), "admin key")
    for method in ["/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]:
        channel = grpc.insecure_channel(s.grpc)
        if "Health" in method:
            expect("health", channel.unary_unary(method)(b"", timeout=5) == b"\x08\x01")
        else:  # list_services: ""
            answer = next(channel.stream_stream(method)(iter([b"\x3a\x00"]), timeout=5))
            expect("reflection", b"inference.GRPCInferenceService" in answer)
service.finish()
