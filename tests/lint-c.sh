#!/bin/bash
# Compiles the C files of internal/vm for each platform they are for, with warnings as errors. It makes nothing.
# A compiler that is missing is installed, or the check fails.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compilers=(amd64:gcc:gcc arm64:aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu)
[ "$(uname -m)" != aarch64 ] || compilers=(amd64:x86_64-linux-gnu-gcc:gcc-x86-64-linux-gnu arm64:gcc:gcc)

# _cgo_export.h declares the functions of Go that C calls.
mapfile -t go < <(CGO_ENABLED=1 go list -f '{{join .CgoFiles "\n"}}' ./internal/vm)
(cd internal/vm && CGO_ENABLED=1 go tool cgo -objdir "$work" -importpath nself.org/embeddedpg/internal/vm -- -std=gnu11 "${go[@]}")

failed=0
for target in "${compilers[@]}"; do
	IFS=: read -r arch compiler package <<<"$target"
	command -v "$compiler" >/dev/null || { [ "$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq "$package" >/dev/null; } || true
	if ! command -v "$compiler" >/dev/null; then
		echo "lint-c: linux/$arch was NOT checked: apt-get install $package" >&2
		failed=1
		continue
	fi
	mapfile -t files < <(CGO_ENABLED=1 GOOS=linux GOARCH=$arch go list -f '{{join .CFiles "\n"}}' ./internal/vm)
	[ "${#files[@]}" -gt 5 ] || { echo "lint-c: only ${#files[@]} C files for linux/$arch" >&2 && exit 1; }
	for file in "${files[@]}"; do
		"$compiler" -std=gnu11 -O2 -Wall -Wextra -Werror -I "$work" -I internal/vm -c "internal/vm/$file" -o "$work/out.o" || failed=1
	done
	echo "lint-c: linux/$arch: ${#files[@]} files"
done
exit "$failed"
