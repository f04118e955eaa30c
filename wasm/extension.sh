#!/bin/bash
# Builds an extension as a side module, which a server loads at run time:
#
#	extension.sh SOURCE OUT [MAKE ARGUMENT...]
#
# SOURCE is the folder of an extension whose makefile uses PGXS; it is not written
# to. OUT gets NAME.so, NAME.control and the SQL files, and is what
# Config.ExtensionDirs names. Needs what build.sh needs, and one run of "build.sh sdk".
# EXTENSION_FOLDER: the folder of the makefile within SOURCE. EXTENSION_PREPARE: a command to run in SOURCE first.
# With Go (GO=: none) each NAME.so also holds native code for both processors;
# without it a server that has such a module compiles it, and itself, and runs slower.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ $# -ge 2 ] || die "usage: extension.sh SOURCE OUT [MAKE ARGUMENT...]"
source=$(realpath "$1") out=$2
shift 2
"$wasm/root.sh" --verify
sdk=${EMBEDDEDPG_SDK:-/build/sdk/sdk} # in the root
[ -x "$root$sdk/bin/pg_config" ] || die "no $sdk in $root: run wasm/build.sh sdk"

work=$(mktemp -d "$root/build/extension.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -r "$source" "$work/source"
in=${work#"$root"}
tools=(GUEST_LINK=side "PATH=$sdk/bin:/usr/sbin:/usr/bin:/sbin:/bin")
[ -z "${EXTENSION_PREPARE:-}" ] || sid env -C "$in/source" "${tools[@]}" bash -ec "$EXTENSION_PREPARE"
pgxs=("${tools[@]}" make -s -C "$in/source/${EXTENSION_FOLDER:-}" PG_CONFIG=pg_config "$@")
sid env "${pgxs[@]}" all
sid env "${pgxs[@]}" install DESTDIR="$in/stage"

targets=(x86_64 aarch64) go=${GO-go}
if ! command -v "$go" >/dev/null; then
	echo "extension.sh: no Go, so the modules get no native code: servers compile them, and run slower" >&2
	targets=()
fi

mkdir -p "$out"
for folder in lib share/extension; do
	[ ! -d "$work/stage/pgsql/$folder" ] || find "$work/stage/pgsql/$folder" -maxdepth 1 -type f -exec cp -t "$out" {} +
done
shopt -s nullglob # it may be SQL alone
for so in "$work"/stage/pgsql/lib/*.so; do
	sid llvm-strip-22 --strip-all "${so#"$root"}" -o "$in/stripped"
	for target in "${targets[@]}"; do
		"$wasm/native.sh" -target "$target" "$work/stripped" "$work/native-$target"
	done
	for target in "${targets[@]}"; do # only now, as the code is made of the module without any
		(cd "$top" && "$go" run ./cmd/wasm2llvm -target "$target" -attach "$work/native-$target"/*.so "$work/stripped")
		rm -r "$work/native-$target"
	done
	install -m 644 "$work/stripped" "$out/$(basename "$so")"
done
