# shellcheck shell=bash disable=SC2034,SC2016
# Sourced by the other scripts: where things are, and reading wasm.lock.

wasm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$wasm")
image=$top/internal/image
cache=${EMBEDDEDPG_CACHE:-$HOME/.cache/embeddedpg}
root=$cache/sid
sources=$cache/sources
export LC_ALL=C

native_modules=(postgres initdb pgtools) # that have native code

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# lock KIND prints the lines of wasm.lock of that kind, without the kind.
lock() {
	awk -v kind="$1" '$1 == kind { $1 = ""; sub(/^ /, ""); print }' "$wasm/wasm.lock"
}

# relock KIND FOLDER FILE... writes wasm.lock's lines of that kind, KIND FILE SHA256, anew.
relock() {
	local kind=$1 folder=$2 new
	new=$(mktemp)
	{
		grep -v "^$kind " "$wasm/wasm.lock"
		(cd "$folder" && sha256sum "${@:3}") | awk -v kind="$kind" '{ print kind, $2, $1 }'
	} >"$new"
	cat "$new" >"$wasm/wasm.lock"
	rm "$new"
}

# wasm_file MODULE FOLDER puts a committed module's WebAssembly into a folder.
wasm_file() {
	if [ -e "$image/$1.wasm.zst" ]; then
		rooted zstd -q -d -f "$image/$1.wasm.zst" -o "$2/$1.wasm"
	else
		cp "$image/$1.wasm" "$2/"
	fi
}

# profile_file MODULE prints the path of a module's profile, once its hash is right.
profile_file() {
	local file sum
	while read -r file sum; do
		[ "$file" = "$1.zst" ] || continue
		echo "$sum  $wasm/profile/$file" | sha256sum --check --status || die "wasm/profile/$file is not the one of wasm.lock"
		echo "$wasm/profile/$file"
		return
	done < <(lock profile)
	die "wasm.lock names no profile of $1"
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

# rooted PROGRAM ARGUMENT... runs a program of the root on this system's files, without root's rights.
rooted() {
	local program=$root/usr/bin/$1
	[ -e "$program" ] || program=$root/usr/lib/llvm-22/bin/$1
	"$root/lib64/ld-linux-x86-64.so.2" --argv0 "$1" --library-path "$root/usr/lib/x86_64-linux-gnu" "$program" "${@:2}"
}

# sid COMMAND... runs a command in the sid root, with /proc, and without a network.
# sid_online COMMAND... with one.
sid() { in_root --net "$@"; }
sid_online() { in_root --mount "$@"; }

in_root() { # UNSHARE_OPTION COMMAND...
	unshare --mount --pid --fork --kill-child "$1" -- sh -c \
		'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "${@:2}"
}
