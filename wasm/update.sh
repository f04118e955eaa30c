#!/bin/bash
# Brings every pin to the newest version there is, rebuilds, runs all suites, and leaves one commit to review.
#
#	update.sh             needs everything committed; some hours
#	update.sh --dry-run   only says what would move
#
# Pins are the sources, tools and Go modules of wasm.lock, the sources of tests/checkmodules/extensions.lock, the modules of each
# go.mod, the linters of tests/lint.sh, and the npm packages of tests. What stays in the hands of people is the step to another
# major version: of PostgreSQL, of LLVM (the name of the package has it), of a Go module whose path has it. A source that the lock
# has from a stable release of Debian (~deb in its version) stays in the newest stable one. The new tools get a root of their own.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$top"
dry=${1:-}
[ -n "$dry" ] || [ -z "$(git status --porcelain)" ] || die "commit first: what this leaves is one commit"
report=$(mktemp)
lists=$root/update
trap 'rm -rf "$report" "$lists"' EXIT

# moved KIND NAME OLD NEW FILE PATTERN REPLACEMENT: notes it, and unless this is a dry run, writes it.
moved() {
	[ "$3" != "$4" ] || return 0
	echo "$1 $2: $3 -> $4" | tee -a "$report"
	[ -n "$dry" ] || sed -i "s|$6|$7|" "$5"
}

unknown() { echo "$1: its newest version could not be asked for" | tee -a "$report" >&2; }

# Debian's archive, asked in the root with lists of its own: what is installed there stays as it is.
archive() {
	rm -rf "$lists"
	mkdir -p "$lists/lists/partial"
	local mirror
	mirror=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
	printf '%s\n' "deb $mirror sid main" "deb-src $mirror sid main" "deb-src $mirror stable main" "deb-src $mirror-security stable-security main" >"$lists/sources"
	printf '%s\n' 'Dir::Etc::SourceList "/update/sources";' 'Dir::Etc::SourceParts "-";' 'Dir::State::Lists "/update/lists";' \
		'Dir::Cache "/update";' 'Acquire::Check-Valid-Until "false";' >"$lists/apt.conf"
	asked apt-get -qq update
}
asked() { sid_online env APT_CONFIG=/update/apt.conf "$@" </dev/null; }

# newest PACKAGE PINNED FILE prints version, file and hash of its newest source, or of a binary package's.
newest() {
	case $3 in
	*.deb) asked apt-cache show "$1" | awk '/^Version:/ { v = $2 } /^Filename:/ { n = split($2, f, "/") } /^SHA256:/ { print v, f[n], $2; exit }' ;;
	*)
		asked apt-cache showsrc --only-source "$1" |
			awk '/^Version:/ { v = $2 } /^Checksums-Sha256:/ { on = 1; next } /^[^ ]/ { on = 0 } on && $3 ~ /\.orig\.tar\.[a-z0-9]+$/ { print v, $3, $1 }' |
			{ case $2 in *~deb*) grep '~deb' ;; *) grep -v '~deb' ;; esac || true; } | sort -V | tail -n 1
		;;
	esac
}

debian() {
	local name package version file sum new newfile newsum
	while read -r name package version file sum; do
		read -r new newfile newsum < <(newest "$package" "$version" "$file") || { unknown "source $name"; continue; }
		moved source "$name" "$version" "$new" wasm/wasm.lock "^source $name .*" "source $name $package $new $newfile $newsum"
	done < <(lock source)
	while read -r package version; do
		new=$(asked apt-cache madison "$package" | awk '$NF == "Packages" { print $3; exit }')
		[ -n "$new" ] || { unknown "tool $package"; continue; }
		moved tool "$package" "$version" "$new" wasm/wasm.lock "^tool $package .*" "tool $package $new"
	done < <(lock tool)
	while read -r name package file sum; do
		read -r new newfile newsum < <(newest "$package" "" "$file") || { unknown "extension $name"; continue; }
		moved extension "$name" "$file" "$newfile" tests/checkmodules/extensions.lock "^$name .*" "$name $package $newfile $newsum"
	done < <(grep -v '^#' tests/checkmodules/extensions.lock)
}

# latest MODULE prints the version and Go's hash of its newest release.
latest() { go mod download -json "$1@latest" 2>/dev/null | sed -nE 's/^\t"(Version|Sum)": "(.*)",?$/\2/p' | xargs | awk 'NF == 2'; }

modules() {
	local file module version name sum new newsum
	while read -r file; do
		while read -r module version; do
			read -r new newsum < <(latest "$module") || { unknown "$module in $file"; continue; }
			[ "$version" != "$new" ] || continue
			[ "$(printf '%s\n' "$version" "$new" | sort -V | tail -n 1)" = "$new" ] || continue # a pseudo-version or candidate after it
			moved module "$module in $file" "$version" "$new" "$file" "$module $version" "$module $new"
		done < <(sed -nE '/\/\/ indirect/d; s/^\t([a-z][^ ]*\.[^ ]*\/[^ ]*|gopkg[^ ]*) (v[^ ]*)$/\1 \2/p' "$file")
		[ -n "$dry" ] || (cd "$(dirname "$file")" && go mod tidy)
	done < <(git ls-files '*go.mod')
	while IFS=@ read -r module version; do
		name=$module # a command's package: the module is some way up
		until read -r new newsum < <(latest "$name") || [ "$name" = "${name%/*}" ]; do name=${name%/*}; done
		[ -n "$new" ] || { unknown "$module"; continue; }
		moved linter "$module" "$version" "$new" tests/lint.sh "$module@$version" "$module@$new"
	done < <(sed -nE 's/^[a-z]+=([a-z.]+\/.*@v.*)$/\1/p' tests/lint.sh)
	read -r name module version sum < <(lock gomod)
	read -r new newsum < <(latest "$module") || { unknown "$module"; return; }
	moved gomod "$name" "$version" "$new" wasm/wasm.lock "^gomod $name .*" "gomod $name $module $new $newsum"
}

npm_packages() {
	local file package version new
	command -v npm >/dev/null || { unknown "npm's packages"; return 0; }
	while IFS=: read -r file package; do
		version=${package##*@} package=${package%@*}
		new=$(npm view "$package" version 2>/dev/null) || { unknown "npm $package"; continue; }
		moved npm "$package" "$version" "$new" "$file" "$package@$version" "$package@$new"
	done < <(grep -oE '@[a-z-]+/[a-z0-9-]+@[0-9][0-9A-Za-z.-]*' tests/rivals/pglite.go tests/darwin.sh)
}

[ -e "$root/.complete" ] || die "no sid root in $root: run wasm/root.sh --tests"
archive
debian
modules
npm_packages
[ -s "$report" ] || { echo "nothing has moved" && exit; }
[ -z "$dry" ] || exit 0

# The rebuild: another root, so that a change of mind finds the old one as it was.
export EMBEDDEDPG_CACHE=$cache/update
make wasm
wasm/images.sh
go generate ./cmd/nself
make test check-extensions
git add -A
git commit -q -F <(printf 'wasm: take the newest sources, tools and modules\n\nBy make update, whose suites have passed:\n\n%s\n' "$(cat "$report")")
git show --stat
