"""Triton with its Python backend and ONNX Runtime behind it: the tritonserver of the nvidia-pytriton wheel, which has no other
backend, without pytriton's proxy, which is slower.

    python3 triton_server.py MODEL.onnx PORT DIRECTORY [--instances 2] [--batch 64]

DIRECTORY, which has to exist, gets its repository and backend. It serves the model under the name mlp.
"""
import argparse
import os
import shutil
import sys
import sysconfig

import onnxruntime as ort
import pytriton

CONFIG = """
backend: "python"
max_batch_size: {batch}
input [{{ name: "{input.name}" data_type: TYPE_FP32 dims: {input_dims} }}]
output [{{ name: "{output.name}" data_type: TYPE_FP32 dims: {output_dims} }}]
instance_group [{{ kind: KIND_CPU count: {instances} }}]
dynamic_batching {{ }}
parameters {{ key: "model" value: {{ string_value: "{model}" }} }}
"""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("port")
    p.add_argument("directory")
    p.add_argument("--instances", type=int, default=2, help="processes that run the model")
    p.add_argument("--batch", type=int, default=64, help="the most rows of one run")
    a = p.parse_args()
    here, root = os.path.dirname(os.path.abspath(__file__)), f"{os.path.dirname(pytriton.__file__)}/tritonserver"
    os.makedirs(f"{a.directory}/models/mlp/1")
    shutil.copy(f"{here}/triton_model.py", f"{a.directory}/models/mlp/1/model.py")
    session = ort.InferenceSession(a.model, providers=["CPUExecutionProvider"])
    input, output = session.get_inputs()[0], session.get_outputs()[0]
    with open(f"{a.directory}/models/mlp/config.pbtxt", "w") as f:
        f.write(CONFIG.format(batch=a.batch, input=input, output=output, input_dims=input.shape[1:], output_dims=output.shape[1:],
                              instances=a.instances, model=os.path.abspath(a.model)))
    # The backend looks for the process that it starts beside itself; the wheel has one per version of Python.
    shutil.copytree(f"{root}/backends", f"{a.directory}/backends", symlinks=True)
    shutil.copy(f"{root}/python_backend_stubs/{sys.version_info[0]}.{sys.version_info[1]}/triton_python_backend_stub", f"{a.directory}/backends/python")
    libraries = [f"{os.path.dirname(os.path.dirname(pytriton.__file__))}/nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR")]
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(libraries), "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}  # its packages are found so
    server = f"{root}/bin/tritonserver"
    os.execve(server, [server, f"--model-repository={a.directory}/models", f"--backend-directory={a.directory}/backends", "--http-address=127.0.0.1",
                       f"--http-port={a.port}", "--allow-grpc=false", "--allow-metrics=false", "--log-info=false", "--log-warning=false"], environment)


if __name__ == "__main__":
    main()
