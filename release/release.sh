#!/bin/bash
# Builds nself for each platform and packs it: archives, Debian and RPM packages, a Homebrew formula, and their sums, in a folder.
# The version is git's. The same commit gives the same bytes, by the same Go and compilers: release.sh twice, and diff -r.
#
#	release.sh FOLDER [URL]   URL is where its files will be, for the formula
#
# Needs gcc for both processors, and npm's zig for macOS (tests/darwin.sh). The Linux programs are linked statically: they
# run on every distribution, and in an empty container.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:?usage: release.sh FOLDER [URL]}")
url=${2:-https://nself.org/releases}
[ -z "$(git status --porcelain)" ] || { git status --short && echo "release: commit first: the version is that of a commit" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C GOFLAGS="-trimpath -buildvcs=true" GOTOOLCHAIN=local

for target in amd64:gcc arm64:aarch64-linux-gnu-gcc; do
	arch=${target%:*}
	echo "linux/$arch"
	# Without a build ID of the linker's: it depends on names of temporary files.
	CGO_ENABLED=1 GOOS=linux GOARCH=$arch CC=${target#*:} go build -tags netgo,osusergo \
		-ldflags '-s -w -buildid= -linkmode external -extldflags "-static -Wl,--build-id=none"' -o "$work/nself-linux-$arch" ./cmd/nself
done
for arch in amd64 arm64; do
	echo "darwin/$arch"
	tests/darwin.sh build "$arch" "$work/nself-darwin-$arch"
done

mkdir "$work/completions"
"$work/nself-linux-amd64" completion bash >"$work/completions/nself.bash"
"$work/nself-linux-amd64" completion zsh >"$work/completions/_nself"
"$work/nself-linux-amd64" completion fish >"$work/completions/nself.fish"
go test ./cmd/nself -count=1 -run '^TestMan$' -man "$work/man"

rm -rf "$out"
mkdir -p "$out"
cp release/Dockerfile "$out/"
(cd release && GOFLAGS=-trimpath go test -count=1 . && go run . -built "$work" -out "$out" -url "$url" -time "$(git log -1 --format=%ct)")
ls -l "$out"
