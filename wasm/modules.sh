#!/bin/bash
# Inside the sid root: builds the loadable modules, seals each, and links them
# with the server to $B/out/postgres.wasm.
set -euo pipefail
B=$1
export PATH=$B/wasm:$PATH
# shellcheck source=SCRIPTDIR/lists.sh
. "$B/wasm/lists.sh"
cd "$B/postgresql"
jobs=-j$(nproc)

make -s "$jobs" -C src/backend generated-headers

# In a function that calls setjmp, clang surrounds each call with what a jump back
# may need, so that what it inlines there gets larger and not faster. In these
# files it inlines what is declared inline, and nothing else.
for file in "${setjmp_files[@]}"; do
	make -s -C "src/backend/${file%/*}" COPT=-finline-hint-functions "${file##*/}.o"
done
make -s "$jobs" -C src/backend all

# libpq as its shared library would be: whole, with its own copies of what it
# shares with the server, and only its exports to be seen. Where the server
# exports the same function, its own is the one, as in a native server.
for lib in src/common:libpgcommon_shlib.a src/port:libpgport_shlib.a src/interfaces/libpq:libpq.a; do
	make -s "$jobs" -C "${lib%:*}" "${lib#*:}"
done
mkdir -p "$B/sealed" "$B/out"
wasm-ld-22 -r -o libpq.o --whole-archive src/interfaces/libpq/libpq.a --no-whole-archive \
	src/common/libpgcommon_shlib.a src/port/libpgport_shlib.a
awk '!/^#/ && NF { print $1 }' src/interfaces/libpq/exports.txt | sort >libpq.exports
find src/backend src/timezone -name '*.o' -exec llvm-nm-22 --defined-only --extern-only --just-symbol-name {} + |
	sort -u >server.symbols
comm -23 libpq.exports server.symbols | xargs seal.pl libpq.o "$B/sealed/libpq.o" '' >/dev/null
xargs seal.pl libpq.o "$B/sealed/libpq-tools.o" '' <libpq.exports >/dev/null

for dir in "${server_modules[@]}" "${contrib[@]/#/contrib/}"; do
	"${module_make[@]}" -C "$dir" all
done
make -s "$jobs" -C src/test/regress regress.so

rm -rf "$B/sealed/server"
mkdir "$B/sealed/server"
mapfile -t found < <(for dir in "${server_modules[@]}" "${contrib[@]/#/contrib/}" src/test/regress; do
	find "$dir" -name '*.so' -type f
done | sort)
for so in "${found[@]}"; do
	module=$(basename "$so" .so)
	seal.pl "$so" "$B/sealed/server/$module.o" "${module//-/_}." | sort | sed "s/^/$module /"
done | table.pl >"$B/sealed/modules.s"
printf '%s\n' "${found[@]##*/}" | sort >"$B/out/modules"
wasm32-cc -c "$B/sealed/modules.s" -o "$B/sealed/modules.o"

# Side modules call what the server exports: its own, libpq's and libc's, but not
# the libraries it is linked with, of which the linker keeps only what is called.
# Their functions take the slots of its table below the server's own. A table of
# fixed size is read faster.
{
	echo __stack_pointer __heap_base __c_longjmp __cpp_exception
	cat server.symbols libpq.exports
	llvm-nm-22 --defined-only --extern-only --just-symbol-name "$B/sysroot/lib/libc.a" \
		src/common/libpgcommon_srv.a src/port/libpgport_srv.a | grep -v ':$'
} | tr ' ' '\n' | grep . | sort -u | sed 's/^/--export-if-defined=/' >"$B/exports"
rm -f src/backend/postgres
make -s -C src/backend postgres \
	LIBS="$B/sealed/server/*.o $B/sealed/modules.o $B/sealed/libpq.o -lssl -lcrypto -lz -llz4 -lzstd -lxml2 -luuid -licui18n -licuuc -licudata -lc++" \
	LDFLAGS_EX_BE="-Wl,--export-table -Wl,--table-base=16384 -Wl,@$B/exports"
cp src/backend/postgres "$B/out/postgres.wasm"
