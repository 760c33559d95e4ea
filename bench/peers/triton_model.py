"""What Triton's Python backend runs: ONNX Runtime on the model that triton_server.py names. Requests that Triton gathered run as one."""
import json

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(config["parameters"]["model"]["string_value"], options, providers=["CPUExecutionProvider"])
        self.input, self.output = config["input"][0]["name"], config["output"][0]["name"]

    def execute(self, requests):
        rows = [triton.get_input_tensor_by_name(r, self.input).as_numpy() for r in requests]
        results = self.session.run([self.output], {self.input: rows[0] if len(rows) == 1 else np.concatenate(rows)})[0]
        answers, at = [], 0
        for r in rows:
            answers.append(triton.InferenceResponse([triton.Tensor(self.output, results[at:at + len(r)])]))
            at += len(r)
        return answers
