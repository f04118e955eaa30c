#!/bin/bash
# Makes the profile by which native.sh lays out the code, wasm/profile/*.zst: code that counts what runs, a training
# (tests/train) and what the counters say then. It is an input of the build, pinned by wasm.lock, as no two runs count
# quite the same; one for all processors. A newer module can go on with an old profile: functions are found by their
# names, and those that have changed are compiled without. Needs root.sh, Go and the network; a quarter of an hour.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$wasm/fetch.sh" postgres
work=$(mktemp -d "${TMPDIR:-/tmp}/profile.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"
tar -C "$work/source" --strip-components=1 --wildcards -xf "$(source_file postgres)" '*/src/test/regress'
for module in "${native_modules[@]}"; do
	wasm_file "$module" "$work"
	"$wasm/native.sh" -counters "$work/$module.wasm" "$work/images"
done
(cd "$top" && EMBEDDEDPG_NATIVE=$work/images go run ./tests/train -source "$work/source" -out "$work")
mkdir -p "$wasm/profile"
for module in "${native_modules[@]}"; do
	cp "$work/$module.zst" "$wasm/profile/"
done
relock profile "$wasm/profile" "${native_modules[@]/%/.zst}"
