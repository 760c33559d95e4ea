"""The nine networks of images that the onnx wheel brings (onnx/backend/test/data/light) against onnxruntime.

    python3 bench/peers/light_compare.py --hotpath bin/hotpath [--model NAME] [--random]

Their weights are filled by ConstantOfShape when they run, so that all classes get the same answer; --random writes weights of a random
kind in their place. Both sides get the same random image. Answers are held to the rules of models_compare.py: 1e-4 of the largest,
top-1, and the same bits on two threads. Prints the largest difference; exits with 1 where a model breaks a rule or fails.
"""
import argparse
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnx.backend.test
from onnx import numpy_helper

from models_compare import Hotpath, check, ort_session


def randomised(model):
    """The model with random weights instead of filled ones: matrices and filters as He et al. start them, vectors from 0.5 to 1.5. A
    Softmax at the end is left out: of scores so far apart it makes one 1 and zeros."""
    r = np.random.default_rng(1)
    shapes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for n in nodes:
        if n.op_type != "ConstantOfShape":
            model.graph.node.append(n)
            continue
        shape = tuple(shapes[n.input[0]])
        value = r.uniform(0.5, 1.5, shape) if len(shape) < 2 else r.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        model.graph.initializer.append(numpy_helper.from_array(value.astype("f4"), n.output[0]))
    if model.graph.node[-1].op_type == "Softmax":
        model.graph.output[0].name = model.graph.node.pop().input[0]
    return model


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--model", default="", help="only models whose name starts with this")
    p.add_argument("--random", action="store_true", help="with random weights")
    args = p.parse_args()
    files = sorted((pathlib.Path(onnx.backend.test.__file__).parent / "data" / "light").glob(f"light_{args.model}*.onnx"))
    if not files:
        sys.exit(f"no model of the wheel has a name that starts with {args.model!r}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        ours = Hotpath(str(pathlib.Path(args.hotpath).resolve()), pathlib.Path(folder))
        for file in files:
            name = file.stem.removeprefix("light_")
            if args.random:
                onnx.save(randomised(onnx.load(file)), ours.folder / "m.onnx")
                file = ours.folder / "m.onnx"
            inputs = {i.name: np.random.default_rng(1).random(i.shape, dtype="f4") for i in ort_session(file, 1).get_inputs()}
            try:
                problems, worst = check(ours, file, inputs, None, [])
                print(f"{name:24} difference {worst:.1e}  {'; '.join(problems) or 'ok'}", flush=True)
                failed += bool(problems)
            except RuntimeError as e:
                print(f"{name:24} FAILED {e}", flush=True)
                failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
