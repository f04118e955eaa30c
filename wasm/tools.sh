#!/bin/bash
# Inside the sid root: builds PostgreSQL's client programs, seals each, and links
# them to $B/out/pgtools.wasm, where argv[0] picks one (port/tools/main.c); and
# initdb to $B/out/initdb.wasm.
set -euo pipefail
B=$1
export PATH=$B/wasm:$PATH
# shellcheck source=SCRIPTDIR/lists.sh
. "$B/wasm/lists.sh"
cd "$B/postgresql"
jobs=-j$(nproc)

for dir in src/common src/port src/fe_utils; do
	make -s "$jobs" -C $dir all
done
for dir in src/bin/initdb "${tool_folders[@]}"; do
	GUEST_LINK=merge make -s "$jobs" -C "$dir" all
done

rm -rf "$B/sealed/tools"
mkdir "$B/sealed/tools"
for tool in "${tools[@]}"; do
	program=$(find "${tool_folders[@]}" -maxdepth 1 -name "$tool" -type f)
	seal.pl "$program" "$B/sealed/tools/$tool.o" "$tool." __main_argc_argv | sed "s/^/$tool /"
done | sort | table.pl >"$B/sealed/tools.s"
printf '%s\n' initdb "${tools[@]}" | sort >"$B/out/tools"
wasm32-cc -c "$B/sealed/tools.s" -o "$B/sealed/tools.o"
wasm32-cc -O2 -c "$B/wasm/port/tools/main.c" -o "$B/sealed/main.o"
wasm32-cc -o "$B/out/pgtools.wasm" "$B/sealed/main.o" "$B/sealed/tools.o" "$B"/sealed/tools/*.o "$B/sysroot/lib/shell.o" \
	src/fe_utils/libpgfeutils.a "$B/sealed/libpq-tools.o" src/common/libpgcommon.a src/port/libpgport.a \
	-ledit -ltermcap -lssl -lcrypto -lz -llz4 -lzstd

# A new cluster needs initdb and none of the others, so it compiles by itself. It
# connects to no server: of libpq the linker keeps the string buffers only, and of
# ICU, which it asks for the names of locales, less than of the data of one language.
wasm32-cc -o "$B/out/initdb.wasm" src/bin/initdb/initdb "$B/sysroot/lib/shell.o" src/fe_utils/libpgfeutils.a \
	src/interfaces/libpq/libpq.a src/common/libpgcommon.a src/port/libpgport.a -licuuc -licudata-initdb -lc++
