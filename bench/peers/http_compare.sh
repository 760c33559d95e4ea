#!/usr/bin/env bash
# Requests per second of hotpath and of Flask (app.run) with onnxruntime: the same model, the same body, the same cores,
# in turns within one run. The model is the reference network, 100-128-64-1, trained here on random data.
#
#   bench/peers/http_compare.sh bin/hotpath
#   CONNECTIONS=64 SECONDS_EACH=10 ROUNDS=2 VENV=DIR bench/peers/http_compare.sh bin/hotpath
#
# Fails if any request failed, if the two answers differ, or if hotpath has less than 20 times the requests per second.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
hotpath=$(realpath "${1:-bin/hotpath}")
connections=${CONNECTIONS:-64}
seconds=${SECONDS_EACH:-10}
rounds=${ROUNDS:-2}
least=20
work=$(mktemp -d)
pids=()
stop() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
	rm -rf "$work"
}
trap stop EXIT
command -v wrk >/dev/null || { echo "http_compare: wrk is not installed (apt-get install wrk)" >&2; exit 2; }

venv=${VENV:-$work/venv}
if [ ! -x "$venv/bin/python" ]; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check $(grep -E '^(flask|numpy|onnxruntime)==' "$here/requirements.txt")
fi

# The model and a request of 100 numbers with the digits that a Python client sends.
awk 'BEGIN {
	srand(1)
	for (j = 0; j < 100; j++) printf "x%d,", j
	print "y"
	for (i = 0; i < 640; i++) { s = 0; for (j = 0; j < 100; j++) { v = rand(); s += v; printf "%.6f,", v } print (s > 50) }
}' >"$work/data.csv"
"$hotpath" train --data "$work/data.csv" --target y --model mlp:128,64 --epochs 2 --out "$work/model.onnx" --json >/dev/null 2>&1
awk 'BEGIN { srand(2); printf "{\"input_data\": [["; for (j = 0; j < 100; j++) printf "%s%.16f", j ? ", " : "", rand(); print "]]}" }' >"$work/body.json"
cat >"$work/post.lua" <<LUA
wrk.method = "POST"
wrk.body = io.open("$work/body.json"):read("*a")
wrk.headers["Content-Type"] = "application/json"
LUA

# free_port prints a port that nothing listens on.
free_port() { "$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

mkdir -p "$work/models/mlp/1"
cp "$work/model.onnx" "$work/models/mlp/1/model.onnx"
XDG_DATA_HOME=$work "$hotpath" serve --http 127.0.0.1:0 --models "$work/models" >"$work/hotpath.out" 2>"$work/hotpath.err" &
pids+=($!)
port=$(free_port)
"$venv/bin/python" "$here/flask_server.py" "$work/model.onnx" "$port" >"$work/flask.out" 2>&1 &
pids+=($!)
for _ in $(seq 150); do
	ours=$(sed -n 's/^hotpath serves at //p' "$work/hotpath.out")
	theirs=http://127.0.0.1:$port
	if [ -n "$ours" ] && curl -sf "$ours/readyz" >/dev/null && curl -sf "$theirs/readyz" >/dev/null; then break; fi
	sleep 0.2
done

answer() { curl -sf "$1/predict" -H 'Content-Type: application/json' --data-binary "@$work/body.json" | sed -E 's/.*\[([^]]*)\].*/\1/'; }
a=$(answer "$ours")
b=$(answer "$theirs")
awk -v a="$a" -v b="$b" 'BEGIN { d = a - b; if (d < 0) d = -d; if (a == "" || b == "" || d > 1e-5) { print "answers differ: hotpath " a ", Flask " b; exit 1 } print "same answer: " a }'

# load URL prints requests per second and failed requests.
load() {
	wrk -t1 -c"$connections" -d"${seconds}s" -s "$work/post.lua" "$1/predict" >"$work/wrk.txt"
	awk '/Requests\/sec/ { rate = $2 }
		/Socket errors/ { gsub(",", ""); errors += $4 + $6 + $8 + $10 }
		/Non-2xx/ { errors += $NF }
		END { print rate + 0, errors + 0 }' "$work/wrk.txt"
}

sum_ours=0 sum_theirs=0 errors=0 peer_errors=0
for round in $(seq "$rounds"); do
	read -r rate bad <<<"$(load "$theirs")"
	echo "round $round  Flask + onnxruntime  $rate requests/s, $bad failed"
	sum_theirs=$(awk -v a="$sum_theirs" -v b="$rate" 'BEGIN { print a + b }')
	peer_errors=$((peer_errors + bad))
	read -r rate bad <<<"$(load "$ours")"
	echo "round $round  hotpath              $rate requests/s, $bad failed"
	sum_ours=$(awk -v a="$sum_ours" -v b="$rate" 'BEGIN { print a + b }')
	errors=$((errors + bad))
done
[ "$peer_errors" = 0 ] || echo "note: $peer_errors requests failed at the peer"
awk -v a="$sum_ours" -v b="$sum_theirs" -v n="$rounds" -v e="$errors" -v least="$least" 'BEGIN {
	ratio = b ? a / b : 0
	printf "%d connections: hotpath %.0f requests/s, Flask %.0f requests/s, ratio %.1f (at least %d), %d failed\n", '"$connections"', a / n, b / n, ratio, least, e
	exit !(e == 0 && ratio >= least)
}'
