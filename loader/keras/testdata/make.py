"""Makes the model files here and in loader/savedmodel/testdata, with inputs and Keras' answers (needs keras and tensorflow)."""
import json
import os
import pathlib

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")

import keras
import numpy as np

L = keras.layers
here = pathlib.Path(__file__).parent
keras.utils.set_random_seed(1)


def save(name, model, *forms):
    r = np.random.default_rng(1)
    for w in model.weights:
        if w.dtype == "float32":
            v = r.standard_normal(w.shape).astype("f4") * 0.5
            w.assign(np.abs(v) + 0.5 if "variance" in w.name else v)
    inputs = {i.name: r.standard_normal((2, *i.shape[1:])).astype("f4") for i in model.inputs}
    answers = model(list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values())))
    answers = [np.asarray(a).tolist() for a in (answers if isinstance(answers, list) else [answers])]
    (here / f"{name}.json").write_text(json.dumps({"inputs": {k: v.tolist() for k, v in inputs.items()}, "answers": answers}))
    for form in forms:
        if form == "saved":
            target = here.parent.parent / "savedmodel" / "testdata" / name
            model.export(target, verbose=False)
            (target / "fingerprint.pb").unlink()
        else:
            model.save(here / f"{name}.{form}")


save("dense", keras.Sequential([keras.Input((5,), name="features"), L.Dense(4, activation="gelu"), L.BatchNormalization(), L.Dropout(0.5),
                                L.LeakyReLU(negative_slope=0.1), L.Dense(3, activation="softmax", name="classes")]), "keras", "h5", "saved")
a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
shared = L.Dense(4, activation="tanh")
x = L.Concatenate()([L.Add()([shared(a), shared(b)]), b])
save("branches", keras.Model([a, b], [L.Dense(2, name="first")(x), L.Dense(1, use_bias=False, name="second")(x)]), "keras", "h5")
image = keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(2, 3), L.MaxPooling2D(), L.Flatten(), L.Dense(2, activation=keras.activations.get("tanh_shrink"))])
save("conv", image, "keras")
