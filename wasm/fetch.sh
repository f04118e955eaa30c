#!/bin/bash
# Fetches the sources of wasm.lock, by apt inside the sid root, and checks them.
# The one step, after root.sh, that needs a network.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

mkdir -p "$sources"
lock source | while read -r name package version file sum; do
	if ! echo "$sum  $sources/$file" | sha256sum --check --status 2>/dev/null; then
		rm -rf "$root/fetch"
		mkdir "$root/fetch"
		sid_online sh -c "cd /fetch && apt-get source --download-only --tar-only '$package=$version'"
		mv "$root/fetch/$file" "$sources/"
		rm -rf "$root/fetch"
	fi
	source_file "$name"
done
