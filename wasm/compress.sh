#!/bin/bash
# Compresses a file for the program: compress.sh FILE OUT.zst. In four frames, so that processors share the work of
# decompressing (internal/image/compressed.go).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ $# = 2 ] || die "usage: compress.sh FILE OUT.zst"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
size=$(stat -c %s "$1")
split -a 1 -d -b $(((size + 3) / 4)) "$1" "$work/"
for part in "$work"/?; do
	rooted zstd -q -19 --single-thread --check -o "$part.zst" "$part"
done
cat "$work"/?.zst >"$2"
