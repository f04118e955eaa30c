#!/bin/bash
# Inside the sid root: gathers the guest's /pgsql into $B/out/share.zip (share, and
# stubs in lib and bin, since PostgreSQL looks whether the files are there), and
# the licences of everything linked in into $B/out/LICENSES.txt.
set -euo pipefail
B=$1
export PATH=$B/wasm:$PATH:/usr/sbin TZ=UTC LC_ALL=C
# shellcheck source=SCRIPTDIR/lists.sh
. "$B/wasm/lists.sh"
cd "$B/postgresql"
stage=$B/stage
rm -rf "$stage"
mkdir -p "$stage/pgsql/lib" "$stage/pgsql/bin"

for dir in src/backend/catalog src/backend/utils src/backend/tsearch; do
	make -s -C $dir install-data DESTDIR="$stage"
done
# initdb's templates, which src/backend installs beside the server
for f in libpq/pg_hba.conf libpq/pg_ident.conf utils/misc/postgresql.conf; do
	cp "src/backend/$f.sample" "$stage/pgsql/share/"
done
for dir in src/include/catalog src/timezone src/backend/snowball src/pl/plpgsql/src "${contrib[@]/#/contrib/}"; do
	"${module_make[@]}" -C "$dir" install DESTDIR="$stage"
done
# The world's time zones in place of PostgreSQL's copy of them, which is as old as its release and lacks most history
# before 1970. Debian's package has the source in one file, with all of that history (PACKRATDATA=backzone).
# Fat files: PostgreSQL's reader takes the rule at a slim one's end for true from the last transition on, and zic leaves
# out transitions that change nothing. Pacific/Norfolk then had summer time in 2016, three years early.
dpkg-deb --fsys-tarfile "$B/tzdata.deb" | tar -xO ./usr/share/zoneinfo/tzdata.zi >"$B/tzdata.zi"
rm -r "$stage/pgsql/share/timezone"
zic -b fat -d "$stage/pgsql/share/timezone" "$B/tzdata.zi"
cp src/bin/psql/psqlrc.sample src/interfaces/libpq/pg_service.conf.sample "$stage/pgsql/share/"

rm -rf "$stage/pgsql/include" "$stage/pgsql/share/doc" "$stage"/pgsql/lib/* "$stage"/pgsql/bin/*
while read -r f; do : >"$stage/pgsql/lib/$f"; done <"$B/out/modules"
for f in postgres $(cat "$B/out/tools"); do
	: >"$stage/pgsql/bin/$f"
	chmod 755 "$stage/pgsql/bin/$f"
done
find "$stage" -type f ! -path '*/bin/*' -exec chmod 644 {} +
find "$stage" -type d -exec chmod 755 {} +
find "$stage" -exec touch -h -d 1980-01-01T00:00:00Z {} +
rm -f "$B/out/share.zip"
(cd "$stage" && find pgsql | sort | zip -q -9 -X -@ "$B/out/share.zip")

doc=/usr/share/doc
for part in "PostgreSQL (with the Snowball stemmers):$B/postgresql/COPYRIGHT" "musl:$B/musl/COPYRIGHT" \
	"pgvector:$B/postgresql/contrib/pgvector/LICENSE" "OpenSSL:$B/openssl/LICENSE.txt" "zlib:$B/zlib/LICENSE" \
	"LZ4:$B/lz4/lib/LICENSE" "Zstandard:$B/zstd/LICENSE" "libedit:$B/libedit/COPYING" "libxml2:$B/libxml2/Copyright" \
	"ICU:$B/icu/LICENSE" "libc++, libc++abi and libunwind (LLVM):$B/llvm/libcxx/LICENSE.TXT" \
	"wasi-libc (dlmalloc):$doc/wasi-libc/copyright" "LLVM compiler-rt:$doc/libclang-rt-22-dev-wasm32/copyright"; do
	printf '%s\n\n%s\n\n' "==== ${part%%:*}" "$(cat "${part#*:}")"
done >"$B/out/LICENSES.txt"
