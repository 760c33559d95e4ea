"""Drives a hotpath server with tritonclient.http, unmodified, in its default calls and with every option of infer."""
import numpy as np
import tritonclient.http as triton

import service
from service import expect, refused, values


def infer_input(name, datatype, array, binary):
    i = triton.InferInput(name, list(array.shape), datatype)
    i.set_data_from_numpy(array, binary_data=binary)
    return i


with service.Service(service.binary()) as s, triton.InferenceServerClient(s.http) as client:
    expect("is_server_live", client.is_server_live())
    expect("is_server_ready", client.is_server_ready())
    expect("is_model_ready", client.is_model_ready("pair") and client.is_model_ready("pair", "1") and not client.is_model_ready("absent"))
    expect("get_server_metadata", "binary_tensor_data" in client.get_server_metadata()["extensions"])
    meta = client.get_model_metadata("pair")
    expect("get_model_metadata", meta["versions"] == ["1"] and meta["inputs"][1] == {"name": "b", "datatype": "FP32", "shape": [-1, 4]}, meta)
    config = client.get_model_config("pair")
    expect("get_model_config", config["input"][0] == {"name": "a", "data_type": "TYPE_FP32", "dims": [4]} and config["max_batch_size"] > 0, config)
    index = client.get_model_repository_index()
    expect("get_model_repository_index", {"name": "pair", "version": "1", "state": "READY", "reason": ""} in index, index)
    expect("get_trace_settings", "trace_level" in client.get_trace_settings())
    expect("get_system_shared_memory_status", client.get_system_shared_memory_status() == [])

    for name in service.DTYPES:
        array = values(name, (2, 3))
        for binary in [True] if name == "FP16" else [True, False]:
            result = client.infer("same_" + name.lower(), [infer_input("x", name, array, binary)])  # asks for binary outputs
            expect(f"infer {name}, binary input {binary}", np.array_equal(result.as_numpy("y"), array), result.get_response())
            if name == "FP16":
                continue
            result = client.infer("same_" + name.lower(), [infer_input("x", name, array, binary)],
                                  outputs=[triton.InferRequestedOutput("y", binary_data=False)])
            got = result.as_numpy("y")
            want = array if name != "BYTES" else np.array([v.decode() for v in array.flat], np.object_).reshape(array.shape)
            got = got if name != "BYTES" else np.array([v.decode() if isinstance(v, bytes) else v for v in got.flat], np.object_).reshape(got.shape)
            expect(f"infer {name}, binary input {binary}, JSON output", np.array_equal(got, want), result.get_response())

    a, b = values("FP32", (2, 4)), values("FP32", (2, 4))
    inputs = [infer_input("b", "FP32", b, True), infer_input("a", "FP32", a, False)]
    result = client.infer("pair", inputs, request_id="r 1", priority=2, timeout=5_000_000, parameters={"k": "v"},
                          outputs=[triton.InferRequestedOutput("difference", binary_data=False), triton.InferRequestedOutput("sum")])
    answer = result.get_response()
    expect("inputs and outputs in another order, id, parameters", np.array_equal(result.as_numpy("sum"), a + b)
           and np.array_equal(result.as_numpy("difference"), a - b) and answer["id"] == "r 1" and answer["model_version"] == "1", answer)
    for coding in ["gzip", "deflate"]:
        result = client.infer("pair", inputs, request_compression_algorithm=coding, response_compression_algorithm=coding)
        expect(f"{coding}", np.array_equal(result.as_numpy("sum"), a + b), result.get_response())
    result = client.async_infer("pair", inputs).get_result()
    expect("async_infer", np.array_equal(result.as_numpy("sum"), a + b))
    special = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    result = client.infer("same_fp32", [infer_input("x", "FP32", special, False)], outputs=[triton.InferRequestedOutput("y", binary_data=False)])
    expect("NaN and infinities in JSON", np.array_equal(result.as_numpy("y"), special, equal_nan=True))
    x = np.array([[0.25, 3, 1], [2, 0, 2]], np.float32)
    result = client.infer("scores", [infer_input("x", "FP32", x, True)], outputs=[triton.InferRequestedOutput("output", class_count=2)])
    classes = [[text.decode().split(":", 1)[1] for text in row] for row in result.as_numpy("output")]
    expect("classification", classes == [["1:dog", "2:cow"], ["0:cat", "2:cow"]], classes)

    before = client.get_inference_statistics("pair")["model_stats"][0]
    client.infer("pair", inputs)
    after = client.get_inference_statistics("pair", "1")["model_stats"][0]
    grown = {k: after["inference_stats"][k]["count"] - before["inference_stats"][k]["count"] for k in after["inference_stats"]}
    expect("get_inference_statistics", after["inference_count"] == before["inference_count"] + 2 and after["execution_count"] == before["execution_count"] + 1
           and all(grown[k] == 1 for k in ["success", "queue", "compute_input", "compute_infer", "compute_output"]) and grown["fail"] == 0
           and after["inference_stats"]["compute_infer"]["ns"] > before["inference_stats"]["compute_infer"]["ns"]
           and after["last_inference"] > 1.6e12, (before, after))
    everything = client.get_inference_statistics()["model_stats"]
    expect("get_inference_statistics of all models", {"pair", "scores"} <= {m["name"] for m in everything}, everything)
    refused("statistics of an unknown model", lambda: client.get_inference_statistics("absent"), "unknown model: 'absent'")

    refused("unknown model", lambda: client.infer("absent", inputs), "Request for unknown model: 'absent' is not found")
    refused("unknown version", lambda: client.infer("pair", inputs, model_version="9"), "version 9")
    refused("unknown input", lambda: client.infer("same_fp32", [infer_input("z", "FP32", x, True)]), "unexpected inference input 'z'")
    refused("missing input", lambda: client.infer("pair", inputs[:1]), "input 'a' is missing")
    refused("wrong datatype", lambda: client.infer("same_fp32", [infer_input("x", "FP64", x.astype(np.float64), True)]), "expects 'FP32'")
    refused("wrong shape", lambda: client.infer("same_fp32", [infer_input("x", "FP32", a, True)]), "x")
    refused("unknown output", lambda: client.infer("pair", inputs, outputs=[triton.InferRequestedOutput("z")]), "unexpected inference output 'z'")
    refused("FP16 as JSON", lambda: client.infer("same_fp16", [infer_input("x", "FP16", values("FP16", (1, 3)), True)],
                                                 outputs=[triton.InferRequestedOutput("y", binary_data=False)]), "via JSON is not supported")
service.finish()
