"""Files that `hotpath quantize --scheme w8|w4|f16` writes: onnxruntime and hotpath must give the same answers on them.

    python3 bench/peers/quantize_compare.py --hotpath bin/hotpath

Makes a network of three products with random weights, quantises it with each scheme, runs both on the same rows and prints the largest
difference as a share of the largest answer, beside that from the float model. Exits 1 if one is above the scheme's tolerance.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

r = np.random.default_rng(3)
WIDTHS = (200, 512, 300, 10)
SCHEMES = [  # arguments, and how far the two may be apart: both round activations to 8 bits in their own way with int8
    (["w8"], 1e-4), (["w4"], 1e-4), (["w4", "--block", "128"], 1e-4), (["w8", "--block", "64"], 1e-4), (["f16"], 1e-5),
    (["w4", "--activations", "int8"], 0.02), (["w8", "--activations", "int8"], 0.02),
]


def network():
    nodes, init, value = [], [], "x"
    for i, (k, n) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        init += [numpy_helper.from_array(np.asarray(r.standard_normal((k, n)) / np.sqrt(k), "f4"), f"w{i}"), numpy_helper.from_array(np.asarray(r.standard_normal(n), "f4"), f"b{i}")]
        out = "y" if i == len(WIDTHS) - 2 else f"h{i}"
        nodes += [helper.make_node("MatMul", [value, f"w{i}"], [f"m{i}"]), helper.make_node("Add", [f"m{i}", f"b{i}"], [out])]
        if out != "y":
            nodes.append(helper.make_node("Relu", [out], [f"r{i}"]))
            value = f"r{i}"
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", WIDTHS[0]])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", WIDTHS[-1]])], init)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answers(model, x):
    return ort.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(["y"], {"x": x})[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    hotpath = pathlib.Path(p.parse_args().hotpath).resolve()
    print(f"onnxruntime {ort.__version__}; differences as shares of the largest answer")
    failed = 0
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        onnx.save(network(), tmp / "float.onnx")
        x = np.asarray(r.standard_normal((17, WIDTHS[0])), "f4")
        np.savez(tmp / "in.npz", x=x)
        reference = answers(tmp / "float.onnx", x)
        for scheme, tolerance in SCHEMES:
            subprocess.run([hotpath, "quantize", tmp / "float.onnx", "--out", tmp / "q.onnx", "--scheme", *scheme], check=True, capture_output=True)
            subprocess.run([hotpath, "run", tmp / "q.onnx", "--input", tmp / "in.npz", "--output", tmp / "out.npz"], check=True, capture_output=True)
            ours, theirs = np.load(tmp / "out.npz")["y"], answers(tmp / "q.onnx", x)
            scale = np.abs(reference).max()
            apart, moved = np.abs(ours - theirs).max() / scale, np.abs(ours - reference).max() / scale
            ok = apart <= tolerance
            failed += not ok
            size = (tmp / "q.onnx").stat().st_size / (tmp / "float.onnx").stat().st_size
            print(f"{'ok  ' if ok else 'FAIL'} {' '.join(scheme):24} {size:5.2f} of the size; hotpath and onnxruntime {apart:.1e} apart, {moved:.1e} from float")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
