# make try             build nself, start a database, show a query's result, stop it
# make test            everything that CI checks: about half an hour on 2 cores, needs root on Debian
# make test-short      the tests that need neither root, network nor native PostgreSQL: about a minute
# make lint-c          the C files of internal/vm with -Wall -Wextra -Werror, for linux/amd64 and linux/arm64
# make check-kernel    the kernel's own tests, which must reach 85 % of its statements
# make check-postgres  PostgreSQL's own regression and isolation suites against our server
# make check-modules   extensions as loadable modules: built, and their own tests
# make check-extensions  every extension created, and its own tests; writes docs/extensions.md
# make extensions      the extensions of extensions/, built from Debian's sources as side modules, and packed: half an hour
# make check-depot     their own tests against our server; writes docs/depot.md
# make check-stack     the whole stack on a Docker engine, or as root on Debian one started for it: 5 minutes
# make check-native    data directories moved between our server and native PostgreSQL 18
# make check-resources what happens where the operating system refuses memory, threads, files, directories: each in a process of its own
# make check-tools     pgbackrest, check_postgres and pg_activity on our server
# make check-backup    backups of every kind, moved between our server and native PostgreSQL 18, under load and under kills
# make check-move      databases moved to native PostgreSQL 18 while clients write, under KILLS kills (50); replication both ways
# make check-translator  WebAssembly's specification tests through the translator to LLVM IR, random modules beside wasmtime, and internal/vm's tests as native code
# make check-arm64     native code for arm64 under qemu: internal/vm's tests, ends of sessions, some of PostgreSQL's tests; not part of `make test`
# make check-studio    the page of nself studio in headless Chromium (Debian: chromium), with screenshots (SHOTS=directory): two minutes; not part of `make test`
# make check-darwin    what can be seen of macOS without one: the C files compile, nself and a test binary link; needs npm's zig; not part of `make test`
# make release         archives, packages and their sums for Linux and macOS in dist/, from a commit (RELEASE_URL=)
# make update          every pin to the newest version there is, a rebuild, all suites, and one commit to review: hours (UPDATE=--dry-run: what has moved)
# make bench           pgbench, ours and native PostgreSQL 18 in turn
# make bench-vector    pgvector, ours and native in turn: 100,000 vectors loaded, indexed and searched; writes docs/pgvector.md
# make bench-branch    branches on loop-mounted XFS, Btrfs and ext4, idle and under load, beside cp -a: needs root, 3 GB and some minutes
# make benchmarks      docs/benchmarks.md: ours, native PostgreSQL 18 and PGlite
# make examples        the programs in examples/, the recipes and pgtest's adapters, each with its tests; and a newcomer's first test in an empty module
# make crash           50 kills of a server under load (KILLS=n)
# make crash-harness   2,000 power cuts of a disk that keeps a journal (CUTS=n, SEED=n, REPLAY=case), and failing disks
# make isolation       histories at each isolation level, checked for cycles, while sessions and servers are killed, stopped, run out of disk and power (FAULTS=n, CLIENTS=n)
# make stress          80 sessions do everything at once for 30 minutes (DURATION=, CLIENTS=n), and 10,000 connections
# make fuzz-translator 33,000 random modules of two kinds beside wasmtime, two million calls: some hours (MODULES=n, SEED=n)
# make fuzz            20 seconds of each fuzz target (FUZZTIME=)
# make man             the man pages of nself, in man/
# make arm64           build nself for linux/arm64, to see that it builds (needs gcc-aarch64-linux-gnu)
# make wasm            build internal/image anew from wasm/wasm.lock

SHELL := /bin/bash
KILLS ?= 50
CUTS ?= 2000
FAULTS ?= 10
SEED ?=
REPLAY ?=
DURATION ?= 30m
CLIENTS ?= 80
FUZZTIME ?= 20s
MODULES ?= 33000
RELEASE_URL ?=
UPDATE ?=
# Tests of time and memory: alone on the machine, and without the race detector.
FIGURES := TestManyCycles|TestIdleConnections|TestStartTime|TestErrorsFree|TestStarved|TestShortConnections|TestStartCommandTime
# What has no cgo must compile on every Unix; this much compiles on Windows too (docs/windows.md).
PORTABLE := ./...
PORTABLE_WINDOWS := $(addprefix ./internal/,vfs vfs/vfstest image fault sqlwire hostdir migrate) $(addprefix ./cmd/nself/internal/,project certs docker compose ledger)

.PHONY: try extensions check-depot examples test test-short lint lint-c check-kernel check-postgres check-extensions check-modules check-native check-tools check-stack check-backup check-move check-resources check-translator check-arm64 bench bench-vector bench-branch benchmarks crash crash-harness isolation stress fuzz fuzz-translator arm64 wasm man clean

nself: $(shell find . -name '*.go' -o -name '*.c' -o -name '*.h') $(wildcard internal/image/*.wasm* internal/image/native/*/*.zst)
	go build -o nself ./cmd/nself

