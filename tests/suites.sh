#!/bin/bash
# Runs the suites that need a Debian root, most of them for native PostgreSQL 18 beside our server: postgres, extensions, depot, native, tools, tap, backup,
# translator, arm64, modules, move, bench, queries, vector, latency, differential, benchmarks or all (the first six but for depot, move, and some files of tap); root only makes what they need. Needs root, and the network the first time; what it fetches stays in the cache folder.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/wasm/lib.sh"
cd "$top"

[ "$(id -u)" = 0 ] || die "needs root: it changes into a Debian root directory"
command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap; }
"$wasm/root.sh" --tests

# What is unpacked stays, whatever becomes of the archive.
postgres_unpacked=$cache/suites/$(lock source | awk '$1 == "postgres" { print $4 }')
extensions_unpacked=$cache/suites/extensions-$(lock source | grep -E '^(postgres|pgvector) ' | sha256sum | cut -c 1-16)

postgres_tree() {
	tree=$postgres_unpacked
	if [ ! -e "$tree/.complete" ]; then
		"$wasm/fetch.sh" postgres
		rm -rf "$tree"
		mkdir -p "$tree"
		tar -C "$tree" --strip-components=1 --wildcards -xf "$(source_file postgres)" '*/src/test/regress' '*/src/test/isolation'
		touch "$tree/.complete"
	fi
}

postgres() {
	postgres_tree
	go run ./tests/checkpostgres -root "$root" -source "$tree" -keep tests/out "$@"
}

extensions() {
	tree=$extensions_unpacked
	if [ ! -e "$tree/.complete" ]; then
		"$wasm/fetch.sh" postgres pgvector
		rm -rf "$tree"
		mkdir -p "$tree/contrib/pgvector"
		tar -C "$tree" --strip-components=1 --wildcards -xf "$(source_file postgres)" '*/contrib' '*/src/pl/plpgsql/src'
		tar -C "$tree/contrib/pgvector" --strip-components=1 -xf "$(source_file pgvector)"
		touch "$tree/.complete"
	fi
	go run ./tests/checkextensions -root "$root" -source "$tree" -keep tests/out "$@"
}

# Its arguments are the command's, and names of extensions.
depot() {
	extensions/build.sh
	go run ./tests/checkextensions -root "$root" -keep tests/out -depot "$cache/depot" "$@"
}

native() {
	EMBEDDEDPG_DEBIAN_ROOT=$root go test -count=1 -v -timeout 20m ./tests/native
}

# A root that was made before the suite gets the tools here.
tools() {
	[ -e "$root/usr/bin/pg_activity" ] ||
		DEBIAN_FRONTEND=noninteractive sid_online apt-get install -y --no-install-recommends pgbackrest check-postgres pg-activity python3-psycopg
	EMBEDDEDPG_DEBIAN_ROOT=$root go test -count=1 -v ./tests/tools
}

# Its arguments are the test's: -size 1GB, -kills 20.
backup() {
	EMBEDDEDPG_DEBIAN_ROOT=$root go test -count=1 -v -timeout 60m ./tests/backup "$@"
}

# Databases moved and replicated between our server and native PostgreSQL. Its arguments are the tests': -kills 50, -pace 0.
move() {
	EMBEDDEDPG_DEBIAN_ROOT=$root go test -count=1 -v -timeout 60m ./tests/move "$@"
}

# npm gets PGlite, where there is an npm: without it the page has two columns.
benchmarks() {
	npm=
	if command -v npm >/dev/null; then
		npm=$cache/suites/pglite
		mkdir -p "$npm"
		(cd "$npm" && { [ -e package.json ] || npm init -y >/dev/null; } &&
			sed -n 's/^var PGlitePackages.*{\(.*\)}/\1/p' "$top/tests/rivals/pglite.go" | tr -d '",' | xargs npm install --no-audit --no-fund)
	fi
	go run ./tests/benchpage -root "$root" -npm "$npm" "$@"
}

# A root that was made before the benchmark gets Debian's pgvector here.
vector() {
	[ -e "$root/usr/share/postgresql/18/extension/vector.control" ] ||
		DEBIAN_FRONTEND=noninteractive sid_online apt-get install -y --no-install-recommends postgresql-18-pgvector
	go run ./tests/benchvector -root "$root" "$@"
}

