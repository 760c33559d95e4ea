#!/usr/bin/env bash
# The whole line, timed: a CSV is trained, quantised, published, and answered over authenticated TLS, once for every
# instruction-set tier. Prints the SHA-256 of models and answers and fails if any tier gives others.
#
#   bench/line.sh bin/hotpath                      a table made here, with text, quotes and gaps
#   bench/line.sh bin/hotpath FILE.csv TARGET      yours
#   TIERS="ref avx2" bench/line.sh …               only these; a tier the machine lacks falls back to the one below
set -euo pipefail
hotpath=$(realpath "$1")
csv=${2:-}
target=${3:-price_class}
tiers=${TIERS:-"ref avx2 avx512 vnni"}
work=$(mktemp -d)
server=
stop() {
	[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
	server=
}
trap 'stop; rm -rf "$work"' EXIT
started=$(date +%s.%N)
since() { awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f s", b - a }'; }

if [ -z "$csv" ]; then
	csv=$work/houses.csv
	awk 'BEGIN {
		srand(7); printf "\xef\xbb\xbfarea,rooms,built,district,note,price_class\r\n"
		split("north,south,\"old town, east\",west", d, ",")
		for (i = 0; i < 800; i++) {
			area = 30 + rand() * 170; rooms = 1 + int(area / 35 + rand() * 2); built = 1900 + int(rand() * 125); k = 1 + int(rand() * 3)
			district = k == 1 ? "north" : k == 2 ? "south" : "\"old town, east\""
			value = area * (k == 3 ? 1.6 : 1) + (built - 1900) * 0.5 + rand() * 20
			class = value < 110 ? "low" : value < 190 ? "middle" : "high"
			printf "%s,%s,%d,%s,%s,%s\r\n", rand() < 0.05 ? "" : sprintf("%.1f", area), rand() < 0.05 ? "NA" : rooms, built, district, rand() < 0.5 ? "\"says \"\"quiet\"\"\"" : "", class
		}
	}' >"$csv"
fi
echo "$("$hotpath" --version)"
echo "table: $(basename "$csv"), $(($(wc -l <"$csv") - 1)) lines, target $target"

for tier in $tiers; do
	export HOTPATH_ISA=$tier
	dir=$work/$tier
	mkdir -p "$dir"
	"$hotpath" train --data "$csv" --target "$target" --model mlp:128,64 --epochs 20 --out "$dir/model.onnx" --json >"$dir/train.json" 2>/dev/null
	"$hotpath" optimize "$dir/model.onnx" --out "$dir/optimised.onnx" >/dev/null
	"$hotpath" quantize "$dir/optimised.onnx" --scheme int8 --calibrate "$csv" --out "$dir/int8.onnx" >/dev/null 2>&1
	"$hotpath" models publish line "$dir/int8.onnx" --label stable --store "$dir/store" >/dev/null
	key=$("$hotpath" keys create --name line --scope predict --store "$dir/store" 2>/dev/null)

	# Port 0: the server chooses a free one and says which.
	"$hotpath" serve --http 127.0.0.1:0 --store "$dir/store" --tls-self-signed --drain-grace 10ms >"$dir/serve.out" 2>"$dir/serve.err" &
	server=$!
	for _ in $(seq 100); do
		url=$(sed -n 's/^hotpath serves at //p' "$dir/serve.out")
		if [ -n "$url" ] && curl -sf --cacert "$dir/store/tls/self-signed.crt" "$url/readyz" >/dev/null; then break; fi
		kill -0 "$server" 2>/dev/null || { cat "$dir/serve.err" >&2; exit 1; }
		sleep 0.1
	done
	"$hotpath" bench request "$dir/int8.onnx" --data "$csv" --rows 64 >"$dir/request.json"
	curl -sS --fail-with-body --cacert "$dir/store/tls/self-signed.crt" -H "Authorization: Bearer $key" \
		-H 'Content-Type: application/json' --data-binary @"$dir/request.json" "$url/predict" >"$dir/answer.json"
	refused=$(curl -s -o /dev/null -w '%{http_code}' --cacert "$dir/store/tls/self-signed.crt" --data-binary @"$dir/request.json" "$url/predict")
	[ "$refused" = 401 ] || { echo "without a key: status $refused, expected 401" >&2; exit 1; }
	stop
	echo "$tier: accuracy $(sed -n 's/^  "accuracy": \([0-9.]*\).*/\1/p' "$dir/train.json"), after $(since)"
	for f in model.onnx int8.onnx answer.json; do printf '  %-12s %s\n' "$f" "$(sha256sum <"$dir/$f" | cut -d' ' -f1)"; done
done

for tier in $tiers; do
	for f in model.onnx int8.onnx answer.json; do
		cmp -s "$work/${tiers%% *}/$f" "$work/$tier/$f" || { echo "$f of tier $tier differs from that of ${tiers%% *}" >&2; exit 1; }
	done
done
echo "equal on every tier; $(since) in all"
