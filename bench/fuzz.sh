#!/bin/sh
# Runs every fuzz target of the repository for $1 each.
set -eu
time=${1:-10s}
count=0
for pkg in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
		echo "fuzz $pkg $target $time"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg"
		count=$((count + 1))
	done
done
test "$count" -gt 0
echo "$count fuzz targets"
