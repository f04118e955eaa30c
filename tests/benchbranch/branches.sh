#!/bin/bash
# Measures branches on loop-mounted file systems with and without shared blocks. Needs root, xfsprogs and btrfs-progs.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "needs root: it mounts file systems" >&2; exit 1; }
for tool in mkfs.xfs mkfs.btrfs; do
	command -v $tool >/dev/null || { apt-get update -qq && apt-get install -y -qq xfsprogs btrfs-progs; }
done
work=$(mktemp -d)
mounted=()
cleanup() {
	for dir in "${mounted[@]}"; do umount "$dir"; done
	rm -rf "$work"
}
trap cleanup EXIT
(cd "$top" && go build -o "$work/bench" ./tests/benchbranch)

measure() { # name, command that makes the file system
	local name=$1
	shift
	truncate -s 3G "$work/$name.img"
	"$@" "$work/$name.img"
	mkdir "$work/$name"
	mount -o loop "$work/$name.img" "$work/$name"
	mounted+=("$work/$name")
	"$work/bench" -name "$name" -dir "$work/$name"
}

measure xfs-reflink mkfs.xfs -q -m reflink=1
measure btrfs mkfs.btrfs -q
measure xfs-without-reflink mkfs.xfs -q -m reflink=0
measure ext4 mkfs.ext4 -q
uptime
