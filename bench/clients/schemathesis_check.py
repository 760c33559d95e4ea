"""Requests made from the server's own OpenAPI document, valid ones and broken ones, against the binary: every answer must be one
that the document says, no request may cause a server error, no broken one may be taken.

    .cache/venv/bin/python bench/clients/schemathesis_check.py [--hotpath bin/hotpath]

Both listeners are driven, the admin one with a registry; and for two models the document of that model alone. All checks are on, with the
statuses that schemathesis expects, but for what config says.
"""
import os
import subprocess
import sys
import tempfile

from service import Service, binary, expect, finish

# Paths where a request that fits the document may still be refused with 400, since no schema can tell: a body that is no JSON (a table
# as CSV, binary tensors, a model file); inputs of a model that the document is not of; whether two inputs have the same number of rows.
RUNS = "^/(tfs/)?v1/models/.*:[a-z]+$"
LOOSE = {
    "pair": [RUNS, "^/(v2/models/.*|invocations)$"],
    "same_fp64": ["^/(v2/models/.*|invocations)$"],
    "all models": [RUNS, "^/(predict|invocations|v2/models/.*|(openai/)?v1/embeddings)$"],
    "admin": ["^/admin/models/[^/]*$"],
}


def config(what, model):
    """The settings of a run, where the first group that has a path counts. In a document of one model, requests that name a model name
    this one: without a name another answers."""
    named = f'[parameters]\n"query.model" = "{model}"' if model else ""
    loose = '[operations.checks.positive_data_acceptance]\nexpected-statuses = ["2xx", 400, 401, 403, 404, 409, 429]'
    # To a method that a path has not, TensorFlow Serving answers 400, as everywhere where it is not pleased.
    other = "[operations.checks.unsupported_method]\nenabled = false"
    # A server without a model in memory says so, and requests here have them unloaded.
    ready = '[operations.checks.not_a_server_error]\nexpected-statuses = ["2xx", "4xx", 503]'
    groups = [(path, loose + "\n" + other * (path == RUNS)) for path in LOOSE[what]]
    groups += [("^/(tfs/)?v1/models/.*$", other), ("^/readyz$", ready)]
    return named + "".join(f"\n[[operations]]\ninclude-path-regex = '{path}'\n{checks}\n" for path, checks in groups)


def drive(what, url, examples, *flags, model=None):
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/schemathesis.toml", "w") as f:
            f.write(config(model or what, model))
        st = os.path.join(os.path.dirname(sys.executable), "st")
        done = subprocess.run([st, "--config-file", f"{work}/schemathesis.toml", "run", url, "--max-examples", str(examples), "--seed", "1",
                               "--suppress-health-check", "all", "--warnings", "off", "--workers", "1", "--continue-on-failure", *flags],
                              cwd=work, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tail = done.stdout[-1500:].split("Test cases:")[-1].strip().splitlines()
    expect(f"{what}: {tail[0].strip() if tail else 'nothing ran'}", done.returncode == 0, done.stdout)


with Service(binary()) as s:
    for model in ("pair", "same_fp64"):
        drive(f"the model {model}", f"http://{s.http}/openapi.json?model={model}", 30,
              "--include-path-regex", "^(/predict|/invocations|/v1/models/[^/]*:predict|/v2/models/[^/]*/infer)$", "--phases", "coverage,fuzzing", model=model)
    drive("all models", f"http://{s.http}/openapi.json", 8)
with tempfile.TemporaryDirectory() as store, Service(binary(), "--admin", "127.0.0.1:0", "--store", store) as s:
    drive("admin", f"http://{s.admin}/openapi.json", 15)
finish()
