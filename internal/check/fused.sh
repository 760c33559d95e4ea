#!/bin/sh
# The compiler may contract a*b+c to one rounding where the target has such an instruction, as arm64 does, and then an
# answer differs between machines. This compiles the numeric packages for arm64 and fails on every instruction it
# fused by itself; the cure is a conversion: float32(a*b)+c. (An explicit math.FMA does not occur there either: the
# reference computes it from float64 sums.)
cd "$(dirname "$0")/../.."
# kernels/peak.go measures how fast products are fused; its results are thrown away.
found=$(GOARCH=arm64 CGO_ENABLED=0 go build -gcflags=-S ./kernels ./graph/ops ./graph/plan ./graph/train ./quant 2>&1 |
	grep -E '\(.*\.go:[0-9]+\).*FN?M(ADD|SUB)[SD]' | sed -E 's/.*\(([^)]*)\).*/\1/' | grep -v '/peak\.go:' | sort -u)
if [ -n "$found" ]; then
	echo "products that the compiler fuses on arm64:"
	echo "$found"
	exit 1
fi
