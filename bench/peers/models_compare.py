"""Real models against onnxruntime and, for speed, OpenVINO forced to f32.

    python3 bench/peers/models_compare.py --models .cache/models [--hotpath bin/hotpath] [--only SUBSTRING] [--speed] [--threads 1,2] [--rounds 5]

Models come from bench/models/fetch.py (make models). Without --speed: answers. Each output must be within 1e-4 of the largest value of
onnxruntime's and have the same top-1 along its last axis; one thread and two, and every instruction set up to what the machine has
(for small models the plain reference too) must give the same bytes, and so must rows of a batch of 64, along the axes that hotpath inspect has proven, and a second start with a plan
cache, from the plan that the first has left there. A run allocates nothing, and the process takes at most 1.3 times the weights, as packed, and
the intermediate values, beside what it takes without a model and the caller's inputs and outputs: FIXED. Exits with 1 on a difference.
With --speed: median latency of both sides in turns, and the ratio to the better peer.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime as ort

R = np.random.default_rng(7)
SMALL = 4 << 20  # bytes of a model that the plain Go reference computes too; it takes a thousand times as long
FIXED = 8 << 20  # bytes: pages of the program that are not in memory until a model runs, and what Go's heap has before it collects
BATCH, SAME = 64, (0, 37, 63)  # rows of a batch that are the one row again


def image(*shape):
    return {"x": R.standard_normal(shape).astype("f4")}


def page(height, width):
    """Lines of dark strokes on white, so that a detector of text finds some: on noise its scores are near 0, where onnxruntime's own sigmoid errs by 1e-4."""
    a = np.ones((height, width), "f4")
    for top in range(8, height - 24, 40):
        for left in range(8, width - 16, 12):
            if R.random() < 0.8:
                a[top + R.integers(0, 6):top + 16 + R.integers(0, 8), left:left + R.integers(2, 7)] = 0
    a = a + 0.02 * R.standard_normal(a.shape)
    return {"x": np.stack([(a - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))])[None].astype("f4")}


def tokens(batch, length):
    mask = np.ones((batch, length), "i8")
    if batch > 1:
        mask[-1, length // 2:] = 0
    return {"input_ids": R.integers(1000, 30000, (batch, length)), "attention_mask": mask, "token_type_ids": np.zeros((batch, length), "i8")}


def voice(length, batch=1, rate=True):
    t = np.arange(length) / 16000
    inputs = {"input": np.tile((0.3 * np.sin(2 * np.pi * 220 * t) + 0.05 * R.standard_normal(length)).astype("f4"), (batch, 1)),
              "state": (0.1 * R.standard_normal((2, batch, 128))).astype("f4")}
    return inputs | ({"sr": np.array(16000, "i8")} if rate else {})


def speech(frames):
    return {"input": (0.1 * R.standard_normal((frames, 576))).astype("f4"), "h": np.zeros((1, 1, 128), "f4"), "c": np.zeros((1, 1, 128), "f4")}


# Cases: name, file, inputs, whether rows are compared with those of a batch, whether OpenVINO reads the file.
CASES = [
    ("minilm s16 b1", "minilm.onnx", lambda: tokens(1, 16), True, True),
    ("minilm s16 b8", "minilm.onnx", lambda: tokens(8, 16), False, True),
    ("minilm s128 b1", "minilm.onnx", lambda: tokens(1, 128), True, True),
    ("minilm s128 b8", "minilm.onnx", lambda: tokens(8, 128), False, True),
    ("minilm20 s128 b1", "minilm20.onnx", lambda: tokens(1, 128), True, True),
    ("resnet18", "resnet18.onnx", lambda: image(1, 3, 224, 224), True, True),
    ("resnet50", "resnet50.onnx", lambda: image(1, 3, 224, 224), True, True),
    ("mobilenet_v2", "mobilenet_v2.onnx", lambda: image(1, 3, 224, 224), True, True),
    ("ocr_det 640", "ocr_det.onnx", lambda: page(640, 640), False, True),
    ("ocr_rec 48x320", "ocr_rec.onnx", lambda: page(48, 320), True, True),
    ("ocr_cls 48x192", "ocr_cls.onnx", lambda: page(48, 192), True, True),
    ("magika", "magika.onnx", lambda: {"bytes": R.integers(0, 257, (1, 2048)).astype("i4")}, True, True),
    ("voice step", "silero_vad.onnx", lambda: voice(576), True, False),
    ("voice step, half", "silero_vad_half.onnx", lambda: voice(576, rate=False), True, False),
    ("voice step, op15", "silero_vad_op15.onnx", lambda: voice(576), True, False),
    ("voice step, no If", "silero_vad_ifless.onnx", lambda: voice(576), True, False),
    ("voice step, OpenVINO's", "silero_vad_openvino.onnx", lambda: voice(576, rate=False), False, True),
    ("voice sequence of 64", "silero_vad_sequence.onnx", lambda: speech(64), False, True),
]


def ort_session(path, threads):
    o = ort.SessionOptions()
    o.log_severity_level = 3
    o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
    return ort.InferenceSession(str(path), o, providers=["CPUExecutionProvider"])


def openvino_call(path, inputs, threads):
    import openvino as ov
    model = ov.Core().read_model(path)
    model.reshape({i.any_name: list(inputs[i.any_name].shape) for i in model.inputs})
    request = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}).create_infer_request()
    request.infer(inputs)
    return lambda: request.infer(inputs, share_inputs=True, share_outputs=True)


