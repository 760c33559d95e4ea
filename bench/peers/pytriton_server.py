"""Triton as its users start it from Python: pytriton's decorator around ONNX Runtime.

    python3 pytriton_server.py MODEL.onnx PORT DIRECTORY [--batch 64]

DIRECTORY, which has to exist, gets its files. It serves the model under the name mlp.
"""
import argparse
import os
import pathlib
import sysconfig

import numpy as np
import onnxruntime as ort
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("port", type=int)
    p.add_argument("directory", type=pathlib.Path)
    p.add_argument("--batch", type=int, default=64, help="the most rows of one run")
    a = p.parse_args()
    # Triton's process of Python is linked with a libpython, which has to be that of this interpreter.
    os.environ["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(a.model, options, providers=["CPUExecutionProvider"])
    inputs, outputs = ([Tensor(name=t.name, dtype=np.float32, shape=t.shape[1:]) for t in ts] for ts in (session.get_inputs(), session.get_outputs()))

    @batch
    def run(**rows):
        return session.run(None, rows)

    config = TritonConfig(http_address="127.0.0.1", http_port=a.port, allow_grpc=False, allow_metrics=False)
    with Triton(config=config, workspace=a.directory / "workspace") as triton:
        triton.bind(model_name="mlp", infer_func=run, inputs=inputs, outputs=outputs, config=ModelConfig(max_batch_size=a.batch))
        triton.serve()


if __name__ == "__main__":
    main()