# PostgreSQL's own tests in perl against our programs, and the ledger of them: tests/tap. Arguments are its own: names of files
# or folders, -with all,server,shell,native -update -failing.
tap() {
	[ -e "$root/usr/share/perl5/IPC/Run.pm" ] || # a root that was made before the suite
		DEBIAN_FRONTEND=noninteractive sid_online apt-get install -y --no-install-recommends libipc-run-perl
	"$wasm/fetch.sh" postgres
	tarball=$(source_file postgres)
	tree=$cache/suites/tap-$(basename "$tarball")
	if [ ! -e "$tree/.complete" ]; then
		rm -rf "$tree"
		mkdir -p "$tree/src"
		tar -C "$tree/src" --strip-components=1 -xf "$tarball"
		touch "$tree/.complete"
	fi
	go run ./tests/tap -root "$root" -source "$tree" -keep tests/out/tap "$@"
}

# Those of the quick files that tell most: programs, signals, a crash, passwords.
tap_quick() {
	tap -with all src/bin/psql src/bin/pg_ctl/t/001 src/test/recovery/t/013 src/test/authentication/t/001
}

# WebAssembly to LLVM IR: the specification's tests, and random modules beside wasmtime; and the vm's own tests with native
# code as its engine. With arguments only the first two, whose arguments they are: -modules 10000.
translator() {
	read -r name module version sum <<<"$(lock gomod)"
	read -r dir got <<<"$(go mod download -json "$module@$version" | sed -nE 's/^\t"(Dir|Sum)": "(.*)",?$/\2/p' | xargs)"
	[ "$got" = "$sum" ] || die "$name: $module $version is not the one of wasm.lock"
	EMBEDDEDPG_DEBIAN_ROOT=$root EMBEDDEDPG_SPECTEST=$dir/internal/integration_test/spectest \
		go test -count=1 -v -timeout 24h ./tests/wasm2llvm "$@" | grep -Ev '^ +--- PASS|=== (RUN|PAUSE|CONT)' || return
	[ $# != 0 ] || EMBEDDEDPG_DEBIAN_ROOT=$root EMBEDDEDPG_TEST_NATIVE=1 go test -count=1 -short -timeout 5m ./internal/vm
}

# arm64_quick runs nself doctor --selftest as a program of arm64: start, sockets, COPY, LISTEN, a crash, parallel queries,
# backups. A program that starts itself again, as nself does, needs the kernel to know of qemu: in a user namespace of its own,
# so that this machine does not change.
arm64_quick() {
	mkdir -p "$cache/suites/arm64"
	GOOS=linux GOARCH=arm64 CGO_ENABLED=1 CC=aarch64-linux-gnu-gcc go build -ldflags=-w -o "$cache/suites/arm64/nself" ./cmd/nself
	export EMBEDDEDPG_ENGINE=native QEMU_LD_PREFIX=/usr/aarch64-linux-gnu QEMU_RTSIG_MAP="32 36 24,62 60 3" # as in arm64
	# shellcheck disable=SC2016 # the inner shell expands them
	unshare --user --map-root-user --mount -- sh -c '
		mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || exit 77
		printf %s ":aarch64:M::\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:$0:F" \
			>/proc/sys/fs/binfmt_misc/register || exit 77
		exec "$1" doctor --selftest' "$root/usr/bin/qemu-aarch64" "$cache/suites/arm64/nself" || {
		[ $? = 77 ] || return 1
		tests/stage.sh --did-not-run "linux/arm64" "this kernel (before 6.7) or container lets nobody register qemu for a user namespace of its own"
	}
}

