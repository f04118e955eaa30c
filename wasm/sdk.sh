#!/bin/bash
# Inside the sid root: gathers what extensions are built with into $B/sdk, by
# PGXS, PostgreSQL's own way: its headers and makefiles, libc and the C++ library,
# the compiler, and a pg_config. extension.sh uses it.
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
# Programs can be linked, too, as the tests of configure scripts are, but of libraries there are only these.
mkdir "$sdk/sysroot/lib"
cp -r "$B/sysroot/include" "$sdk/sysroot/"
cp "$B"/sysroot/lib/{start.o,libc.a,libc++.a,libc++abi.a} "$sdk/sysroot/lib/"
cp -P "$B"/wasm/{wasm32-cc,wasm32-c++,layout.sh,pg_config,seal.pl,guard.pl} "$sdk/bin/"

# What side modules are linked with besides: port/cxx.
export PATH=$sdk/bin:$PATH
wasm32-cc -fPIC -c "$B/wasm/port/cxx/tls.s" -o "$B/tls.o"
llvm-ar-22 qcsD "$sdk/sysroot/lib/libside.a" "$B/tls.o"
wasm32-c++ -O2 -fPIC "-ffile-prefix-map=$B=." -I"$sdk/include/server" -c "$B/wasm/port/cxx/guard.cpp" -o "$sdk/sysroot/lib/guard.o"
