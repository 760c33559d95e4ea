"""Attention, rotary embedding, recurrent networks."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from . import Case, i64, r, x


def attention():
    def q(*shape):
        return x(*shape, scale=1)

    def case(inputs, name, const=None, **attrs):
        return Case("Attention", inputs, const, opset=attrs.pop("opset", 24), reference=True, name=name, **attrs)

    four = [q(2, 4, 9, 16), q(2, 4, 12, 16), q(2, 4, 12, 8)]
    grouped = [q(2, 4, 9, 16), q(2, 2, 12, 16), q(2, 2, 12, 8)]
    past = [q(2, 2, 5, 16), q(2, 2, 5, 8)]
    yield case(four, "plain")
    yield case(four, "opset 23", opset=23)
    yield case(grouped, "grouped")
    yield case([q(1, 12, 128, 32), q(1, 12, 128, 32), q(1, 12, 128, 32)], "MiniLM")
    yield case([q(2, 9, 64), q(2, 12, 64), q(2, 12, 32)], "rank 3", q_num_heads=4, kv_num_heads=4)
    yield case([q(2, 9, 64), q(2, 12, 32), q(2, 12, 16)], "rank 3 grouped", q_num_heads=4, kv_num_heads=2, is_causal=1)
    yield case([q(1, 2, 300, 64), q(1, 2, 300, 64), q(1, 2, 300, 64)], "causal", is_causal=1)
    yield case(four, "scale and softcap", scale=0.5, softcap=3.0)
    for shape in ((9, 12), (4, 9, 12), (2, 1, 9, 12), (1, 4, 9, 12), (2, 4, 9, 12)):
        yield case(four + [q(*shape)], f"mask {shape}")
        yield case(four + [r.random(shape) < 0.7], f"bools {shape}", is_causal=int(len(shape) == 2))
    yield case(grouped + past, "past", {3: None, 4: past[0], 5: past[1]}, outputs=3, is_causal=1)
    yield case(grouped + [q(9, 17)] + past, "past and mask", outputs=3)
    none = {3: None, 4: None, 5: None}
    lengths = [None] * 3 + [i64(12, 7)]
    yield case(grouped + lengths, "lengths", none)
    yield case(grouped + lengths, "lengths, causal", none, is_causal=1)
    yield case(four, "window", opset=25, left_window_size=2, right_window_size=1)
    yield case([q(1, 2, 300, 8), q(1, 2, 300, 8), q(1, 2, 300, 8)], "causal window", opset=25, left_window_size=17, is_causal=1)


def rotary():
    def table(*shape):
        a = r.random(shape) * 6
        return np.cos(a).astype("f4"), np.sin(a).astype("f4")

    ids = r.integers(0, 50, (2, 9))
    for interleaved in (0, 1):
        yield Case("RotaryEmbedding", [x(2, 9, 64), *table(50, 8), ids], opset=23, reference=True, num_heads=4, interleaved=interleaved, name=f"rank 3, {interleaved}")
        yield Case("RotaryEmbedding", [x(2, 4, 9, 21), *table(50, 7), ids], opset=23, reference=True, rotary_embedding_dim=14, interleaved=interleaved, name=f"partial, {interleaved}")
        yield Case("RotaryEmbedding", [x(2, 4, 9, 16), *table(2, 9, 8)], opset=23, reference=True, interleaved=interleaved, name=f"tables by row, {interleaved}")
        yield Case("RotaryEmbedding", [x(2, 9, 64), ids, *table(50, 8)], domain="com.microsoft", interleaved=interleaved, name=f"contrib, {interleaved}")
        yield Case("RotaryEmbedding", [x(2, 4, 9, 16), i64(5), *table(50, 8)], domain="com.microsoft", interleaved=interleaved, name=f"contrib, first position, {interleaved}")


class Exported(Case):
    """Attention as PyTorch exports it, from [batch, rows, heads, dim]: hotpath fuses it. In two forms."""

    def __init__(self, form, mask):
        super().__init__("MatMul", [x(2, 9, 4, 16, scale=1), x(2, 12, 4, 16, scale=1), x(2, 12, 4, 16, scale=1), x(*mask, scale=1)], name=f"exported attention, {form} {mask}")
        self.form = form

    def model(self):
        n, c = helper.make_node, np.float32(0.25 if self.form == "product" else 0.5)
        if self.form == "product":
            scores = [n("Transpose", ["x0"], ["q"], perm=[0, 2, 1, 3]), n("Transpose", ["x1"], ["k"], perm=[0, 2, 3, 1]), n("MatMul", ["q", "k"], ["r"]), n("Mul", ["r", "c"], ["s"])]
        else:
            scores = [n("Transpose", ["x0"], ["qt"], perm=[0, 2, 1, 3]), n("Mul", ["qt", "c"], ["q"]), n("Transpose", ["x1"], ["kh"], perm=[0, 2, 1, 3]), n("Transpose", ["kh"], ["kt"], perm=[0, 1, 3, 2]),
                      n("Mul", ["kt", "c"], ["k"]), n("MatMul", ["q", "k"], ["s"])]
        nodes = scores + [n("Add", ["s", "x3"], ["m"]), n("Softmax", ["m"], ["p"], axis=-1), n("Transpose", ["x2"], ["v"], perm=[0, 2, 1, 3]), n("MatMul", ["p", "v"], ["t"]), n("Transpose", ["t"], ["y0"], perm=[0, 2, 1, 3])]
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(f"x{k}", TensorProto.FLOAT, v.shape) for k, v in enumerate(self.inputs)],
                                  [helper.make_tensor_value_info("y0", TensorProto.FLOAT, None)], [numpy_helper.from_array(c, "c")])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10)


def exported():
    for form in ("product", "roots"):
        for mask in ((2, 1, 1, 12), (9, 12), (2, 4, 9, 12)):
            yield Exported(form, mask)


def grouped():
    def case(name, batch=1, rows=5, past=0, heads=4, kv=2, dim=16, lengths=None, packed=False, bias=False, **attrs):
        total = past + rows
        q, k, v = x(batch, rows, heads * dim, scale=1), x(batch, rows, kv * dim, scale=1), x(batch, rows, kv * dim, scale=1)
        feeds = [np.concatenate([q, k, v], 2), None, None] if packed else [q, k, v]
        feeds += [x(batch, kv, past, dim, scale=1) for _ in "kv"]  # a past of no rows is still an input
        feeds += [np.array(lengths or [total] * batch, "i4") - 1, np.array([total], "i4")]
        if attrs.get("do_rotary"):
            a = r.random((50, dim // 2)) * 6
            feeds += [np.cos(a).astype("f4"), np.sin(a).astype("f4")]
        const = {k: None for k, f in enumerate(feeds) if f is None}
        if bias:
            feeds += [None] * (10 - len(feeds)) + [x(1, heads, rows, total, scale=1)]
            const |= {k: None for k, f in enumerate(feeds) if f is None}
        return Case("GroupQueryAttention", feeds, const, outputs=3, domain="com.microsoft", num_heads=heads, kv_num_heads=kv, name=name, **attrs)

    yield case("prompt")
    yield case("batch", batch=3)
    yield case("packed", packed=True)
    yield case("next", rows=1, past=9)
    yield case("next, batch", batch=2, rows=1, past=9)
    yield case("next, two lengths", batch=2, rows=1, past=9, lengths=[10, 4])
    yield case("chunk", rows=4, past=9)
    yield case("window", rows=12, local_window_size=4)
    yield case("next, window", rows=1, past=20, local_window_size=4)
    yield case("softcap", softcap=5.0, scale=0.5)
    yield case("bias", bias=True)
    for interleaved in (0, 1):
        yield case(f"rotary, {interleaved}", do_rotary=1, rotary_interleaved=interleaved)
        yield case(f"next, rotary, {interleaved}", batch=2, rows=1, past=9, packed=True, do_rotary=1, rotary_interleaved=interleaved)


def recurrent():
    def case(op, name, directions=1, steps=7, batch=3, inputs=10, hidden=12, bias=True, lengths=None, states=False, peepholes=False, **attrs):
        gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[op]

        def w(*shape):
            return x(*shape, scale=0.4)

        const = {1: w(directions, gates * hidden, inputs), 2: w(directions, gates * hidden, hidden), 3: w(directions, 2 * gates * hidden) if bias else None}
        shape = (steps, batch, inputs)
        state = (directions, batch, hidden)
        if attrs.get("layout"):
            shape, state = (batch, steps, inputs), (batch, directions, hidden)
        feeds = [x(*shape, scale=1), None, None, None]
        if lengths:
            feeds.append(np.array(lengths, "i4"))
        else:
            feeds.append(None)
            const[4] = None
        for k in range(2 if op == "LSTM" else 1):
            feeds.append(x(*state, scale=0.5) if states else None)
            if not states:
                const[5 + k] = None
        if peepholes:
            const[7] = w(directions, 3 * hidden)
        return Case(op, feeds, const, outputs=3 if op == "LSTM" else 2, opset=22, reference="layout" in attrs, hidden_size=hidden, name=name, **attrs)

    for op in ("LSTM", "GRU", "RNN"):
        yield case(op, "plain")
        yield case(op, "voice activity", batch=1, inputs=64, hidden=128, states=True)
        yield case(op, "deep", inputs=300, steps=3)
        yield case(op, "no bias", bias=False)
        yield case(op, "reverse", direction="reverse", states=True)
        yield case(op, "both", 2, direction="bidirectional", states=True)
        yield case(op, "lengths", 2, direction="bidirectional", lengths=[3, 7, 1])
        yield case(op, "clip", clip=0.3)
        yield case(op, "batch first", layout=1, states=True)
    yield case("LSTM", "peepholes", peepholes=True, states=True)
    yield case("LSTM", "coupled", input_forget=1)
    yield case("LSTM", "activations", activations=["HardSigmoid", "Relu", "ScaledTanh"], activation_alpha=[0.3, 0.7], activation_beta=[0.4, 0.9])
    yield case("GRU", "reset after", linear_before_reset=1, states=True)
    yield case("GRU", "reset after, both", 2, direction="bidirectional", linear_before_reset=1)
    for f in ("Relu", "LeakyRelu", "Elu", "Softplus", "Affine"):
        yield case("RNN", f, activations=[f], activation_alpha=[0.5], activation_beta=[0.1])


def cases():
    yield from attention()
    yield from rotary()
    yield from grouped()
    yield from exported()
    yield from recurrent()
