#!/bin/bash
# Inside the sid root: gathers what extensions are built with into $B/sdk, by
# PGXS, PostgreSQL's own way: its headers and makefiles, those of libc, the
# compiler, and a pg_config. extension.sh uses it.
set -euo pipefail
B=$1
export PATH=$B/wasm:$PATH
cd "$B/postgresql"
sdk=$B/sdk
rm -rf "$sdk"
mkdir -p "$sdk/bin" "$sdk/sysroot"

make -s -j"$(nproc)" -C src/backend generated-headers
make -s -C src install-local DESTDIR="$sdk"
for dir in src/include src/makefiles config; do
	make -s -C $dir install DESTDIR="$sdk"
done
server=$sdk/pgsql/include/server
cp src/pl/plpgsql/src/plpgsql.h "$server/"
for dir in contrib/{cube,hstore,isn,ltree,seg}; do # those that other extensions build on
	mkdir -p "$server/extension/${dir#*/}"
	sed -n 's/^HEADERS[^=]* = //p' "$dir/Makefile" | (cd "$dir" && xargs cp -t "$server/extension/${dir#*/}")
done
cp src/interfaces/libpq/libpq-{fe,events}.h "$sdk/pgsql/include/"
mv "$sdk/pgsql/include" "$sdk/pgsql/lib/pgxs" "$sdk/"
rm -rf "$sdk/pgsql"
cp -r "$B/sysroot/include" "$sdk/sysroot/"
cp "$B/wasm/wasm32-cc" "$B/wasm/layout.sh" "$B/wasm/pg_config" "$sdk/bin/"
