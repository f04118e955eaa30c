#!/bin/bash
# Inside the sid root: configures PostgreSQL for the guest. The answers are those
# of a 32-bit Linux; libraries that would be linked in come with --with-... here.
set -euo pipefail
B=$1
export PATH=$B/wasm:$PATH
cd "$B/postgresql"
./configure --host=wasm32-unknown-linux-musl --build=x86_64-pc-linux-gnu --with-template=linux --prefix=/pgsql \
	--with-zlib --with-lz4 --with-zstd --with-openssl --with-uuid=e2fs --with-libxml --with-libedit-preferred \
	--with-icu --without-ldap --without-systemd --disable-nls --disable-largefile \
	LZ4_CFLAGS=" " LZ4_LIBS=-llz4 ZSTD_CFLAGS=" " ZSTD_LIBS=-lzstd ICU_CFLAGS=" " ICU_LIBS="-licui18n -licuuc -licudata -lc++" \
	CC=wasm32-cc CXX=wasm32-c++ AR=llvm-ar-22 RANLIB=llvm-ranlib-22 STRIP=llvm-strip-22 ZIC=/usr/sbin/zic PERL=perl \
	CFLAGS="-O2 -Wno-format -fno-builtin-memcpy -fno-builtin-memmove -fno-builtin-memset" CXXFLAGS=-O2 \
	CPPFLAGS="-DEXEC_BACKEND -DWAIT_USE_POLL -DWAIT_USE_SYNC_SIGNALS" >configure.log 2>&1 ||
	{ tail -40 configure.log; exit 1; }
