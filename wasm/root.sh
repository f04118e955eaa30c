#!/bin/bash
# Makes the sid root that everything is built in, once; later runs check it, and add what the lock has named since.
# Needs root, debootstrap and the network.
#
#	root.sh             make it, or check and complete it
#	root.sh --verify    only check: are the tools those of wasm.lock?
#	root.sh --versions  print its tools as wasm.lock has them
# shellcheck disable=SC2016 # dpkg and apt expand these
set -euo pipefail
. "$(dirname "$0")/lib.sh"

installed() {
	lock tool | while read -r package _; do
		chroot "$root" dpkg-query -W -f 'tool ${Package} ${Version}\n' "$package"
	done
}

verify() {
	[ -e "$root/.complete" ] || die "no sid root in $root: run wasm/root.sh"
	diff <(lock tool | sed 's/^/tool /') <(installed) >&2 ||
		die "the tools in $root are not those of wasm.lock"
}

make_root() {
	local release mirror
	# shellcheck source=/dev/null
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' "Release: $release" | head -n 1)
	[ -n "$mirror" ] || die "apt knows no mirror for $release"
	rm -rf "$root"
	debootstrap --variant=minbase --include=ca-certificates sid "$root" "$mirror"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # start no services
	chmod 755 "$root/usr/sbin/policy-rc.d"
	install -d -m 1777 "$root/dev/shm"
	# A mirror that stands still for a while is no danger here: versions are
	# pinned, and sources by hash.
	echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/99embeddedpg"
	sed -n 's/^deb /deb-src /p' "$root/etc/apt/sources.list" >>"$root/etc/apt/sources.list.d/sources.list"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	install_packages
	touch "$root/.complete"
}

install_packages() {
	local packages
	mapfile -t packages < <(lock tool | sed 's/ /=/' && lock test)
	sid_online apt-get update
	DEBIAN_FRONTEND=noninteractive sid_online apt-get install -y --no-install-recommends "${packages[@]}"
}

case ${1:-} in
--versions) installed ;;
--verify) verify ;;
*)
	[ -e "$root/.complete" ] || make_root
	(verify) 2>/dev/null || install_packages # the lock has named more since
	verify
	;;
esac
