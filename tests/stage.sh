#!/bin/bash
# Runs one stage of `make test`: says what it runs, and how long that took.
#
#	stage.sh NAME COMMAND...
set -euo pipefail
name=$1
shift
printf '\n== %s: %s\n' "$name" "$*"
SECONDS=0
"$@" || {
	code=$?
	echo "== $name: FAILED with exit code $code after $SECONDS s"
	exit "$code"
}
echo "== $name: passed in $SECONDS s"
