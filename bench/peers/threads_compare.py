"""What real models gain from the second core, beside what the loop of multiply-adds in registers gains.

    python3 bench/peers/threads_compare.py --models .cache/models [--hotpath bin/hotpath] [--only SUBSTRING] [--rounds 7]

Each round times the loop and the model on one thread and on two, in turns. The loop's gain is what the machine has to give at that moment;
share is the model's gain over the loop's, the median of the rounds. Cases are those of models_compare.py.
"""
import argparse
import json
import pathlib
import statistics
import tempfile

from models_compare import CASES, Hotpath


def peak(ours, threads):
    """GFLOP/s of the loop on all threads together."""
    out = ours.call("bench", "kernels", "--op", "gemm_f32", "--shape", "512x512x512", "--seconds", 0.05, "--threads", threads, "--json")
    return max(r["peak"] for r in json.loads(out)["results"] if r["op"] == "gemm_f32" and r["chosen"])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", default=".cache/models")
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--only", default="")
    p.add_argument("--rounds", type=int, default=7)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = Hotpath(str(pathlib.Path(args.hotpath).resolve()), pathlib.Path(folder))
        for name, file, make, _, _ in CASES:
            if args.only not in name:
                continue
            path, gains = pathlib.Path(args.models) / file, []
            ours.save(make())
            for _ in range(args.rounds):
                loop = [peak(ours, threads) for threads in (1, 2)]
                model = [ours.latency(path, threads, 0.3) for threads in (1, 2)]
                gains.append((loop[1] / loop[0], model[0] / model[1], model[0]))
            loop, model, us = (statistics.median(g[i] for g in gains) for i in range(3))
            share = statistics.median(g[1] / g[0] for g in gains)
            print(f"{name:24} {us / 1e3:9.3f} ms on one thread  gain of two: loop {loop:.2f}  model {model:.2f}  share {share:.2f}", flush=True)


if __name__ == "__main__":
    main()
