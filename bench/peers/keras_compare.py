"""Keras and TensorFlow models: hotpath's answers against Keras' own, for every layer and activation that is read.

    python3 bench/peers/keras_compare.py --hotpath bin/hotpath [--savedmodel]

Each model is saved as .keras and .h5; with --savedmodel, which needs TensorFlow (bench/peers/requirements-keras.txt), as SavedModel too.
hotpath must answer all within 1e-5 of Keras, directly and after convert, and onnxruntime, where it is installed, must answer the converted
file likewise. Exits with 1 on a difference. Without --savedmodel Keras computes with NumPy.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SAVEDMODEL = "--savedmodel" in sys.argv  # decides what is imported
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow" if SAVEDMODEL else "numpy")

import absl.logging
import keras
import numpy as np

try:
    import onnxruntime as ort
except ImportError:
    ort = None

absl.logging.set_verbosity("error")  # .h5 is an old format

L = keras.layers
ACTIVATIONS = ["linear", "relu", "relu6", "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "softsign", "elu", "celu", "selu", "mish",
               "exponential", "hard_silu", "silu", "gelu", "leaky_relu", "hard_sigmoid"]
LAYERS = {
    "relu max": lambda: L.ReLU(max_value=6), "relu slope": lambda: L.ReLU(negative_slope=0.1), "leaky": L.LeakyReLU, "elu": lambda: L.ELU(0.5),
    "prelu": lambda: L.PReLU(alpha_initializer="glorot_uniform"), "softmax": L.Softmax, "batch norm": L.BatchNormalization,
    "batch norm bare": lambda: L.BatchNormalization(scale=False, center=False), "layer norm": L.LayerNormalization, "rescaling": lambda: L.Rescaling(2.0, 1.0),
    "dropout": lambda: L.Dropout(0.5), "noise": lambda: L.GaussianNoise(0.1), "activation": lambda: L.Activation("tanh"),
}


def sequential(*layers, units=5):
    return keras.Sequential([keras.Input((7,), name="features"), L.Dense(6), *layers, L.Dense(units)])


def branches():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = L.Dense(4, activation="tanh")
    x, y = shared(a), shared(b)
    for m in (L.Add, L.Subtract, L.Multiply, L.Maximum, L.Minimum, L.Average):
        x = m()([x, y])
    x = L.Concatenate()([x, y])
    return keras.Model([a, b], [L.Dense(3, activation="softmax", name="classes")(x), L.Dense(1, use_bias=False, name="score")(x)])


def wide():
    """Dense layers over more than two dimensions."""
    x = keras.Input((8,), name="features")
    y = L.Reshape((2, 4))(L.Dense(8)(x))
    y = L.BatchNormalization()(L.Dense(3, activation="relu")(y))
    return keras.Model(x, L.Flatten()(y))


def trained(model):
    """Weights as training leaves them: among others, moving means that are not zero."""
    keras.utils.set_random_seed(1)
    r = np.random.default_rng(1)
    for w in model.weights:
        if w.dtype == "float32":
            v = r.standard_normal(w.shape).astype("f4") * 0.5
            w.assign(np.abs(v) + 0.5 if "variance" in w.name else v)
    return model


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hotpath", default="bin/hotpath")
    p.add_argument("--savedmodel", action="store_true")
    args = p.parse_args()
    hotpath = pathlib.Path(args.hotpath).resolve()
    cases = {f"activation {a}": (lambda a=a: sequential(L.Dense(6, activation=a))) for a in ACTIVATIONS}
    cases |= {f"layer {n}": (lambda f=f: sequential(f())) for n, f in LAYERS.items()}
    cases |= {"branches": branches, "wide": wide}
    print("keras", keras.__version__, "on", keras.backend.backend())
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        tmp = pathlib.Path(folder)
        for name, make in cases.items():
            keras.backend.clear_session()
            model = trained(make())
            r = np.random.default_rng(2)
            inputs = {i.name: r.standard_normal((3, *i.shape[1:])).astype("f4") for i in model.inputs}
            want = model(list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values())))
            want = [np.asarray(w) for w in (want if isinstance(want, (list, tuple)) else [want])]
            files = [tmp / "m.keras", tmp / "m.h5"] + [tmp / "m.saved"] * SAVEDMODEL
            model.save(files[0])
            model.save(files[1])
            if SAVEDMODEL:
                model.export(files[2], verbose=False)
            np.savez(tmp / "in.npz", **inputs)
            worst, problems = 0.0, []
            for file in files:
                for model_file in (file, tmp / "m.onnx"):
                    if model_file.suffix == ".onnx":
                        subprocess.run([hotpath, "convert", file, "--out", model_file], check=True, capture_output=True)
                    run = subprocess.run([hotpath, "run", model_file, "--input", tmp / "in.npz", "--output", tmp / "out.npz"], capture_output=True, text=True)
                    if run.returncode:
                        problems.append(f"{file.suffix}: {run.stderr.strip()}")
                        break
                    with np.load(tmp / "out.npz") as z:
                        answers = [[z[k] for k in sorted(z.files)]]
                    names = list(z.files)
                    if ort and model_file.suffix == ".onnx":
                        s = ort.InferenceSession(str(model_file), providers=["CPUExecutionProvider"])
                        theirs = dict(zip([o.name for o in s.get_outputs()], s.run(None, inputs)))
                        answers.append([theirs[k] for k in sorted(names)])
                    order = sorted(range(len(want)), key=lambda i: getattr(model, "output_names", [""])[i] if file.suffix != ".saved" else i)
                    for got in answers:
                        for g, i in zip(got, order):
                            d = float(np.abs(g - want[i]).max() / max(1, np.abs(want[i]).max())) if g.shape == want[i].shape else np.inf
                            worst = max(worst, d)
            if worst > 1e-5:
                problems.append("differs")
            failed += bool(problems)
            print(f"{name:24} difference {worst:.1e}  {'; '.join(problems) or 'ok'}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
