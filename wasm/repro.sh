#!/bin/bash
# Builds twice, in folders with different names, and compares with each other and
# with the committed files, byte by byte.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$wasm/build.sh" repro-one
"$wasm/build.sh" repro-another/longer
for file in postgres.wasm initdb.wasm pgtools.wasm share.zip LICENSES.txt image_gen.go; do
	cmp "$root/build/repro-one/out/$file" "$root/build/repro-another/longer/out/$file"
	cmp "$root/build/repro-one/out/$file" "$image/$file"
done
rm -rf "$root"/build/repro-{one,another}
echo "built twice, the same bytes, and those that are committed"
