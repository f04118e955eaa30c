#!/bin/bash
# Builds the modules from the fetched sources, without a network, and puts them
# into internal/image. With an argument: builds in that folder of the sid root,
# leaves everything there, and touches no file of ours; in the folder sdk, only
# what extension.sh needs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$wasm/root.sh" --verify
B=/build/${1:-image}
host=$root$B
rm -rf "$host"
mkdir -p "$host"
cp -r "$wasm" "$host/wasm"
tar -C "$host" --transform 's,^musl-[^/]*,musl,' -xf "$(source_file musl)"
tar -C "$host" --transform 's,^postgresql-[^/]*,postgresql,' -xf "$(source_file postgres)"

for tree in musl postgresql; do
	while read -r p; do
		patch -s -d "$host/$tree" -p1 <"$wasm/patches/${tree%ql}/$p"
	done <"$wasm/patches/${tree%ql}/series"
done

steps=(libc configure modules tools share pack)
[ "${1:-}" != sdk ] || steps=(libc configure sdk)
for step in "${steps[@]}"; do
	echo "== $step"
	sid "$B/wasm/$step.sh" "$B" >"$host/$step.log" 2>&1 || die "$step failed: see $host/$step.log"
done

[ $# = 0 ] || exit 0
cp "$host"/out/{postgres.wasm,pgtools.wasm,share.zip,LICENSES.txt,image_gen.go} "$image/"
new=$(mktemp)
{
	grep -v '^output ' "$wasm/wasm.lock"
	cd "$image"
	sha256sum postgres.wasm pgtools.wasm share.zip LICENSES.txt image_gen.go | awk '{ print "output", $2, $1 }'
} >"$new"
mv "$new" "$wasm/wasm.lock"
