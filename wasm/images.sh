#!/bin/bash
# Makes the native code of the committed modules, by the committed profile, for every processor, and packs it into
# internal/image/native. Needs root.sh and Go; twelve minutes of processor, no network. With an argument: writes into that
# folder instead, and touches no file of ours.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$wasm/root.sh" --verify
out=${1:-$image/native}
work=$(mktemp -d "${TMPDIR:-/tmp}/images.XXXXXX")
trap 'rm -rf "$work"' EXIT
files=()
for module in "${native_modules[@]}"; do
	profile=$(profile_file "$module")
	wasm_file "$module" "$work"
	for target in x86_64=amd64 aarch64=arm64; do
		file=${target#*=}/$module.zst
		"$wasm/native.sh" -target "${target%=*}" -profile "$profile" "$work/$module.wasm" "$work/image"
		mkdir -p "$(dirname "$out/$file")"
		"$wasm/compress.sh" "$work/image"/*.so "$out/$file"
		rm "$work/image"/*.so
		files+=("$file")
	done
done
[ $# != 0 ] || relock native "$out" "${files[@]}"
