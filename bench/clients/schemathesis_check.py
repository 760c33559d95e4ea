"""Requests made from the server's own OpenAPI document, valid ones and broken ones, against the binary: every answer must be one
that the document says, no request may cause a server error, no broken one may be taken.

    .cache/venv/bin/python bench/clients/schemathesis_check.py [--hotpath bin/hotpath]

Both listeners are driven, the admin one with a registry; and for two models the document of that model alone, where rows
that fit its schema must be answered. Two things are as other
servers have them: TensorFlow Serving answers 400 rather than 405 to a method that a path has not, MLflow's /ping an empty line as JSON.
"""
import os
import subprocess
import sys
import tempfile

from service import Service, binary, expect, finish

# Refusals that no schema can tell beforehand: elements that do not fit a shape, a file that is no model.
UNTOLD = ["2xx", 400, 403, 404, 409, 413, 415, 429, 501, 503]
REFUSED = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 501, 503]


def config(told, model):
    """The settings of a run; told is a regular expression for the paths where valid requests must be answered 200. Requests
    that name a model name this one."""
    named = f'[parameters]\n"query.model" = "{model}"' if model else ""
    return f"""
{named}
[checks.negative_data_rejection]
expected-statuses = {REFUSED}
[checks.positive_data_acceptance]
expected-statuses = {UNTOLD}
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 501, 503, 504]
[[operations]]
include-path-regex = '{told}'
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx"]
"""


def drive(what, url, examples, told, *flags, model=None):
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/schemathesis.toml", "w") as f:
            f.write(config(told, model))
        st = os.path.join(os.path.dirname(sys.executable), "st")
        done = subprocess.run([st, "--config-file", f"{work}/schemathesis.toml", "run", url, "--checks", "all", "--exclude-checks", "unsupported_method", "--exclude-path-regex", "^/(ping|health)$", "--max-examples", str(examples), "--seed", "1",
                               "--suppress-health-check", "all", "--warnings", "off", "--workers", "1", "--continue-on-failure", *flags],
                              cwd=work, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tail = done.stdout[-1500:].split("Test cases:")[-1].strip().splitlines()
    expect(f"{what}: {tail[0].strip() if tail else 'nothing ran'}", done.returncode == 0, done.stdout)


with Service(binary()) as s:
    for model in ("pair", "same_fp64"):
        drive(f"the model {model}", f"http://{s.http}/openapi.json?model={model}", 30, "^/predict$",
              "--include-path-regex", "^(/predict|/invocations|/v1/models/[^/]*:predict|/v2/models/[^/]*/infer)$", "--phases", "coverage,fuzzing", model=model)
    drive("all models", f"http://{s.http}/openapi.json", 8, "^/(ui/.*|healthz|readyz|v2|v2/health/.*|v2/repository/index|v1/models|ping|health)$")
with tempfile.TemporaryDirectory() as store, Service(binary(), "--admin", "127.0.0.1:0", "--store", store) as s:
    drive("the admin listener", f"http://{s.admin}/openapi.json", 15, "^/(healthz|metrics)$")
finish()
