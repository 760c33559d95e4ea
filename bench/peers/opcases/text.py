"""Operators on strings."""
import numpy as np

from . import Case, i64, r


def cases():
    t = np.array([["", "a", "ab c"], ["a.b", "Grüße", "x" * 40]])
    yield Case("StringConcat", [t, t[:1]])
    yield Case("RegexFullMatch", [t], pattern=r"(\w|\.)*")
    yield Case("StringNormalizer", [np.array(["Mon", "X1"])], case_change_action="LOWER", is_case_sensitive=0, locale="C")
    lines = np.array([["a b,c  dd", ""], ["ÄÖ x-y", ",,"]])
    for name, attrs in (("words", {"tokenexp": r"\w+"}), ("long words", {"tokenexp": r"[^ ]+", "mincharnum": 2}), ("separators", {"separators": [" ", ",|-"]}), ("characters", {"separators": [""]}), ("marks", {"separators": [" "], "mark": 1})):
        yield Case("Tokenizer", [lines], domain="com.microsoft", name=name, **{"pad_value": "#", "mincharnum": 1, "mark": 0} | attrs)
    tokens = r.integers(0, 6, (5, 12))
    pool = [0, 1, 3, 5, 0, 1, 1, 3, 2, 2, 5, 5, 1, 3, 0]
    indexes = [0, 1, 2, 3, 4, 5, 6, 7, 8]
    weights = [float(v) for v in np.round(r.random(9), 3)]
    for mode in ("TF", "IDF", "TFIDF"):
        for low, high, skip in ((1, 1, 0), (1, 3, 0), (2, 3, 2), (1, 3, 5), (3, 3, 20)):
            attrs = dict(mode=mode, min_gram_length=low, max_gram_length=high, max_skip_count=skip, ngram_counts=[0, 4, 12], ngram_indexes=indexes, weights=weights)
            yield Case("TfIdfVectorizer", [tokens], pool_int64s=pool, name=f"{mode} {low} {high} {skip}", **attrs)
            yield Case("TfIdfVectorizer", [tokens.astype(str)], pool_strings=[str(v) for v in pool], name=f"{mode} {low} {high} {skip} text", **attrs)
    s = np.array([["a", "b", "c"], ["d", "e", ""]])
    yield Case("Where", [s == "a", s, s[:, :1]], name="text")
    yield Case("Gather", [s, np.array([[1, -1], [0, 0]])], axis=1, name="text")
    yield Case("Slice", [s], {1: i64(2), 2: i64(-5), 3: i64(1), 4: i64(-2)}, name="text")
    yield Case("Transpose", [s], name="text")
    yield Case("Expand", [s[:, :1]], {1: i64(2, 2, 3)}, name="text")
    yield Case("Tile", [s], {1: i64(2, 1)}, name="text")
    yield Case("Split", [s], {1: i64(1, 2)}, axis=1, outputs=2, name="text")
    yield Case("GatherND", [s, np.array([[1, 2], [0, 0]])], name="text")
    yield Case("ScatterElements", [s, np.array([[1, 0, 1]]), s[:1]], axis=0, name="text")
    yield Case("Equal", [s, s[:, :1]], name="text")
