#!/bin/bash
# Makes the sid root that everything is built in, once; later runs check it, and add what the lock has named since.
# Needs root and debootstrap, and the network where something is missing.
#
#	root.sh             make it, or check and complete it, for builds: each tool has the version of wasm.lock
#	root.sh --tests     the same for tests: what they need, in the lock's version or whatever sid has by now
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
		die "the tools in $root are not those of wasm.lock: where sid has moved on, make update brings the lock up to date"
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
	"$1"
	touch "$root/.complete"
}

install_packages() {
	local packages
	mapfile -t packages < <(lock tool | sed 's/ /=/' && lock test)
	sid_online apt-get update
	apt_install "${packages[@]}"
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive sid_online apt-get install -y --no-install-recommends "$@"
}

# install_for_tests gets what is missing. What sid has no more stays missing: the suites that need it say that they did not run.
install_for_tests() {
	local package version has packages=()
	while read -r package; do
		chroot "$root" dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || packages+=("$package")
	done < <(lock test)
	[ "${#packages[@]}" != 0 ] || return 0
	sid_online apt-get update || echo "${0##*/}: the archive does not answer" >&2 # where the network is gone, tests need none
	for i in "${!packages[@]}"; do
		package=${packages[i]}
		version=$(lock tool | awk -v package="$package" '$1 == package { print $2 }')
		has=$(chroot "$root" apt-cache madison "$package" | awk '{ print $3 }')
		if [ -n "$version" ] && grep -qxF "$version" <<<"$has"; then
			packages[i]=$package=$version
		elif [ -z "$has" ]; then
			echo "${0##*/}: sid has no $package any more" >&2
			unset "packages[i]"
		elif [ -n "$version" ]; then
			echo "${0##*/}: sid has no $package $version any more; tests take the one that it has" >&2
		fi
	done
	[ "${#packages[@]}" = 0 ] || apt_install "${packages[@]}" || echo "${0##*/}: could not be installed: ${packages[*]}" >&2
}

case ${1:-} in
--versions) installed ;;
--verify) verify ;;
--tests)
	if [ -e "$root/.complete" ]; then install_for_tests; else make_root install_for_tests; fi
	;;
*)
	[ -e "$root/.complete" ] || make_root install_packages
	(verify) 2>/dev/null || install_packages # the lock has named more since
	verify
	;;
esac
