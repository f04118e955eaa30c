#!/bin/bash
# Runs one stage of `make test`: says what it runs, and how long that took.
#
#	stage.sh NAME COMMAND...
#	stage.sh --did-not-run NAME WHY   notes that it did not run
#	stage.sh --not-run                lists those, at the end
set -euo pipefail
notes=$(dirname "$0")/out/not-run
case $1 in
--did-not-run)
	mkdir -p "$(dirname "$notes")"
	printf '== %s: DID NOT RUN: %s\n' "$2" "$3" | tee -a "$notes" >&2
	exit
	;;
--not-run)
	[ ! -s "$notes" ] || printf '\n== Everything that ran has passed, but:\n%s\n' "$(cat "$notes")"
	rm -f "$notes"
	exit
	;;
esac
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
