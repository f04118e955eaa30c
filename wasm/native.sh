#!/bin/bash
# Makes a module's native code for linux/amd64: native.sh MODULE.wasm FOLDER writes FOLDER/SHA256.so, under the
# hash of the module, which is where EMBEDDEDPG_NATIVE has the program look for it. Needs root.sh,
# Go and a C compiler; two to six minutes of processor for postgres.wasm. NATIVE_JOBS: compilers at once.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ $# = 2 ] || die "usage: native.sh MODULE.wasm FOLDER"
module=$(realpath "$1") out=$2
hash=$(sha256sum "$module" | cut -c 1-64)
runtime=$top/internal/wasm2llvm/runtime
work=$(mktemp -d "${TMPDIR:-/tmp}/native.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# llvm PROGRAM ARGUMENT... runs a program of the root on this system's files.
llvm() {
	"$root/lib64/ld-linux-x86-64.so.2" --argv0 "$1" --library-path "$root/usr/lib/x86_64-linux-gnu" "$root/usr/lib/llvm-22/bin/$1" "${@:2}"
}

compile() { # FILE.ll
	# shellcheck disable=SC2086 # flags are words
	llvm opt $opt "$1" -o "$1.bc" && llvm llc $llc -filetype=obj "$1.bc" -o "$1.o" && rm "$1.bc"
}

flags=$(cd "$top" && go run ./cmd/wasm2llvm -stackdepth env.stackdepth -image -symbols -export _start "$module" "$work")
opt=$(sed -n 's/^opt //p' <<<"$flags") llc=$(sed -n 's/^llc //p' <<<"$flags")
export root opt llc
export -f llvm compile
printf '%s\n' "$work"/*.ll | xargs -P "${NATIVE_JOBS:-$(nproc)}" -I{} bash -c 'compile {}'
sources=("$runtime"/*.[cS])
! grep -q '^side$' <<<"$flags" || sources=("$runtime"/{memory,shared,instantiate}.c "$runtime"/side/side.c)
for source in "${sources[@]}"; do
	cc -std=gnu11 -O2 -fPIC -fvisibility=hidden -ffreestanding -I"$top/internal/vm" -c -o "$work/$(basename "$source").o" "$source"
done
llvm ld.lld -shared --eh-frame-hdr -Bsymbolic --build-id=none -e wasm_image -z max-page-size=65536 -z pack-relative-relocs -o "$work/module.so" "$work"/*.o
mv "$work/module.so" "$out/$hash.so"
