#!/bin/bash
# Builds twice, in folders with different names, and compares with each other and with the committed files, byte by
# byte: the modules and share.zip, or, with the argument native, the native code, from the committed modules and profile.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

case ${1:-modules} in
modules)
	"$wasm/build.sh" repro-one
	"$wasm/build.sh" repro-another/longer
	one=$root/build/repro-one/out another=$root/build/repro-another/longer/out
	committed=$(mktemp -d)
	trap 'rm -rf "$committed"' EXIT
	for module in "${native_modules[@]}"; do
		wasm_file "$module" "$committed"
	done
	cp "$image"/{share.zip,LICENSES.txt,image_gen.go} "$committed/"
	for file in postgres.wasm initdb.wasm pgtools.wasm share.zip LICENSES.txt image_gen.go; do
		cmp "$one/$file" "$another/$file"
		cmp "$one/$file" "$committed/$file"
	done
	rm -rf "$root"/build/repro-{one,another}
	;;
native)
	work=$(mktemp -d "${TMPDIR:-/tmp}/repro.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work"/{one,another/longer}
	TMPDIR=$work/one "$wasm/images.sh" "$work/one/out"
	TMPDIR=$work/another/longer NATIVE_JOBS=1 "$wasm/images.sh" "$work/another/longer/out"
	diff -r "$work/one/out" "$work/another/longer/out"
	lock native | while read -r file sum; do
		echo "$sum  $work/one/out/$file"
	done | sha256sum --check --quiet
	;;
*) die "usage: repro.sh [modules|native]" ;;
esac
echo "built twice, the same bytes, and those that are committed"
