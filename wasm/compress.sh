#!/bin/bash
# Compresses a file for the program: compress.sh [-LEVEL] FILE OUT.zst. In four frames, so that processors share the
# work of decompressing (internal/image/compressed.go). The usual level is the one that a first start pays least for within
# the budget of what is committed: RATIONALE.md, "How do programs come by their native code?".
set -euo pipefail
. "$(dirname "$0")/lib.sh"

level=-12
case ${1:-} in -[0-9]*) level=$1 && shift ;; esac
[ $# = 2 ] || die "usage: compress.sh [-LEVEL] FILE OUT.zst"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
size=$(stat -c %s "$1")
split -a 1 -d -b $(((size + 3) / 4)) "$1" "$work/"
for part in "$work"/?; do
	rooted zstd -q "$level" --single-thread --check -o "$part.zst" "$part"
done
cat "$work"/?.zst >"$2"
