#!/bin/sh
# Builds the committed source in two directories of different depth, without the build cache of the other, and compares the
# bytes. What is inside the binary is its bill of materials: go version -m bin/hotpath.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
for at in a deeper/b; do
	mkdir -p "$work/$at"
	git archive HEAD | tar -x -C "$work/$at"
	make -s -C "$work/$at" build VERSION=reproduced GOFLAGS=-trimpath GOCACHE="$work/cache-$(basename "$at")"
done
sha256sum "$work/a/bin/hotpath" "$work/deeper/b/bin/hotpath" | sed "s|$work/||"
cmp "$work/a/bin/hotpath" "$work/deeper/b/bin/hotpath"
go version -m "$work/a/bin/hotpath" | awk '$1 == "dep" { n++ } END { print n " modules with versions and hashes in the binary"; exit n == 0 }'
