"""MLServer with a runtime of ONNX Runtime (mlserver_model.py): its own runtimes are of training libraries, or MLflow.

    python3 mlserver_server.py MODEL.onnx PORT DIRECTORY [--workers 0]

DIRECTORY, which has to exist, gets its settings. It serves the model under the name mlp.
"""
import argparse
import json
import os
import shutil
import socket
import sys


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("port", type=int)
    p.add_argument("directory")
    p.add_argument("--workers", type=int, default=0, help="processes that run the model; 0: the server's own does")
    a = p.parse_args()
    shutil.copy(f"{os.path.dirname(os.path.abspath(__file__))}/mlserver_model.py", a.directory)
    settings = {"host": "127.0.0.1", "http_port": a.port, "grpc_port": free_port(), "metrics_endpoint": None, "parallel_workers": a.workers,
                "debug": False}  # debug prints a line per request
    model = {"name": "mlp", "implementation": "mlserver_model.Runtime", "parameters": {"uri": os.path.abspath(a.model)}}
    for name, value in {"settings": settings, "model-settings": model}.items():
        with open(f"{a.directory}/{name}.json", "w") as f:
            json.dump(value, f)
    os.chdir(a.directory)
    os.execv(f"{sys.prefix}/bin/mlserver", ["mlserver", "start", "."])


if __name__ == "__main__":
    main()
