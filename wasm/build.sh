#!/bin/bash
# Builds the modules from the fetched sources, without a network, and puts them
# into internal/image. With an argument: builds in that folder of the sid root,
# leaves everything there, and touches no file of ours; in the folder sdk, only
# what extension.sh needs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$wasm/root.sh" --verify
B=/build/${1:-image}
host=$root$B
rm -rf "$host"
mkdir -p "$host"
cp -r "$wasm" "$host/wasm"
for name in musl postgres openssl zlib lz4 zstd libedit libxml2 icu llvm pgvector; do
	case $name in
	postgres) tree=$host/postgresql ;;
	pgvector) tree=$host/postgresql/contrib/pgvector ;;
	*) tree=$host/$name ;;
	esac
	mkdir "$tree"
	parts=()
	[ $name != llvm ] || parts=(--wildcards --no-wildcards-match-slash '*/libcxx/include' '*/libcxx/src' '*/libcxx/vendor' '*/libcxx/LICENSE.TXT'
		'*/libcxxabi/include' '*/libcxxabi/src' '*/libunwind/include' '*/libunwind/src' '*/libc/'{shared,src,hdr,include})
	tar -C "$tree" --strip-components=1 --no-same-owner -xf "$(source_file $name)" "${parts[@]}"
	[ -e "$wasm/patches/$name/series" ] || continue
	while read -r p; do
		patch -s -d "$tree" -p1 <"$wasm/patches/$name/$p"
	done <"$wasm/patches/$name/series"
done
cp "$(source_file tzdata)" "$host/tzdata.deb"

steps=(libc libs cxx icu configure modules tools share pack)
[ "${1:-}" != sdk ] || steps=(libc libs cxx configure sdk)
for step in "${steps[@]}"; do
	echo "== $step"
	sid "$B/wasm/$step.sh" "$B" >"$host/$step.log" 2>&1 || die "$step failed: see $host/$step.log"
done

[ $# = 0 ] || exit 0
cp "$host"/out/{share.zip,LICENSES.txt,image_gen.go} "$image/"
for module in "${native_modules[@]}"; do
	"$wasm/compress.sh" "$host/out/$module.wasm" "$image/$module.wasm.zst"
	rm -f "$image/$module.wasm"
done
# The native code that is there is the old modules'.
(cd "$top" && EMBEDDEDPG_ENGINE=wasmtime go run ./cmd/seed "$image/cluster.zst")
relock output "$image" "${native_modules[@]/%/.wasm.zst}" share.zip LICENSES.txt image_gen.go cluster.zst
echo "now wasm/images.sh makes their native code"