def p50(call, seconds):
    """Median latency in microseconds."""
    samples, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(samples) < 3:
        t = time.perf_counter_ns()
        call()
        samples.append(time.perf_counter_ns() - t)
    return float(np.median(samples)) / 1e3


class Hotpath:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def call(self, *args, isa=None):
        env = os.environ | ({"HOTPATH_ISA": isa} if isa else {})
        done = subprocess.run([self.binary, *map(str, args)], capture_output=True, text=True, env=env)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def save(self, inputs):
        np.savez(self.folder / "in.npz", **inputs)

    def answer(self, path, threads=1, isa=None, cache=None):
        options = ["--cache", cache] if cache else []
        self.call("run", path, "--input", self.folder / "in.npz", "--output", self.folder / "out.npz", "--threads", threads, *options, isa=isa)
        with np.load(self.folder / "out.npz") as z:
            return {k: z[k] for k in z.files}

    def bench(self, path, threads, seconds, *options):
        return json.loads(self.call("bench", "model", path, "--input", self.folder / "in.npz", "--seconds", seconds, "--threads", threads, "--json", *options))

    def latency(self, path, threads, seconds):
        return self.bench(path, threads, seconds)["p50_us"]


def check(ours, path, inputs, batched, isas):
    """Problems found, and the largest relative difference."""
    session = ort_session(path, 1)
    names = [o.name for o in session.get_outputs()]
    want = dict(zip(names, session.run(None, inputs)))
    ours.save(inputs)
    got = ours.answer(path)
    problems, worst = [], 0.0
    for name in names:
        a, b = got[name], want[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            problems.append(f"{name} is {a.dtype}{a.shape}, expected {b.dtype}{b.shape}")
            continue
        difference = float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))
        worst = max(worst, difference)
        if not difference <= 1e-4:
            problems.append(f"{name} differs by {difference:.1e}")
        if b.ndim and b.shape[-1] > 1:
            top = np.sort(b, -1)
            sure = top[..., -1] - top[..., -2] > 1e-4 * np.abs(b).max()  # elsewhere the two best are as good as equal
            if (a.argmax(-1) != b.argmax(-1))[sure].any():
                problems.append(f"{name} has another top-1")
    for threads, isa in [(2, None)] + [(1, isa) for isa in isas]:
        again = ours.answer(path, threads, isa)
        if any(again[n].tobytes() != got[n].tobytes() for n in names):
            problems.append(f"other bits with {threads} threads, HOTPATH_ISA={isa or 'all'}")
    cache = ours.folder / "cache"
    for start in "cold", "warm":
        again = ours.answer(path, cache=cache)
        if any(again[n].tobytes() != got[n].tobytes() for n in names):
            problems.append(f"other bits from a {start} plan cache")
    own = sum(v.nbytes for v in [*inputs.values(), *got.values()])
    for start, options in ("without a cache", []), ("from the cache", ["--cache", cache]):
        bench = ours.bench(path, 1, 0.01, *options)
        if bench["cached"] != bool(options):
            problems.append(f"{start}: cached is {bench['cached']}")
        if bench["allocs_per_run"] > 0:
            problems.append(f"{start}: {bench['allocs_per_run']} allocations per run")
        m = bench["memory"]
        used, limit = m["peak_rss_bytes"] - m["base_rss_bytes"], 1.3 * (m["weight_bytes"] + m["arena_bytes"]) + 2 * own + FIXED
        if used > limit:
            problems.append(f"{start}: {used / 1e6:.1f} MB of memory, at most {limit / 1e6:.1f}")
    if batched:
        axes = json.loads(ours.call("inspect", path, "--json")).get("row_axes")
        if axes is None:
            return problems + ["rows are not proven independent"], worst
        # The rows between are others: the same elements, shifted.
        rows = lambda v: [v if i in SAME else np.roll(v, i, axis=-1) for i in range(BATCH)]
        ours.save({k: v if axes[k] < 0 else np.concatenate(rows(v), axes[k]) for k, v in inputs.items()})
        batch = ours.answer(path)
        for i in SAME:
            if any(np.take(batch[n], [i], axes[n]).tobytes() != got[n].tobytes() for n in names):
                problems.append(f"row {i} of a batch of {BATCH} has other bits than alone")
    return problems, worst


