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
	new=$(mktemp)
	trap 'rm -f "$new"' EXIT
	"$wasm/abi.sh" "$new"
	cmp -s "$new" "$top/internal/kernel/abi_gen.go" || die "internal/kernel/abi_gen.go is old: run wasm/abi.sh"
else
	echo "${0##*/}: internal/kernel/abi_gen.go was NOT compared: that needs the sid root (wasm/root.sh)"
fi