try:
	@tests/try.sh

# Each stage says what it runs and how long it took.
test:
	@rm -f tests/out/not-run
	@tests/stage.sh "sid root" tests/suites.sh root
	@tests/stage.sh lint $(MAKE) --no-print-directory lint
	@tests/stage.sh "committed modules" wasm/check.sh
	@tests/stage.sh "the kernel's own tests" $(MAKE) --no-print-directory check-kernel
	@tests/stage.sh "race detector" go test -race -timeout 40m ./...
	@EMBEDDEDPG_FASTPATH=off tests/stage.sh "without the fast path" go test -count=1 -short . ./tests/sessions
	@EMBEDDEDPG_ENGINE=wasmtime tests/stage.sh "by wasmtime" go test -count=1 -short . ./tests/sessions
	@GODEBUG=asyncpreemptoff=1 tests/stage.sh "without asynchronous preemption" go test -count=1 -short ./...
	@tests/stage.sh figures go test -count=1 -timeout 20m -p 1 -run '$(FIGURES)' . ./tests/sessions ./cmd/nself
	@tests/stage.sh examples $(MAKE) --no-print-directory examples
	@tests/stage.sh "suites beside native PostgreSQL" tests/suites.sh all
	@tests/stage.sh --not-run

examples:
	for module in examples/*/go.mod pgtest/goosetest/go.mod pgtest/migratetest/go.mod; do \
		(cd "$$(dirname "$$module")" && go vet ./... && go test ./...) || exit 1; done
	tests/newcomer.sh

test-short:
	go test -short ./...

lint: lint-c
	tests/lint.sh
	go vet ./...
	cd cmd/nself/stacktest/services && go vet ./...
	for target in darwin/arm64 darwin/amd64 linux/arm64; do \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 go vet $(PORTABLE) || exit 1; done
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go vet $(PORTABLE_WINDOWS)

lint-c:
	tests/lint-c.sh

check-kernel:
	tests/cover-kernel.sh

check-postgres:
	tests/suites.sh postgres

check-modules:
	tests/suites.sh modules

check-extensions:
	tests/suites.sh extensions -write docs/extensions.md

extensions:
	extensions/build.sh
	go run ./extensions/makepack -modules $${EMBEDDEDPG_CACHE:-$$HOME/.cache/embeddedpg}/depot/modules -out extensions/pack/pack

check-depot:
	tests/suites.sh depot -write docs/depot.md

check-stack:
	cmd/nself/stacktest/run.sh

check-native:
	tests/suites.sh native

check-resources:
	go test -count=1 -v ./tests/resources

check-tools:
	tests/suites.sh tools

check-backup:
	tests/suites.sh backup

check-move:
	tests/suites.sh move -kills $(KILLS)

check-translator:
	tests/suites.sh translator

check-arm64:
	tests/suites.sh arm64

.PHONY: check-studio
check-studio:
	cd tests/studio && go vet ./... && go test -count=1 -v ./... $(if $(SHOTS),-shots $(abspath $(SHOTS)))

.PHONY: check-darwin update
check-darwin:
	tests/darwin.sh check

.PHONY: release
release:
	release/release.sh dist $(RELEASE_URL)

update:
	wasm/update.sh $(UPDATE)

fuzz-translator:
	tests/suites.sh translator -run Differential -modules $(MODULES) $(if $(SEED),-seed $(SEED))

bench:
	tests/suites.sh bench

bench-branch:
	tests/benchbranch/branches.sh

bench-vector:
	tests/suites.sh vector -write docs/pgvector.md

benchmarks:
	tests/suites.sh benchmarks

crash:
	go test ./tests/crash -run Kill -count=1 -v -timeout 4h -kills $(KILLS)

crash-harness:
	go test ./tests/crash -run 'PowerCut|Disk' -count=1 -v -timeout 4h -cuts $(CUTS) -faults 1000 $(if $(SEED),-seed $(SEED)) $(if $(REPLAY),-replay $(abspath $(REPLAY)))

isolation:
	go test ./tests/isolation -count=1 -v -timeout 4h -clients $(CLIENTS) -faults $(FAULTS) -transactions 3000 $(if $(SEED),-seed $(SEED))

stress:
	go test ./tests/stress -count=1 -v -timeout 24h -duration $(DURATION) -clients $(CLIENTS)
	go test ./tests/sessions -run ShortConnections -count=1 -v

fuzz:
	for file in $$(git grep -lE '^func Fuzz' -- '*_test.go'); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' $$file); do \
			echo "$$target in $$file"; \
			go test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x || exit 1; done; done

arm64:
	CC=aarch64-linux-gnu-gcc GOOS=linux GOARCH=arm64 CGO_ENABLED=1 go build -o /dev/null ./cmd/nself

wasm:
	wasm/root.sh
	wasm/fetch.sh
	wasm/build.sh

man:
	go test ./cmd/nself -count=1 -run TestMan -man $(CURDIR)/man

clean:
	rm -rf nself man dist
