#!/bin/sh
# Runs every fuzz target of the repository for $1 each, all of them before it fails: a finding in one must not hide those of the others. What
# go test leaves in testdata/fuzz is the seed to commit with the fix. The fuzzing engine sometimes fails a target only because its time was
# up ("context deadline exceeded", go.dev/issue/75804); without an input that is no finding.
set -eu
time=${1:-10s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0 failed=""
for pkg in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
		echo "fuzz $pkg $target $time"
		count=$((count + 1))
		if go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg" >"$log" 2>&1; then
			tail -2 "$log"
		elif grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input\|panic:\|_test.go:' "$log"; then
			echo "its time was up; nothing found"
		else
			cat "$log"
			failed="$failed $pkg:$target"
		fi
	done
done
test "$count" -gt 0
echo "$count fuzz targets"
if [ -n "$failed" ]; then
	echo "failed:$failed" >&2
	exit 1
fi
