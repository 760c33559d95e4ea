#!/usr/bin/env bash
# The same bits on another architecture: the arm64 build, under qemu-user, must train, quantise and answer exactly as the
# binary of this machine does.
#
#   bench/arm64.sh bin/hotpath        (needs qemu-aarch64-static: apt-get install qemu-user-static)
set -euo pipefail
cd "$(dirname "$0")/.."
native=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
GOARCH=arm64 CGO_ENABLED=0 go build -o "$work/hotpath-arm64" ./cmd/hotpath
data=cmd/hotpath/digits/digits.csv
head -n 401 "$data" >"$work/data.csv"

line() { # line NAME COMMAND...: train, quantise, answer
	local dir=$work/$1
	shift
	mkdir "$dir"
	for model in mlp:16 linear svm tree; do
		epochs=(--epochs 2)
		[ "$model" = tree ] && epochs=()
		"$@" train --data "$work/data.csv" --target label --model "$model" "${epochs[@]}" --out "$dir/${model%%:*}.onnx" --json >/dev/null 2>&1
	done
	"$@" quantize "$dir/mlp.onnx" --calibrate "$work/data.csv" --out "$dir/int8.onnx" >/dev/null 2>&1
	"$@" bench request "$dir/int8.onnx" --data "$work/data.csv" --rows 100 | sed 's/input_data/input/' >"$dir/in.json"
	for model in mlp linear svm tree int8; do "$@" run "$dir/$model.onnx" --input "$dir/in.json" >"$dir/$model.json"; done
}
line native "$native"
line arm64 qemu-aarch64-static "$work/hotpath-arm64"
diff -r "$work/native" "$work/arm64"
(cd "$work/arm64" && sha256sum *.onnx *.json)
echo "arm64 gives the same bits"
