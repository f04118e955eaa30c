#!/bin/bash
# Builds the extensions of checkmodules/extensions.lock, and one of our own in C++, as side modules, and runs their own tests against a server that
# loads them, once by the engine that it chooses and once by wasmtime; of pgvector, which is built in too, both
# ways. Needs what suites.sh needs, which runs it.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/wasm/lib.sh"
cd "$top"

# fetch PACKAGE FILE SHA256: from the mirror that apt uses, where also versions are that its index no longer names.
fetch() {
	echo "$3  $sources/$2" | sha256sum --check --status 2>/dev/null && return
	local mirror
	# shellcheck disable=SC2016 # apt expands it
	mirror=$(chroot "$root" apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
	mkdir -p "$sources"
	rm -rf "$root/fetch-modules"
	mkdir "$root/fetch-modules"
	sid_online /usr/lib/apt/apt-helper download-file "${mirror}pool/main/${1:0:1}/$1/$2" "/fetch-modules/$2" "SHA256:$3"
	mv "$root/fetch-modules/$2" "$sources/"
	rm -rf "$root/fetch-modules"
}

"$wasm/fetch.sh"
[ -x "$root/build/sdk/sdk/bin/wasm32-c++" ] || "$wasm/build.sh" sdk # older ones have no C++
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=()
while read -r name package file sum; do
	fetch "$package" "$file" "$sum"
	mkdir "$work/$name"
	tar -C "$work/$name" --strip-components=1 -xf "$sources/$file"
	"$wasm/extension.sh" "$work/$name" "$work/$name.modules" OPTFLAGS=
	tests+=("$name=$work/$name=$work/$name.modules")
	[ "$name" != vector ] || tests+=("$name=$work/$name=")
done < <(grep -v '^#' tests/checkmodules/extensions.lock)
"$wasm/extension.sh" tests/checkmodules/cxx "$work/cxx.modules"
tests+=("cxx=tests/checkmodules/cxx=$work/cxx.modules")
go run ./tests/checkmodules -root "$root" -keep tests/out "${tests[@]}"
EMBEDDEDPG_ENGINE=wasmtime go run ./tests/checkmodules -root "$root" -keep tests/out "${tests[@]}"
