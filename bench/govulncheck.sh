#!/bin/sh
# Runs govulncheck ($1) on the packages that follow. A machine that cannot reach the vulnerability database says so and
# passes: there is nothing to compare with. Anything govulncheck finds fails.
tool=$1
shift
out=$($tool "$@" 2>&1)
code=$?
echo "$out"
case $out in
*"fetching vulnerabilities"*)
	echo "govulncheck: the vulnerability database cannot be reached from here; not checked"
	exit 0
	;;
esac
exit $code
