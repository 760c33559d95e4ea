"""float64 of operators that mostly compute in float32, and Resize of integers. ONNX's own evaluator is the peer where onnxruntime has no kernel."""
import numpy as np

from . import Case, x


def d(*shape):
    return x(*shape, scale=1).astype("f8")


def cases():
    yield Case("LayerNormalization", [d(4, 65), d(65), d(65)], outputs=3, name="float64")
    yield Case("LayerNormalization", [d(2, 4, 8), d(4, 8)], axis=1, epsilon=1e-3, name="float64, two axes")
    yield Case("RMSNormalization", [d(4, 65), d(65)], opset=23, name="float64")
    yield Case("GroupNormalization", [d(2, 6, 5, 2), d(6), d(6)], opset=21, num_groups=3, name="float64")
    yield Case("InstanceNormalization", [d(2, 6, 5), d(6), d(6)], reference=True, name="float64")
    statistics = [d(6), d(6), d(6), np.abs(d(6))]
    yield Case("BatchNormalization", [d(2, 6, 5), *statistics], name="float64")
    yield Case("BatchNormalization", [d(2, 6, 5)], dict(enumerate(statistics, 1)), name="float64, constant")
    yield Case("BatchNormalization", [d(2, 6, 5), *statistics], outputs=3, training_mode=1, momentum=0.7, name="float64, training")
    yield Case("LRN", [d(6, 6, 5, 5)], size=3, alpha=0.2, beta=0.6, bias=1.5, reference=True, name="float64")
    q, k, v = d(2, 6, 4, 8), d(2, 3, 5, 8), d(2, 3, 5, 7)
    yield Case("Attention", [q, k, v], opset=23, name="float64")
    yield Case("Attention", [q, k, v, d(4, 5)], opset=23, softcap=2.0, scale=0.5, name="float64, mask and softcap")
    yield Case("Attention", [q, k, v], opset=23, is_causal=1, outputs=1, name="float64, causal")
    yield Case("Attention", [q, k, v, d(4, 11), d(2, 3, 6, 8), d(2, 3, 6, 7)], opset=23, outputs=4, qk_matmul_output_mode=1, name="float64, past", reference=True)
    yield Case("Attention", [d(2, 4, 12), d(2, 5, 6), d(2, 5, 6), r_bool(4, 5)], opset=23, q_num_heads=4, kv_num_heads=2, name="float64, three axes")
    for op, gates, outputs in (("RNN", 1, 2), ("GRU", 3, 2), ("LSTM", 4, 3)):
        weights = [d(1, gates * 4, 3), d(1, gates * 4, 4)]
        yield Case(op, [d(5, 2, 3), *weights], outputs=outputs, hidden_size=4, reference=True, name="float64")
        yield Case(op, [d(5, 2, 3)], dict(enumerate([*weights, d(1, 2 * gates * 4)], 1)), outputs=outputs, hidden_size=4, reference=True, name="float64, constant weights, bias")
        yield Case(op, [d(5, 2, 3), *weights, d(1, 2 * gates * 4)], outputs=outputs, hidden_size=4, reference=True, name="float64, bias")
    yield Case("GRU", [d(5, 2, 3), d(1, 12, 3), d(1, 12, 4), d(1, 24)], outputs=2, hidden_size=4, linear_before_reset=1, reference=True, name="float64, linear before reset")
    for mode in ("linear", "cubic"):
        for name, scales in (("up", (1, 1, 2, 3)), ("down", (1, 1, 0.6, 0.51))):
            for dtype in ("f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
                v = x(1, 2, 7, 9, scale=20) + (70 if dtype[0] == "u" else 0)
                yield Case("Resize", [v.astype(dtype)], {1: None, 2: np.array(scales, "f4")}, mode=mode, reference=True,
                           quantum=0 if dtype == "f8" else 1, name=f"{mode} {name} {dtype}")


def r_bool(*shape):
    return x(*shape) > 0