def compare_speed(ours, path, inputs, openvino, threads, rounds):
    session = ort_session(path, threads)
    peers = {"onnxruntime": lambda: session.run(None, inputs)}
    if openvino:
        peers["openvino"] = openvino_call(path, inputs, threads)
    ours.save(inputs)
    seconds = 0.5
    mine, theirs = [], {k: [] for k in peers}
    for _ in range(rounds):
        mine.append(ours.latency(path, threads, seconds))
        for name, call in peers.items():
            theirs[name].append(p50(call, seconds))
    best = min(theirs, key=lambda k: np.median(theirs[k]))
    ratio = float(np.median([b / a for a, b in zip(mine, theirs[best])]))
    return float(np.median(mine)), {k: float(np.median(v)) for k, v in theirs.items()}, best, ratio


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", default=".cache/models")
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--only", default="")
    p.add_argument("--speed", action="store_true")
    p.add_argument("--threads", default="1")
    p.add_argument("--rounds", type=int, default=5)
    args = p.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        ours = Hotpath(str(pathlib.Path(args.hotpath).resolve()), pathlib.Path(folder))
        print(ours.call("--version").strip(), "| onnxruntime", ort.__version__)
        isas = [i for i in ("avx2", "avx512", "vnni") if {"avx2": "avx2", "avx512": "avx512bw", "vnni": "avx512_vnni"}[i] in pathlib.Path("/proc/cpuinfo").read_text()]
        for name, file, make, batched, openvino in CASES:
            if args.only not in name:
                continue
            path, inputs = pathlib.Path(args.models) / file, make()
            try:
                if not args.speed:
                    small = ["ref"] if os.path.getsize(path) <= SMALL else []
                    problems, worst = check(ours, path, inputs, batched, isas + small)
                    print(f"{name:24} difference {worst:.1e}  {'; '.join(problems) or 'ok'}", flush=True)
                    failed += bool(problems)
                    continue
                for threads in map(int, args.threads.split(",")):
                    us, peers, best, ratio = compare_speed(ours, path, inputs, openvino, threads, args.rounds)
                    print(f"{name:24} {threads} thread{'s' if threads > 1 else ' '}  hotpath {us / 1e3:9.3f} ms  " +
                          "  ".join(f"{k} {v / 1e3:9.3f} ms" for k, v in peers.items()) + f"  ratio to {best} {ratio:.2f}", flush=True)
            except RuntimeError as e:
                print(f"{name:24} FAILED {e}", flush=True)
                failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
