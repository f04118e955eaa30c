#!/bin/bash
# Builds the extensions of this folder as side modules, with native code for both processors:
#
#	build.sh [-anew] [NAME...]
#
# Each NAME/recipe says where the source is from and how it is built. What comes out goes to depot/modules/NAME in the
# cache folder, and the source it was built from, for its tests, to depot/source/NAME. What is built already, by the
# same recipe and the same tools, is not built again; -anew: everything is. Needs what wasm/build.sh needs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../wasm/lib.sh"
depot=$cache/depot
sdk=${EMBEDDEDPG_SDK:-/build/sdk/sdk} # in the root
libraries=/build/depot/lib            # there too

anew=
[ "${1:-}" != -anew ] || { anew=1 && shift; }
[ -x "$root$sdk/bin/pg_config" ] || "$wasm/build.sh" sdk
mkdir -p "$depot"/{source,modules,key,log} "$root$libraries"

# field RECIPE WORD prints the lines of a recipe that begin with that word, without it.
field() {
	sed -n "s/^$2 //p" "$1/recipe"
}

# key FOLDER... hashes the recipes, and what builds them.
key() {
	{
		cat "$wasm"/{extension.sh,native.sh,wasm32-cc,pg_config} "$here/build.sh"
		[ ! -e "$wasm/wasm32-c++" ] || cat "$wasm/wasm32-c++"
		(cd "$root$sdk" && find include pgxs sysroot -type f -print0 | sort -z | xargs -0 sha256sum)
		(cd "$top" && find wasm2llvm cmd/wasm2llvm internal/vm/wasm2llvm.h -type f ! -name '*_test.go' -print0 | sort -z | xargs -0 cat)
		for folder; do (cd "$folder" && find . -type f -print0 | sort -z | xargs -0 sha256sum); done
	} | sha256sum | cut -c 1-64
}

# unpack FOLDER TO: fetches the source that a recipe names, checks it, and applies our patches.
unpack() {
	local package version file sum patch
	read -r package version file sum < <(field "$1" source)
	"$here/fetch.sh" "$package" "$version" "$file" "$sum"
	rm -rf "$2"
	mkdir -p "$2"
	tar -C "$2" --strip-components=1 --no-same-owner -xf "$sources/$file"
	for patch in "$1"/*.patch; do
		[ ! -e "$patch" ] || patch -s -d "$2" -p1 <"$patch"
	done
}

# library NAME builds a C or C++ library that extensions link, by lib/NAME/build.
library() {
	local folder=$here/lib/$1 prefix=$libraries/$1 new needs
	mapfile -t needs < <(field "$folder" library)
	for l in "${needs[@]}"; do library "$l"; done
	new=$(key "$folder" "${needs[@]/#/$here/lib/}")
	[ "$new" != "$(cat "$root$prefix/key" 2>/dev/null)" ] || return 0
	echo "library $1"
	unpack "$folder" "$root$prefix.source"
	cp "$folder/build" "$root$prefix.source/build.sh"
	rm -rf "${root:?}$prefix"
	sid env -C "$prefix.source" "PATH=$sdk/bin:/usr/sbin:/usr/bin:/sbin:/bin" GUEST_LINK=side "PREFIX=$prefix" "LIBRARIES=$libraries" \
		bash -euo pipefail build.sh >"$depot/log/$1" 2>&1 || die "library $1: see $depot/log/$1"
	echo "$new" >"$root$prefix/key"
	rm -rf "$root$prefix.source"
}

# extension NAME
extension() {
	local name=$1 folder=$here/$1 libs new args place l
	mapfile -t libs < <(field "$folder" library)
	for l in "${libs[@]}"; do library "$l"; done
	new=$(key "$folder" "${libs[@]/#/$here/lib/}")
	[ -n "$anew" ] || [ "$new" != "$(cat "$depot/key/$name" 2>/dev/null)" ] || return 0
	unpack "$folder" "$depot/source/$name"
	mapfile -t args < <(field "$folder" make | xargs -rn 1 | sed -E "s#\{([^}]*)\}#$libraries/\1#g")
	place=$(field "$folder" folder)
	rm -rf "$depot/modules/$name" "$depot/key/$name"
	EXTENSION_FOLDER=$place EXTENSION_PREPARE=$(field "$folder" prepare) "$wasm/extension.sh" "$depot/source/$name" "$depot/modules/$name" USE_PGXS=1 "${args[@]}" \
		>"$depot/log/$name" 2>&1 || { echo "build.sh: $name: see $depot/log/$name" >&2 && return 1; }
	# A call of a function that is declared with another type than it has is a trap.
	! grep 'function signature mismatch' "$depot/log/$name" >&2 || return 1
	{
		cat "$folder/recipe"
		for l in "${libs[@]}"; do cat "$here/lib/$l/recipe"; done
	} >"$depot/modules/$name/recipe"
	[ -z "$(field "$folder" notice)" ] || cat "$depot/source/$name/$(field "$folder" notice)" >"$depot/modules/$name/notice"
	echo "$new" >"$depot/key/$name"
	echo "$name"
}

names=("$@")
[ $# != 0 ] || mapfile -t names < <(cd "$here" && printf '%s\n' */recipe | cut -d / -f 1)
failed=0
for name in "${names[@]}"; do
	(extension "$name") || failed=1
done
exit $failed
