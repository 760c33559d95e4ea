"""The peer that every tutorial shows: a Flask app in front of onnxruntime, started with app.run.

    python3 flask_server.py MODEL.onnx PORT

It answers POST /predict as hotpath does: {"input_data": [[...]]} -> {"prediction": [...]}.
"""
import logging
import sys

import numpy as np
import onnxruntime as ort
from flask import Flask, jsonify, request

app = Flask(__name__)
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request would be the peer's cost, not its merit
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name


@app.post("/predict")
def predict():
    rows = np.asarray(request.get_json()["input_data"], dtype=np.float32)
    return jsonify(prediction=session.run(None, {name: rows})[0].ravel().tolist())


@app.get("/readyz")
def ready():
    return jsonify(status="ready")


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[2]))
