#!/bin/bash
# Inside the sid root: builds the libraries that PostgreSQL is linked with into
# $B/sysroot, each from its folder in $B.
set -euo pipefail
B=$1
export PATH=$B/wasm:$PATH SOURCE_DATE_EPOCH=0
sysroot=$B/sysroot jobs=-j$(nproc)
ar=llvm-ar-22 ranlib=llvm-ranlib-22 cflags="-O2 -w"

(
	cd "$B/zlib"
	CC=wasm32-cc AR=$ar RANLIB=$ranlib CFLAGS="$cflags" ./configure --static
	make -s "$jobs" libz.a
	cp libz.a "$sysroot/lib/"
	cp zlib.h zconf.h "$sysroot/include/"
)

make -s "$jobs" -C "$B/lz4/lib" liblz4.a CC=wasm32-cc AR=$ar TARGET_OS=Linux CFLAGS="$cflags"
cp "$B"/lz4/lib/liblz4.a "$sysroot/lib/"
cp "$B"/lz4/lib/lz4{,hc,frame}.h "$sysroot/include/"

make -s "$jobs" -C "$B/zstd/lib" libzstd.a CC=wasm32-cc AR=$ar CFLAGS="$cflags" UNAME=Linux \
	ZSTD_LEGACY_SUPPORT=0 ZSTD_LIB_DEPRECATED=0 ZSTD_LIB_DICTBUILDER=0 ZSTD_NO_ASM=1
cp "$B/zstd/lib/libzstd.a" "$sysroot/lib/"
cp "$B"/zstd/lib/zstd{,_errors}.h "$sysroot/include/"

# What PostgreSQL's TLS, pgcrypto and sslinfo need, and no more. Every algorithm
# of the legacy provider is left out, as it is not active in Debian's either.
without=(
	asm threads shared dso engine module tests apps docs async ui-console atexit pinshared filenames
	secure-memory autoload-config http comp cms ts cmp ct srp srtp psk dtls quic ocsp rfc3779 sctp ktls afalgeng
	ssl3 ssl3-method tls1 tls1-method tls1_1 tls1_1-method
	legacy gost sm2 sm3 sm4 aria camellia seed idea rc2 rc4 md4 mdc2 whirlpool scrypt siv ocb dsa ec2m
	ml-dsa ml-kem slh-dsa
)
(
	cd "$B/openssl"
	perl Configure linux-generic32 CC=wasm32-cc AR=$ar RANLIB=$ranlib CFLAGS="$cflags" --libdir=lib \
		--prefix=/pgsql --openssldir=/pgsql/etc/ssl --with-rand-seed=getrandom "${without[@]/#/no-}"
	make -s "$jobs" build_generated
	make -s "$jobs" libcrypto.a libssl.a
	cp libcrypto.a libssl.a "$sysroot/lib/"
	rm -rf "$sysroot/include/openssl"
	mkdir "$sysroot/include/openssl"
	cp include/openssl/*.h "$sysroot/include/openssl/"
)

# archive NAME FILE... compiles C files of our own to lib/libNAME.a.
archive() {
	local name=$1 f
	local -a objects=()
	for f in "${@:2}"; do
		wasm32-cc -O2 -I"$B/wasm/port/libs" -c "$f" -o "$B/$(basename "$f" .c).o"
		objects+=("$B/$(basename "$f" .c).o")
	done
	rm -f "$sysroot/lib/lib$name.a"
	$ar qcsD "$sysroot/lib/lib$name.a" "${objects[@]}"
}
archive uuid "$B/wasm/port/libs/uuid/uuid.c"
mkdir -p "$sysroot/include/uuid"
cp "$B/wasm/port/libs/uuid/uuid.h" "$sysroot/include/uuid/"
archive termcap "$B/wasm/port/libs/termcap.c"
cp "$B/wasm/port/libs/curses.h" "$sysroot/include/"

(
	cd "$B/libedit"
	./configure --host=wasm32-unknown-linux-musl --build=x86_64-pc-linux-gnu --disable-shared --disable-examples \
		CC=wasm32-cc AR=$ar RANLIB=$ranlib NM=llvm-nm-22 STRIP=llvm-strip-22 CFLAGS="$cflags -D__STDC_ISO_10646__=201103L"
	make -s "$jobs" -C src
	cp src/.libs/libedit.a "$sysroot/lib/"
	cp src/histedit.h "$sysroot/include/"
	mkdir -p "$sysroot/include/editline"
	cp src/editline/readline.h "$sysroot/include/editline/"
)

# What PostgreSQL's headers include; icu.sh builds the library.
cp -r "$B"/icu/source/{common,i18n}/unicode "$sysroot/include/"

# The parser, trees, XPath, and what writes XML: what the type xml and xml2 call.
# Encodings are PostgreSQL's to convert. LIBXML_STATIC: nothing to do at exit.
(
	cd "$B/libxml2"
	./configure --host=wasm32-unknown-linux-musl --build=x86_64-pc-linux-gnu --disable-shared --with-minimum \
		--with-output --with-push --with-sax1 --with-writer --with-xpath PKG_CONFIG=true \
		CC=wasm32-cc AR=$ar RANLIB=$ranlib NM=llvm-nm-22 STRIP=llvm-strip-22 CFLAGS="$cflags -DLIBXML_STATIC"
	make -s "$jobs" libxml2.la
	cp .libs/libxml2.a "$sysroot/lib/"
	mkdir -p "$sysroot/include/libxml"
	cp include/libxml/*.h "$sysroot/include/libxml/"
)
