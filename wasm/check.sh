#!/bin/bash
# Checks, without building: are the committed modules those of wasm.lock, and is
# what was generated from our own files up to date?
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lock output | while read -r file sum; do
	echo "$sum  $image/$file"
done | sha256sum --check --quiet || die "internal/image holds other files than wasm.lock names"

# The contract with the guest is generated from musl's table, which is fetched into the sid root.
if [ -e "$root/.complete" ]; then
	"$wasm/fetch.sh" musl >/dev/null
	new=$(mktemp -d)
	trap 'rm -rf "$new"' EXIT
	"$wasm/abi.sh" "$new"
	for file in internal/abi/abi_gen.go internal/vm/abi_gen.h; do
		cmp -s "$new/$file" "$top/$file" || die "$file is old: run wasm/abi.sh"
	done
else
	echo "${0##*/}: internal/abi/abi_gen.go and internal/vm/abi_gen.h were NOT compared: that needs the sid root (wasm/root.sh)"
fi