# Native code for arm64 under qemu, which can say nothing of time and of memory order: internal/vm's tests, sessions that are
# cancelled and ended, and some of PostgreSQL's tests; with -quick only what arm64_quick says; with -spec the specification's tests too, which take hours
# under emulation and have not been seen to their end.
arm64() {
	command -v aarch64-linux-gnu-gcc >/dev/null || { apt-get update -qq && apt-get install -y -qq gcc-aarch64-linux-gnu; }
	if [ "${1:-}" = -quick ]; then
		arm64_quick
		return
	fi
	if [ "${1:-}" = -spec ]; then
		translator -run 'Specification' -target aarch64
		return
	fi
	made=$cache/suites/arm64-$(git ls-files -s internal/image/'*.wasm*' wasm2llvm internal/vm/wasm2llvm.h wasm/native.sh | sha256sum | cut -c 1-16)
	mkdir -p "$made/native"
	for module in postgres initdb pgtools; do
		[ -e "internal/image/native/arm64/$module.zst" ] || # the program holds it
			[ -e "$made/native/$(sha256sum "internal/image/$module.wasm" | cut -c 1-64).so" ] ||
			"$wasm/native.sh" -target aarch64 "internal/image/$module.wasm" "$made/native"
	done
	(
		export GOOS=linux GOARCH=arm64 CGO_ENABLED=1 CC=aarch64-linux-gnu-gcc
		go build -o "$made/checkpostgres" ./tests/checkpostgres
		go test -c -o "$made/vm.test" ./internal/vm
		go test -c -o "$made/sessions.test" ./tests/sessions
	)
	export EMBEDDEDPG_ENGINE=native EMBEDDEDPG_NATIVE=$made/native
	export QEMU_RTSIG_MAP="32 36 24,62 60 3" # a kill's signal is 62, which it would not pass on
	emulated=("$root/usr/bin/qemu-aarch64" -L /usr/aarch64-linux-gnu)
	(cd internal/vm && EMBEDDEDPG_DEBIAN_ROOT=$root EMBEDDEDPG_TEST_NATIVE=1 "${emulated[@]}" "$made/vm.test" -test.short -test.timeout 10m \
		-test.run '^Test(Traps|StackOverflow|DeepTrap|GoPanic|Done|Exceptions.*|Hello|Kill|KillInHost|KillSignalTaken|FastPath.*|Native.*|Side.*)$')
	(cd tests/sessions && "${emulated[@]}" "$made/sessions.test" -test.timeout 10m -test.run '^Test(StatementTimeout|Terminate)$')
	postgres_tree
	"${emulated[@]}" "$made/checkpostgres" -root "$root" -source "$tree" -keep tests/out -only regress -tests \
		"test_setup boolean char name varchar text int2 int4 int8 oid bit uuid money numeric float8 strings errors infinite_recurse plpgsql"
}

# lacks SUITE prints what it needs and this machine cannot have, because sid has moved on or there is no network.
lacks() {
	case $1 in
	translator) [ -x "$root/usr/lib/llvm-22/bin/clang" ] || echo "the root has no clang-22" ;;
	native | backup | move | tools | tap) [ -x "$root/usr/lib/postgresql/18/bin/postgres" ] || echo "the root has no postgresql-18" ;;
	esac
	case $1 in
	tools)
		for program in pgbackrest check_postgres pg_activity; do
			[ -e "$root/usr/bin/$program" ] || echo "the root has no $program"
		done
		;;
	postgres)
		[ -e "$postgres_unpacked/.complete" ] || "$wasm/fetch.sh" postgres >/dev/null 2>&1 ||
			echo "PostgreSQL's source as wasm.lock names it cannot be had"
		;;
	tap)
		[ -e "$root/usr/share/perl5/IPC/Run.pm" ] || echo "the root has no libipc-run-perl"
		"$wasm/fetch.sh" postgres >/dev/null 2>&1 || echo "PostgreSQL's source as wasm.lock names it cannot be had"
		;;
	extensions)
		[ -e "$extensions_unpacked/.complete" ] || "$wasm/fetch.sh" postgres pgvector >/dev/null 2>&1 ||
			echo "PostgreSQL's source or pgvector's as wasm.lock names them cannot be had"
		;;
	esac
}

# all runs the suites of CI. One that cannot run is no failure, or no checkout would pass a year later; but it is said, at once
# and at the end of `make test` (tests/stage.sh --not-run).
all() {
	for suite in translator native tools backup move postgres extensions tap; do
		why=$(lacks "$suite" | paste -sd ';')
		if [ -n "$why" ]; then
			tests/stage.sh --did-not-run "$suite" "$why; make update brings wasm.lock up to date, where the network is not at fault"
			continue
		fi
		case $suite in
		# TestUnderLoad needs no native server: `make test` has run it under the race detector.
		backup) backup -skip '^TestUnderLoad$' ;;
		tap) tap_quick ;;
		*) "$suite" ;;
		esac
	done
}

suite=${1:?usage: suites.sh root|postgres|extensions|depot|native|tools|tap|backup|translator|arm64|modules|move|bench|queries|vector|latency|differential|benchmarks|all}
shift
case $suite in
root) ;;
postgres) postgres "$@" ;;
extensions) extensions "$@" ;;
depot) depot "$@" ;;
native) native ;;
tools) tools ;;
tap) tap "$@" ;;
modules) tests/modules.sh ;;
backup) backup "$@" ;;
move) move "$@" ;;
translator) translator "$@" ;;
arm64) arm64 "$@" ;;
bench) go run ./tests/benchpostgres -root "$root" "$@" ;;
queries) go run ./tests/benchqueries -root "$root" "$@" ;;
vector) vector "$@" ;;
benchmarks) benchmarks "$@" ;;
latency) go run ./tests/latency -root "$root" "$@" ;;
differential) go run ./tests/differential -root "$root" "$@" ;;
all) all ;;
*) die "no suite $suite" ;;
esac
