#!/bin/bash
# Makes a module's native code:
#
#	native.sh [-target x86_64|aarch64] [-profile FILE] [-counters] MODULE.wasm FOLDER
#
# writes FOLDER/SHA256.so, under the hash of the module. Needs root.sh and Go, and writes the same bytes on every
# machine; three minutes of processor for postgres.wasm. With -profile functions are laid out by what profile.sh found
# to be run often; with -counters the code counts that. NATIVE_JOBS: compilers at once. NATIVE_WORK: a folder for what
# is in between, which then stays. NATIVE_OBJECTS: a folder of compiled units, for builds that share most of theirs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

target=x86_64 options=()
while [ $# -gt 2 ]; do
	case $1 in
	-target) target=$2 && shift ;;
	-profile) options+=(-profile "$(realpath "$2")") && shift ;;
	-counters) options+=("$1") ;;
	*) die "what is $1?" ;;
	esac
	shift
done
[ $# = 2 ] || die "usage: native.sh [-target x86_64|aarch64] [-profile FILE] [-counters] MODULE.wasm FOLDER"
module=$(realpath "$1") out=$2
hash=$(sha256sum "$module" | cut -c 1-64)
runtime=$top/wasm2llvm/runtime
work=${NATIVE_WORK:-}
if [ -z "$work" ]; then
	work=$(mktemp -d "${TMPDIR:-/tmp}/native.XXXXXX")
	trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$out" "$work"

compile() { # FILE.ll
	local kept=
	if [ -n "${NATIVE_OBJECTS:-}" ]; then
		kept=$NATIVE_OBJECTS/$({ echo "${opt//$work/} $llc" && cat "$1" && { [ ! -e "$work/profile.data" ] || cat "$work/profile.data"; }; } | sha256sum | cut -c 1-64).o
		[ ! -e "$kept" ] || { cp "$kept" "$1.o" && return; }
	fi
	# shellcheck disable=SC2086 # flags are words
	rooted opt $opt "$1" -o "$1.bc" && rooted llc $llc -filetype=obj "$1.bc" -o "$1.o" && rm "$1.bc"
	[ -z "$kept" ] || cp "$1.o" "$kept"
}

# The driver would start itself again, by a loader that may not be here.
runtime_objects() { # SOURCE...
	local flags=(-triple "$target-unknown-linux-gnu" -ffreestanding -std=gnu11 -O2 -mrelocation-model pic -pic-level 2
		-funwind-tables=2 -mframe-pointer=none -fvisibility=hidden -isystem "$runtime/freestanding"
		-isystem "$root/usr/lib/llvm-22/lib/clang/22/include" -I "$top/internal/vm") source
	case $target in
	x86_64) flags+=(-target-cpu x86-64-v2) ;;
	aarch64) flags+=(-target-cpu generic -target-feature +reserve-x18) ;;
	esac
	for source; do
		if [ "${source##*.}" = c ]; then
			rooted clang -cc1 "${flags[@]}" -emit-obj -o "$work/$(basename "$source").o" "$source"
		else
			rooted clang -cc1 "${flags[@]}" -E -x assembler-with-cpp -o "$work/$(basename "$source").s" "$source"
			rooted llvm-mc --triple="$target-unknown-linux-gnu" --filetype=obj -o "$work/$(basename "$source").o" "$work/$(basename "$source").s"
		fi
	done
}

# check_image FILE holds the promises of struct wasm_image (internal/vm/wasm2llvm.h): what a loader without a dynamic
# linker relies on.
check_image() {
	local text
	text=$(rooted llvm-readelf --segments --dynamic --relocations --dyn-syms --wide "$1")
	! grep -E '\(NEEDED\)|\(TEXTREL\)|\(JMPREL\)' <<<"$text" || die "$1 needs a dynamic linker"
	! grep -E ' R_[A-Z0-9_]+' <<<"$text" | grep -v _RELATIVE || die "$1 has relocations that are not RELATIVE"
	! grep -E ' UND +[^ ]' <<<"$text" || die "$1 has undefined symbols"
	! grep -E '^ +TLS ' <<<"$text" || die "$1 has thread-local storage"
	! grep -E '^ +LOAD .* RWE ' <<<"$text" || die "$1 has a segment that is writable and executable"
	! grep -E '^ +LOAD ' <<<"$text" | grep -v ' 0x10000$' || die "$1 has a segment that is not aligned to 64 KiB"
}

said=$(cd "$top" && go run ./cmd/wasm2llvm -target "$target" -stackdepth env.stackdepth -image -symbols -export _start -shards 4 "${options[@]}" "$module" "$work")
[ ! -e "$work/profile.txt" ] || rooted llvm-profdata merge -o "$work/profile.data" "$work/profile.txt"
opt=$(sed -n 's/^opt //p' <<<"$said") llc=$(sed -n 's/^llc //p' <<<"$said")
export root work opt llc
export -f rooted compile
printf '%s\n' "$work"/*.ll | xargs -P "${NATIVE_JOBS:-$(nproc)}" -I{} bash -ec 'compile {}'
sources=("$runtime"/*.[cS])
! grep -q '^side$' <<<"$said" || sources=("$runtime"/{memory,shared,instantiate}.c "$runtime"/side/side.c)
runtime_objects "${sources[@]}"
rooted ld.lld -shared --eh-frame-hdr -Bsymbolic --build-id=none -e wasm_image -z max-page-size=65536 -z pack-relative-relocs -z keep-text-section-prefix \
	--strip-all -o "$work/module.so" "$work"/*.o
check_image "$work/module.so"
mv "$work/module.so" "$out/$hash.so"
