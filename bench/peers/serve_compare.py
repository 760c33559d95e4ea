"""Requests per second and latency of hotpath beside other servers: the same model, the same numbers, the same cores, in turns.

    make bench-serve, or
    python3 bench/peers/serve_compare.py [--hotpath bin/hotpath] [--only mlp,minilm] [--minilm .cache/models/minilm.onnx]
    python3 bench/peers/serve_compare.py --only mlp --peers Triton,MLServer --connections 8,64 --seconds 1

mlp: the network 100-128-64-1, one row of 100 numbers of JSON over /predict, against a bare fasthttp handler (bench/bare), a hand-written
ASGI server with two workers, Flask, Triton and MLServer; and over the Open Inference Protocol, as binary tensors and as the JSON that the
last two are asked with. Triton is that of the nvidia-pytriton wheel, which has no backend but Python's. It is measured twice: as pytriton
starts it, which the figure is about, and for comparison without pytriton, with ONNX Runtime in two processes and dynamic batches; a
dozen times that is more than HTTP itself reaches on two cores. MLServer runs ONNX Runtime in its own process.
minilm: 16 token ids in, a vector out, over the Open Inference Protocol with binary tensors, against the ASGI server with two workers
of one thread and with one worker of two threads, and hotpath without batching.

wrk makes the load, one thread, so it shares the cores with the server. Figures are medians of the rounds, and ratios are of medians. Exit
code 1 where a request failed, answers differ or a figure is missed. The peers' packages are listed in requirements-serve.txt,
requirements-triton.txt and requirements-mlserver.txt, which contradict each other: each has an environment. wrk and go must be there.
"""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
V2 = "/v2/models/mlp/ready"  # Triton as a whole is ready before its models
NAMED = "Inference-Header-Content-Length"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A process with a server that says where it is, or is told its port."""

    def __init__(self, name, command, port=None, ready="/readyz"):
        self.name, self.ready = name, ready
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE if port is None else self.log, stderr=self.log, text=True, start_new_session=True)
        self.at = f"127.0.0.1:{port}"
        if port is None:
            for line in self.process.stdout:
                if found := re.match(r"\w+ serves at http://(\S+)", line):
                    self.at = found[1]
                    break

    def wait(self):
        for _ in range(300):
            try:
                if not self.ready or urllib.request.urlopen(f"http://{self.at}{self.ready}").status == 200:
                    return
            except OSError:
                time.sleep(0.1)
            if self.process.poll() is not None:
                break
        self.log.seek(0)
        raise SystemExit(f"{self.name} did not start:\n{self.log.read()}")

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Request:
    """A POST, as a script of wrk."""

    def __init__(self, directory, name, path, body, headers):
        self.path, self.body, self.headers = path, body, headers
        data, self.script = f"{directory}/{name}.body", f"{directory}/{name}.lua"
        with open(data, "wb") as f:
            f.write(body)
        with open(self.script, "w") as f:
            f.write(f'wrk.method = "POST"\nwrk.body = io.open("{data}", "rb"):read("*a")\n')
            f.writelines(f'wrk.headers["{k}"] = "{v}"\n' for k, v in headers.items())

    def ask(self, server):
        """Body and headers of one answer."""
        r = urllib.request.urlopen(urllib.request.Request(f"http://{server.at}{self.path}", self.body, self.headers))
        return r.read(), r.headers

    def load(self, server, connections, seconds):
        """Requests per second, p50 and p99 in microseconds."""
        out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", self.script, f"http://{server.at}{self.path}"],
                             capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in out or "Socket errors" in out:
            raise SystemExit(f"{server.name}: requests failed:\n{out}")
        unit = {"us": 1, "ms": 1e3, "s": 1e6}
        quantile = {q: float(v) * unit[u] for q, v, u in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", out)}
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), quantile["50"], quantile["99"]


def json_request(directory, rows):
    return Request(directory, "json", "/predict", json.dumps({"input_data": rows.tolist()}).encode(), {"Content-Type": "application/json"})


def text_request(directory, model, name, rows):
    """A request of the Open Inference Protocol in JSON."""
    body = {"inputs": [{"name": name, "shape": rows.shape, "datatype": "FP32", "data": rows.ravel().tolist()}]}
    return Request(directory, "v2", f"/v2/models/{model}/infer", json.dumps(body).encode(), {"Content-Type": "application/json"})


def binary_request(directory, name, model, inputs, outputs):
    """A request of the Open Inference Protocol, as its clients make it."""
    kinds = {np.dtype(np.float32): "FP32", np.dtype(np.int64): "INT64"}
    head = json.dumps({"inputs": [{"name": n, "shape": list(x.shape), "datatype": kinds[x.dtype], "parameters": {"binary_data_size": x.nbytes}}
                                  for n, x in inputs.items()],
                       "outputs": [{"name": n, "parameters": {"binary_data": True}} for n in outputs]}, separators=(",", ":")).encode()
    return Request(directory, name, f"/v2/models/{model}/infer", head + b"".join(x.tobytes() for x in inputs.values()),
                   {"Content-Type": "application/octet-stream", NAMED: str(len(head))})


def prediction(answer):
    return np.array(json.loads(answer[0])["prediction"], np.float32).ravel()


def output(answer):
    return np.array(json.loads(answer[0])["outputs"][0]["data"], np.float32)


def tensor(answer):
    return np.frombuffer(answer[0][int(answer[1][NAMED]):], np.float32)


def same(what, got, want):
    if got.shape != want.shape or not np.allclose(got, want, atol=1e-4):
        raise SystemExit(f"{what}: answers differ: {got[:4]}, expected {want[:4]}")


class Table:
    """Figures of sides by connections, measured in turns."""

    def __init__(self, sides, options):
        self.at, self.connections = {}, [int(c) for c in options.connections.split(",")]
        connections = self.connections
        for c in connections:
            rounds = [[request.load(server, c, options.seconds) for request, server in sides.values()] for _ in range(options.rounds)]
            for i, name in enumerate(sides):
                self.at[name, c] = [statistics.median(r[i][k] for r in rounds) for k in range(3)]
        print(f"{'':28}" + "".join(f"{c:>4} conn. {'p50':>8} {'p99':>8}" for c in connections))
        for name in sides:
            print(f"{name:28}" + "".join("{:10.0f} {:8.0f} {:8.0f}".format(*self.at[name, c]) for c in connections))

    def measured(self, *connections):
        return [c for c in connections if c in self.connections]

    def rate(self, name, c):
        return self.at[name, c][0]

    def p50(self, name, c):
        return self.at[name, c][1]

    def p99(self, name, c):
        return self.at[name, c][2]


missed = 0


def figure(what, value, least=None, most=None):
    """Print a figure beside what is asked for, if anything is, and count it if it is missed."""
    global missed
    ok = (least is None or value >= least) and (most is None or value <= most)
    missed += not ok
    asked = f" (at least {least})" if least is not None else f" (at most {most})" if most is not None else ""
    print(f"{'MISS' if not ok else 'ok  ' if asked else '    '} {what}: {value:.2f}{asked}")


def train(o, directory):
    """The network, fitted to random data by hotpath itself, in the layout that hotpath and Triton serve."""
    rng = np.random.default_rng(1)
    x = rng.random((640, 100))
    np.savetxt(f"{directory}/data.csv", np.column_stack([x, x.sum(1) > 50]), delimiter=",", fmt="%.6f", comments="",
               header=",".join([f"x{i}" for i in range(100)] + ["y"]))
    os.makedirs(f"{directory}/models/mlp/1")
    path = f"{directory}/models/mlp/1/model.onnx"
    subprocess.run([o.hotpath, "train", "--data", f"{directory}/data.csv", "--target", "y", "--model", "mlp:128,64", "--epochs", "2", "--out", path],
                   check=True, capture_output=True)
    return path


def hotpath(o, directory, *flags):
    return Server("hotpath", [o.hotpath, "serve", "--http", "127.0.0.1:0", "--store", f"{directory}/store", "--models", f"{directory}/models",
                              "--drain-grace", "1ms", "--log-level", "warn", *flags])


def peer(python, script, model, *flags, ready="/readyz"):
    """A server of a script beside this one."""
    port = free_port()
    return Server(script, [python, f"{HERE}/{script}.py", model, str(port), *flags], port, ready)


def asgi(o, model, workers, threads):
    return peer(o.python, "asgi_server", model, f"--workers={workers}", f"--threads={threads}")


def own(directory, name):
    os.mkdir(f"{directory}/{name}")
    return f"{directory}/{name}"


# Of each peer the ratio asked for, if one is, and what starts it; those that speak the Open Inference Protocol alone are asked in that.
PEERS = {
    "ASGI, 2 workers": (2.5, lambda o, directory, model: asgi(o, model, 2, 1)),
    "Flask": (25, lambda o, directory, model: peer(o.python, "flask_server", model)),
    "Triton, pytriton": (12, lambda o, directory, model: peer(o.triton, "pytriton_server", model, own(directory, "pytriton"), ready=V2)),
    "Triton, 2 instances": (None, lambda o, directory, model: peer(o.triton, "triton_server", model, own(directory, "triton"), ready=V2)),
    "MLServer": (25, lambda o, directory, model: peer(o.mlserver, "mlserver_server", model, own(directory, "mlserver"), ready=V2)),
}


def mlp(o, directory, servers):
    model = train(o, directory)
    subprocess.run(["go", "build", "-o", f"{directory}/bare", "./bench/bare"], check=True, cwd=f"{HERE}/../..", env=os.environ | {"CGO_ENABLED": "0"})
    ours, bare = hotpath(o, directory), Server("bare", [f"{directory}/bare"], ready=None)
    servers += [ours, bare]
    rows = np.random.default_rng(2).random((1, 100))
    text = json_request(directory, rows)
    with urllib.request.urlopen(f"http://{wait(ours).at}/v2/models/mlp") as r:
        meta = json.load(r)
    names = [meta[k][0]["name"] for k in ("inputs", "outputs")]
    rows = rows.astype(np.float32)
    binary, v2 = binary_request(directory, "mlp", "mlp", {names[0]: rows}, names[1:]), text_request(directory, "mlp", names[0], rows)
    read = {text: prediction, binary: tensor, v2: output}
    sides = {"hotpath": (text, ours), "hotpath, binary": (binary, ours), "bare handler": (text, bare)}
    for name in peers(o):
        server = PEERS[name][1](o, directory, model)
        servers.append(server)
        if server.ready == V2:
            sides["hotpath, v2 JSON"] = v2, ours
        sides[name] = v2 if server.ready == V2 else text, server
    for s in servers:
        s.wait()
    want = prediction(text.ask(ours))
    for name, (request, server) in sides.items():
        if server is not bare:
            same(name, read[request](request.ask(server)), want)
    t = Table(sides, o)
    for c in t.measured(8, 64):
        figure(f"/predict over the bare handler at {c}", t.rate("hotpath", c) / t.rate("bare handler", c), {8: 0.55, 64: 0.60}[c])
        for name in peers(o):
            figure(f"/predict over {name} at {c}", t.rate("hotpath", c) / t.rate(name, c), PEERS[name][0])
        figure(f"binary over JSON at {c}", t.rate("hotpath, binary", c) / t.rate("hotpath", c), 1.2)
    for c in t.measured(8):
        figure("p99 at 8, ms", t.p99("hotpath", c) / 1e3, most=1.6)
    for c in t.measured(1):
        figure("p50 at 1 over the bare handler, µs", t.p50("hotpath", c) - t.p50("bare handler", c), most=15)


def peers(o):
    return [name for name in PEERS if name.split(",")[0] in o.peers.split(",")]


def wait(server):
    server.wait()
    return server


def minilm(o, directory, servers):
    os.makedirs(f"{directory}/models/minilm/1")
    shutil.copyfile(o.minilm, f"{directory}/models/minilm/1/model.onnx")  # a link that leads out of the directory is refused
    ids = np.concatenate([[101], np.random.default_rng(3).integers(1000, 30000, 14), [102]]).astype(np.int64)[None]
    request = binary_request(directory, "minilm", "minilm", {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)},
                             ["sentence_embedding"])
    sides = {"hotpath": hotpath(o, directory), "hotpath, no batches": hotpath(o, directory, "--batch-max", "1"),
             "ASGI, 2 workers": asgi(o, o.minilm, 2, 1), "ASGI, 2 threads": asgi(o, o.minilm, 1, 2)}
    servers += sides.values()
    for s in servers:
        s.wait()
    sides = {name: (request, server) for name, server in sides.items()}
    want = tensor(request.ask(sides["hotpath"][1]))
    for name, (_, server) in sides.items():
        same(name, tensor(request.ask(server)), want)
    t = Table(sides, o)
    for c in t.measured(1, 8, 64):
        best = max(t.rate("ASGI, 2 workers", c), t.rate("ASGI, 2 threads", c))
        figure(f"MiniLM over the better ASGI server at {c}", t.rate("hotpath", c) / best, {1: 1.25, 8: 1.5, 64: 1.5}[c])
    for c in t.measured(1):
        figure("MiniLM p50 at 1 over that without batches", t.p50("hotpath", c) / t.p50("hotpath, no batches", c), most=1.05)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    for name in "python", "triton", "mlserver":
        p.add_argument(f"--{name}", default=f".cache/peers-{name.replace('python', 'serve')}/bin/python", metavar="PYTHON",
                       help=f"with requirements-{name.replace('python', 'serve')}.txt")
    p.add_argument("--minilm", default=".cache/models/minilm.onnx")
    p.add_argument("--only", default="mlp,minilm")
    p.add_argument("--peers", default="ASGI,Flask,Triton,MLServer", help="of the mlp")
    p.add_argument("--connections", default="1,8,64")
    p.add_argument("--seconds", type=int, default=2, help="of a turn")
    p.add_argument("--rounds", type=int, default=3)
    o = p.parse_args()
    o.hotpath = os.path.abspath(o.hotpath)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the servers are too
    for part in o.only.split(","):
        servers = []
        with tempfile.TemporaryDirectory() as directory:
            try:
                {"mlp": mlp, "minilm": minilm}[part](o, directory, servers)
            finally:
                for s in servers:
                    s.stop()
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
