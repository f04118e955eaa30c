#!/bin/bash
# Checks, without building: are the committed modules, the profile and the native code those of
# wasm.lock, and is what was generated from our own files up to date?
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# check KIND FOLDER: the lock's files of that kind are in the folder as they should be, and no others that are made like them.
check() {
	local listed made
	listed=$(lock "$1")
	made=$([ ! -d "$2" ] || find "$2" -name '*.zst' -printf '%P\n' | sort)
	[ "$1" = output ] || [ "$made" = "$(awk '{ print $1 }' <<<"$listed" | sort)" ] || die "$2 and wasm.lock name different files"
	[ -z "$listed" ] || (cd "$2" && awk '{ print $2 "  " $1 }' <<<"$listed" | sha256sum --check --quiet) || die "$2 holds other files than wasm.lock names"
}

check output "$image"
check profile "$wasm/profile"
check native "$image/native"

# The contract with the guest is generated from musl's table, which is fetched into the sid root.
if [ ! -e "$root/.complete" ]; then
	why="that needs the sid root (wasm/root.sh)"
elif ! "$wasm/fetch.sh" musl >/dev/null 2>&1; then
	why="musl as wasm.lock names it cannot be had: make update brings the lock up to date, where the network is not at fault"
fi
if [ -z "${why:-}" ]; then
	new=$(mktemp -d)
	trap 'rm -rf "$new"' EXIT
	"$wasm/abi.sh" "$new"
	for file in internal/abi/abi_gen.go internal/vm/abi_gen.h; do
		cmp -s "$new/$file" "$top/$file" || die "$file is old: run wasm/abi.sh"
	done
else
	"$top/tests/stage.sh" --did-not-run "generated contract with the guest" "internal/abi/abi_gen.go and internal/vm/abi_gen.h were not compared: $why"
fi
