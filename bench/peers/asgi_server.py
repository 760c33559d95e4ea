"""The best that Python can do: a hand-written ASGI application, orjson and onnxruntime under uvicorn with uvloop and httptools.

    python3 asgi_server.py MODEL.onnx PORT [--workers 2] [--threads 1]

It answers POST /predict as hotpath does, {"input_data": [[...]]} -> {"prediction": [...]}, and POST /v2/... of the Open
Inference Protocol with binary tensors. Runs are made on the thread of the event loop: handing them to another costs more.
"""
import argparse
import os
import sys

import numpy as np
import orjson

TYPES = {"FP32": np.float32, "INT64": np.int64}
session = None


def load():
    """A session per process."""
    global session, inputs, outputs
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(os.environ["ASGI_THREADS"])
    session = ort.InferenceSession(os.environ["ASGI_MODEL"], options, providers=["CPUExecutionProvider"])
    inputs = [i.name for i in session.get_inputs()]
    outputs = [o.name for o in session.get_outputs()]


def predict(body):
    rows = np.array(orjson.loads(body)["input_data"], dtype=np.float32)
    return [], orjson.dumps({"prediction": session.run(None, {inputs[0]: rows})[0].ravel().tolist()})


def infer(body, split):
    header = orjson.loads(body[:split])
    feeds = {}
    for i in header["inputs"]:
        size = i["parameters"]["binary_data_size"]
        feeds[i["name"]] = np.frombuffer(body, TYPES[i["datatype"]], size // np.dtype(TYPES[i["datatype"]]).itemsize, split).reshape(i["shape"])
        split += size
    names = [o["name"] for o in header.get("outputs", ())] or outputs
    results = session.run(names, feeds)
    head = orjson.dumps({"model_name": "m", "outputs": [
        {"name": n, "datatype": "FP32", "shape": r.shape, "parameters": {"binary_data_size": r.nbytes}} for n, r in zip(names, results)]})
    return [(b"inference-header-content-length", b"%d" % len(head))], b"".join([head, *(r.tobytes() for r in results)])


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        load()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    kind = b"application/json"
    if scope["path"] == "/predict":
        headers, answer = predict(body)
    elif scope["path"] == "/readyz":
        headers, answer = [], b"{}"
    else:
        split = next((int(v) for k, v in scope["headers"] if k == b"inference-header-content-length"), len(body))
        headers, answer = infer(body, split)
        kind = b"application/octet-stream"
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", kind), (b"content-length", b"%d" % len(answer)), *headers]})
    await send({"type": "http.response.body", "body": answer})


def main():
    import uvicorn
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("port", type=int)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--threads", type=int, default=1, help="of onnxruntime")
    a = p.parse_args()
    os.environ["ASGI_MODEL"], os.environ["ASGI_THREADS"] = a.model, str(a.threads)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    os.environ["PYTHONPATH"] = sys.path[0]
    uvicorn.run("asgi_server:app", host="127.0.0.1", port=a.port, workers=a.workers, loop="uvloop", http="httptools",
                access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
