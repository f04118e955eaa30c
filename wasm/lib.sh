# shellcheck shell=bash disable=SC2034,SC2016
# Sourced by the other scripts: where things are, and reading wasm.lock.

wasm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$wasm")
image=$top/internal/image
cache=${EMBEDDEDPG_CACHE:-$HOME/.cache/embeddedpg}
root=$cache/sid
sources=$cache/sources
export LC_ALL=C

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# lock KIND prints the lines of wasm.lock of that kind, without the kind.
lock() {
	awk -v kind="$1" '$1 == kind { $1 = ""; sub(/^ /, ""); print }' "$wasm/wasm.lock"
}

# source_file NAME prints the path of a fetched source, once its hash is right.
source_file() {
	local name package version file sum
	while read -r name package version file sum; do
		[ "$name" = "$1" ] || continue
		echo "$sum  $sources/$file" | sha256sum --check --status ||
			die "$package $version: $file is missing or not the one of wasm.lock; run wasm/fetch.sh"
		echo "$sources/$file"
		return
	done < <(lock source)
	die "wasm.lock names no source $1"
}

# sid COMMAND... runs a command in the sid root, with /proc, and without a network.
# sid_online COMMAND... with one.
sid() { in_root --net "$@"; }
sid_online() { in_root --mount "$@"; }

in_root() { # UNSHARE_OPTION COMMAND...
	unshare --mount --pid --fork --kill-child "$1" -- sh -c \
		'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "${@:2}"
}
