#!/bin/sh
# Proves `hotpath bench compare` on this machine: N (10) comparisons of a binary with itself must find nothing, and N with a binary whose
# kernels run 3 % more often per counted run must find each one slower. Both binaries are built from this tree. SHAPE must be small: a turn
# needs some hundred runs for 3 % of them to be a whole number.
#
#     bench/kernels/compare_check.sh [N] [OP] [SHAPE]
set -eu
n=${1:-10} op=${2:-gemm_f32} shape=${3:-8x128x100}
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/slow"
cd "$root"
tar -c --exclude=./bin --exclude=./.git . | tar -x -C "$dir/slow"
sed -i 's|for range runs {|for range runs + (runs*3+50)/100 {|' "$dir/slow/bench/kernels/serve.go"
if cmp -s bench/kernels/serve.go "$dir/slow/bench/kernels/serve.go"; then echo "serve.go has no loop to slow down" >&2; exit 1; fi
go build -trimpath -buildvcs=false -o "$dir/old" ./cmd/hotpath
(cd "$dir/slow" && go build -trimpath -buildvcs=false -o "$dir/new" ./cmd/hotpath)
cp "$dir/old" "$dir/same"
missed=0 alarms=0
for i in $(seq "$n"); do
	"$dir/old" bench compare "$dir/old" "$dir/same" --op "$op" --shape "$shape" || alarms=$((alarms + 1))
	"$dir/old" bench compare "$dir/old" "$dir/new" --op "$op" --shape "$shape" 2>/dev/null && missed=$((missed + 1))
done
echo "of $n: $missed slow-downs of 3 % missed, $alarms false alarms"
[ "$missed" = 0 ] && [ "$alarms" = 0 ]
